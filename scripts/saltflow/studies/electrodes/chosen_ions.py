"""Which ions leave a host, or which of its free sites are taken."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from saltflow.base.errors import SaltflowError
from saltflow.studies.electrodes.host import Host
from saltflow.studies.electrodes.moved_sites import free_sites_A

LOWEST, RANDOM, FACE = "lowest-energy", "random", "nearest-to-face"
RULES = (LOWEST, RANDOM, FACE)
AXES = "abc"


def changed_states(
    host: Host, atoms: Atoms, *, added: int, rule: str, axis: str, candidates: int, random: np.random.Generator
) -> list[Atoms]:
    """States after ions were put in (added > 0) or taken out; several for the lowest energy, else one.

    Args:
        host: framework and sites.
        atoms: the framework first, then the ions.
        added: ions; negative where they leave.
        rule: of `RULES`. Random draws each; nearest-to-face takes those nearest to the face of the cell; lowest-energy
            gives different random states, the lowest of which is to be kept.
        axis: a, b or c, which the face is across.
        candidates: at most, of the lowest energy.
        random: numbers.

    Raises:
        SaltflowError: there are fewer ions, or free sites, than are asked for.
    """
    framework = len(host.framework)
    places = free_sites_A(host, atoms) if added > 0 else atoms.positions[framework:]
    if len(places) < abs(added):
        what = "free sites" if added > 0 else "ions"
        raise SaltflowError(f"The host has {len(places)} {what} where {abs(added)} are wanted; lower --ions-per-step.")
    if rule == FACE:
        depths = np.linalg.solve(atoms.cell.array.T, places.T)[AXES.index(axis)] % 1.0
        chosen = [np.argsort(np.minimum(depths, 1 - depths), kind="stable")[: abs(added)]]
    else:
        draws = 1 if rule == RANDOM else 10 * candidates
        drawn = {tuple(np.sort(random.permutation(len(places))[: abs(added)])): None for _ in range(draws)}
        chosen = [np.array(each) for each in list(drawn)[: 1 if rule == RANDOM else candidates]]
    return [_changed(host, atoms, places, each, is_added=added > 0) for each in chosen]


def _changed(host: Host, atoms: Atoms, places: np.ndarray, chosen: Sequence[int], *, is_added: bool) -> Atoms:
    bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
    if is_added:
        return bare + Atoms([host.ion] * len(chosen), places[chosen])
    gone = set((np.asarray(chosen) + len(host.framework)).tolist())
    return bare[[index for index in range(len(bare)) if index not in gone]]
