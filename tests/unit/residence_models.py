"""Telegraph processes with known answers: contacts of independent pairs, and ions that sit beside metals or do not."""

import numpy as np

from saltflow.analysis.residence.contacts import Contacts
from saltflow.analysis.residence.survival import PairsAtOrigin
from saltflow.trajectory.memory import Trajectory

FAR_A, NEAR_A = 6.0, 3.0
SPACING_A = 14.0
BOND_A = 2.1


def telegraph(rng: np.random.Generator, *, frames: int, pairs: int, k_out: float, k_in: float) -> np.ndarray:
    """Two-state Markov chains in equilibrium, (frames, pairs): leaving and entering with these chances per frame."""
    k_out, k_in = np.broadcast_to(k_out, pairs), np.broadcast_to(k_in, pairs)
    present = np.empty((frames, pairs), dtype=bool)
    now = rng.random(pairs) < k_in / (k_in + k_out)
    for frame in range(frames):
        present[frame] = now
        chance = rng.random(pairs)
        now = np.where(now, chance >= k_out, chance < k_in)
    return present


def as_contacts(present: np.ndarray, *, chunk: int) -> list[Contacts]:
    """Presence as chunks of contacts, without the pairs that are never present in a chunk."""
    contacts = []
    for start in range(0, len(present), chunk):
        rows = present[start : start + chunk]
        listed = np.flatnonzero(rows.any(axis=0))
        contacts.append(Contacts(start, listed, rows[:, listed]))
    return contacts


def follow(functions, present: np.ndarray, *, origins: np.ndarray, blocks: int, classes=None, chunk: int = 32):
    """Feed functions of residence with presence; class of each pair from `classes`. Returns their sums."""
    classes = np.zeros(present.shape[1], dtype=int) if classes is None else classes
    for contacts in as_contacts(present, chunk=chunk):
        for number in range(*np.searchsorted(origins, (contacts.start, contacts.start + len(contacts.present)))):
            frame = int(origins[number])
            pairs = contacts.present_at(frame)
            for function in functions:
                function.begin(PairsAtOrigin(frame, number * blocks // len(origins), pairs, classes[pairs]))
        for function in functions:
            function.advance(contacts)
    return [function.finish() for function in functions]


def beside_metals(
    present: np.ndarray, *, oxygens: np.ndarray, interval_ps: float, rng: np.random.Generator, rattle_A: float = 0.05
) -> Trajectory:
    """Ions that are beside their own metal or in its neighbourhood; each metal has four ligands, some of them oxygen.

    Args:
        present: (frames, ions).
        oxygens: number of oxygens among the four ligands of each metal, (ions,).
        interval_ps: between frames.
        rng: of the rattling.
        rattle_A: amplitude of the rattling per coordinate.
    """
    frames, ions = present.shape
    edge = int(np.ceil(ions ** (1 / 3)))
    corners = np.array(np.meshgrid(*[np.arange(edge)] * 3)).reshape(3, -1).T[:ions] * SPACING_A
    directions = np.array([[1, 1, -1], [1, -1, -1], [-1, 1, -1], [-1, -1, -1]]) / np.sqrt(3)
    ligands = (corners[:, None] + BOND_A * directions).reshape(-1, 3)
    is_oxygen = (np.arange(4) < np.asarray(oxygens)[:, None]).ravel()
    order = np.argsort(is_oxygen, kind="stable")
    away_A = np.where(present, NEAR_A, FAR_A)[..., None] * np.array([0.0, 0.0, 1.0])
    still = np.concatenate([corners, ligands[order]])
    positions_A = np.concatenate([corners + away_A, np.tile(still, (frames, 1, 1))], axis=1)
    positions_A += rng.normal(0, rattle_A, positions_A.shape)
    symbols = ("Li",) * ions + ("Al",) * ions + ("Cl",) * int((~is_oxygen).sum()) + ("O",) * int(is_oxygen.sum())
    cells_A = np.tile(np.eye(3) * edge * SPACING_A, (frames, 1, 1))
    return Trajectory(positions_A.astype(np.float32), cells_A, interval_ps * np.arange(frames), symbols,
                      np.ones(len(symbols)))  # fmt: skip
