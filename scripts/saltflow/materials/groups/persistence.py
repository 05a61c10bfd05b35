"""Groups that persist through a run, and the lifetimes of their bonds."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.geometry import find_mic

from saltflow.materials.compositions import Composition
from saltflow.materials.groups.finding import bonds_of_groups, find_groups
from saltflow.trajectory.memory import TrajectoryReader

FRAMES = 400
# No broken bond in a total time t: the lifetime is above t/3 with 95 % confidence, exp(−3) = 0.05.
LIFETIMES_AT_95_PERCENT = 3.0


def persistent_groups(
    run: TrajectoryReader, composition: Composition, *, wanted: Sequence[str], max_exchanged_fraction: float
) -> dict:
    """The groups of a run that never exchange an atom, and statistics of every kind.

    A bond is broken if it is too long in two consecutive sampled frames or in the last one; shorter excursions are
    vibrations. A group exchanges atoms if one of its bonds breaks, or if it is no separate group at the end. A kind
    with more exchanging groups than allowed is a network; none of its groups is kept.

    Args:
        run: trajectory of one replica.
        composition: of the run.
        wanted: see `find_groups`.
        max_exchanged_fraction: largest fraction of exchanging groups of a kind.

    Returns:
        JSON-able: `groups` with kind and atoms; `kinds` with found, kept, exchanged, bond_lifetime_ps (a lower bound
        with 95 % confidence where `lifetime_is_bound`), bonds_broken, and status "ok" or "exchanges atoms".
    """
    sampled = sampled_frames(run.n_frames)
    frames_A = run.read_positions_A(sampled, slice(None)).astype(float)
    cells_A = np.broadcast_to(run.cells_A, (run.n_frames, 3, 3))[sampled]
    at_first, at_last = (
        find_groups(Atoms(run.symbols, frames_A[place], cell=cells_A[place], pbc=True), composition, wanted=wanted)
        for place in (0, -1)
    )
    bonds, ends_A = bonds_of_groups(at_first, run.symbols, composition)
    broken_at = _broken_at(frames_A, cells_A, bonds, ends_A)
    interval_ps = float(run.times_ps[-1] - run.times_ps[0]) / max(1, len(frames_A) - 1)
    broken_atoms = {int(atom) for atom in bonds[broken_at < len(frames_A)].ravel()}
    kept = [group for group in at_first if not broken_atoms & set(group.atoms) and group in at_last]
    kinds = {}
    for kind in dict.fromkeys(group.kind for group in at_first):
        own = [group for group in at_first if group.kind == kind]
        persisting = sum(group in kept for group in own)
        members = {atom for group in own for atom in group.atoms}
        of_kind = np.array([int(one) in members for one, _ in bonds], dtype=bool)
        exchanged = len(own) - persisting
        kinds[kind] = {
            "found": len(own),
            "kept": persisting,
            "exchanged": exchanged,
            "status": "ok" if exchanged <= max_exchanged_fraction * len(own) else "exchanges atoms",
            **_lifetime(broken_at[of_kind], interval_ps=interval_ps, frames=len(frames_A)),
        }
    return {
        "groups": [
            {"kind": group.kind, "atoms": list(group.atoms)} for group in kept if kinds[group.kind]["status"] == "ok"
        ],
        "kinds": kinds,
    }


def sampled_frames(n_frames: int) -> slice:
    """At most `FRAMES` evenly spaced frames, the last included."""
    stride = max(1, -(-n_frames // FRAMES))
    return slice((n_frames - 1) % stride, None, stride)


def _broken_at(frames_A: np.ndarray, cells_A: np.ndarray, bonds: np.ndarray, ends_A: np.ndarray) -> np.ndarray:
    """(bonds,) the sampled frame at which each bond is first broken; their number where it never is."""
    frames = len(frames_A)
    absent = np.zeros((frames + 1, len(bonds)), dtype=bool)
    for frame, (positions_A, cell_A) in enumerate(zip(frames_A, cells_A, strict=True)):
        if len(bonds):
            vectors = positions_A[bonds[:, 1]] - positions_A[bonds[:, 0]]
            absent[frame] = find_mic(vectors, cell_A, pbc=True)[1] > ends_A
    absent[frames] = absent[frames - 1]  # the last frame counts by itself
    broken = absent[:-1] & absent[1:]
    return np.where(broken.any(0), broken.argmax(0), frames)


def _lifetime(broken_at: np.ndarray, *, interval_ps: float, frames: int) -> dict:
    """Total time of all bonds of a kind over the number that broke: the estimate for an exponential decay."""
    lived_ps = float(np.minimum(broken_at, frames - 1).sum()) * interval_ps
    breaks = int((broken_at < frames).sum())
    return {
        "bond_lifetime_ps": lived_ps / (breaks or LIFETIMES_AT_95_PERCENT),
        "lifetime_is_bound": breaks == 0,
        "bonds_broken": breaks,
    }
