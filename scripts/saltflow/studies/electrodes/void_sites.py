"""Voids of an empty host that an ion takes: those of one kind, where an ion costs least."""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.geometry import find_mic

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import digest
from saltflow.studies.electrodes.configurations import MADE_BY
from saltflow.studies.electrodes.host import Host, host_of_voids
from saltflow.studies.kept_numbers import kept_numbers
from saltflow.studies.mobile_sites import MobileSites, find_sites
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation
from saltflow.studies.relaxation.relaxed_states import relax

SAME_A = 0.1

log = logging.getLogger(__name__)


def host_with_voids(
    crystal: Atoms,
    ion: str,
    evaluation: BatchedEvaluation,
    *,
    repeats: tuple[int, int, int],
    settings: Mapping,
    folder: Path,
) -> Host:
    """A host whose sites are the voids of the kind in which one ion has the lowest energy, relaxed at a fixed cell.

    Args:
        crystal: without the ion.
        ion: element.
        evaluation: of the potential.
        repeats: of the cell.
        settings: force_eV_A, steps, and what tells one potential from another.
        folder: of the study; voids.json keeps the energies.

    Raises:
        InputError: as of `find_sites`: the host has no void.
        SaltflowError: no kind of void holds an ion.
    """
    sites = find_sites(crystal, ion, voids=True)
    kinds = kinds_of(sites)
    hosts = [host_of_voids(sites, sites.positions[kind], repeats=repeats) for kind in kinds]

    def energies() -> dict:
        states = [each.filled(np.arange(each.sites) == 0) for each in hosts]
        limits = {"force_eV_A": settings["force_eV_A"], "steps": settings["steps"]}
        found = [each.energy_eV for each in relax(states, evaluation, **limits)]
        return {"energies_eV": [each if np.isfinite(each) else None for each in found]}

    places = [each.round(4).tolist() for each in (crystal.cell.array, crystal.positions, sites.positions)]
    made_by = {name: settings[name] for name in MADE_BY}
    key = digest([made_by, repeats, str(crystal.symbols), ion, *places])
    kept = kept_numbers(folder / "voids.json", energies, key=key)["energies_eV"]
    energies_eV = np.array([np.inf if each is None else each for each in kept])
    if not np.isfinite(energies_eV).any():
        raise SaltflowError(f"No void of the host holds {ion} by this potential; give a host with its ions.")
    best = int(energies_eV.argmin())
    log.info("%s takes %s voids of %s kinds.", ion, len(kinds[best]), len(kinds))
    return hosts[best]


def kinds_of(sites: MobileSites) -> list[np.ndarray]:
    """Indices of the voids that symmetry makes of each other."""
    left, kinds = list(range(len(sites.positions))), []
    while left:
        images = sites.rotations @ sites.positions[left[0]] + sites.translations
        between = ((sites.positions[left][:, None] - images) @ sites.cell).reshape(-1, 3)
        apart = find_mic(between, sites.cell)[1].reshape(len(left), -1).min(axis=1)
        kind = [index for index, distance in zip(left, apart, strict=True) if distance < SAME_A]
        kinds.append(np.array(kind))
        left = [index for index in left if index not in kind]
    return kinds
