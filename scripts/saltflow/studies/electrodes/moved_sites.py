"""Where the sites of a host are while its framework moves, and which of them are free."""

import numpy as np
from ase import Atoms
from ase.geometry import find_mic

from saltflow.studies.electrodes.host import Host

NEIGHBOURS = 6  # framework atoms that carry a site along
FREE_A = 1.5  # from a free site to the nearest ion


def framework_moves(host: Host, atoms: Atoms) -> np.ndarray:
    """Displacements of the framework atoms from the host, fractional, without images, shape (framework, 3).

    Args:
        atoms: those of the framework first.
    """
    start = host.framework.get_scaled_positions(wrap=False)
    now = np.linalg.solve(atoms.cell.array.T, atoms.positions[: len(start)].T).T
    return now - start - np.round(now - start)


def moved_sites_A(host: Host, atoms: Atoms) -> np.ndarray:
    """Positions of the sites among atoms, shape (sites, 3): each moves as the median of the framework next to it."""
    places = np.linalg.solve(host.framework.cell.array.T, host.sites_A.T).T
    between = (places[:, None] - host.framework.get_scaled_positions(wrap=False)).reshape(-1, 3)
    apart = find_mic(between @ host.framework.cell.array, host.framework.cell)[1].reshape(len(places), -1)
    near = np.argsort(apart, axis=1, kind="stable")[:, :NEIGHBOURS]
    return (places + np.median(framework_moves(host, atoms)[near], axis=1)) @ atoms.cell.array


def free_sites_A(host: Host, atoms: Atoms) -> np.ndarray:
    """Positions of the sites that no ion is next to, and that are next to none, shape (free, 3)."""
    sites = moved_sites_A(host, atoms)
    ions = atoms.positions[len(host.framework) :]
    if not len(ions):
        return sites
    apart = find_mic((sites[:, None] - ions).reshape(-1, 3), atoms.cell)[1].reshape(len(sites), -1)
    free = apart.min(axis=1) > FREE_A
    free[apart.argmin(axis=0)] = False
    return sites[free]
