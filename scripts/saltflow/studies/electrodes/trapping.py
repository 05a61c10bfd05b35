"""How vacancies of a framework hold ions: how many are next to them, and how much lower an ion lies there."""

from dataclasses import replace

import numpy as np
from ase import Atoms
from ase.geometry import find_mic

from saltflow.studies.electrodes.configurations import OK, Configurations
from saltflow.studies.electrodes.host import Host
from saltflow.studies.electrodes.moved_sites import moved_sites_A

NEAR_A = 3.0


def trapped_ions(host: Host, atoms: Atoms) -> dict:
    """Ions next to vacancies, beside an even spread over the sites.

    Args:
        host: with vacancies.
        atoms: the framework first, then the ions.

    Returns:
        near_vacancies: fraction of the ions within 3 Å of a vacancy, which moves with the framework; None without ions.
        sites_near_vacancies: of the sites.
        trapping: their ratio; 1 for an even spread. None without ions, or without such sites.
    """
    vacancies = moved_sites_A(replace(host, sites_A=host.vacancies_A), atoms)
    ions = _near(atoms.positions[len(host.framework) :], vacancies, atoms)
    sites = _near(moved_sites_A(host, atoms), vacancies, atoms)
    return {
        "near_vacancies": ions,
        "sites_near_vacancies": sites,
        "trapping": ions / sites if ions is not None and sites else None,
    }


def trap_of(host: Host, configurations: Configurations) -> dict:
    """The energy of a single ion at the site nearest to a vacancy less that at the site farthest from all, relaxed.

    Args:
        host: with vacancies.
        configurations: of it.

    Returns:
        trap_eV (negative where the vacancy holds the ion; None where one of both is not at rest), nearest_A and
        farthest_A (distances of these sites), and status.
    """
    apart = _apart_A(host.sites_A, host.vacancies_A, host.framework).min(axis=1)
    ends = [int(apart.argmin()), int(apart.argmax())]
    near, far = configurations.of([np.arange(host.sites) == site for site in ends])
    status = next((each.status for each in (near, far) if each.status != OK), OK)
    return {
        "trap_eV": near.energy_eV - far.energy_eV if status == OK else None,
        "nearest_A": float(apart.min()),
        "farthest_A": float(apart.max()),
        "status": status,
    }


def _near(places: np.ndarray, vacancies: np.ndarray, atoms: Atoms) -> float | None:
    if not len(places):
        return None
    return float(np.mean(_apart_A(places, vacancies, atoms).min(axis=1) < NEAR_A))


def _apart_A(places: np.ndarray, others: np.ndarray, atoms: Atoms) -> np.ndarray:
    between = (places[:, None] - others).reshape(-1, 3)
    return find_mic(between, atoms.cell)[1].reshape(len(places), -1)
