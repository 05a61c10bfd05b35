"""Cells whose structure is known by construction."""

import numpy as np
from ase.build import bulk

from saltflow.analysis.structure.coordination_shells import Snapshot
from saltflow.analysis.structure.roles import roles_of
from saltflow.trajectory.memory import Trajectory

CHARGES = {"Li": 1, "Al": 3, "Cl": -1, "O": -2}
ROLES = roles_of(CHARGES, mobile_ion="Li")
CUTOFFS_A = {("Al", "Cl"): 2.6, ("Al", "O"): 2.3, ("Li", "Cl"): 3.0, ("Li", "O"): 2.6}
TRICLINIC_A = np.array([[22.0, 0.0, 0.0], [7.0, 21.0, 0.0], [-6.0, 4.0, 20.0]])


def snapshot(symbols, positions_A, cell_A):
    """A frame; a number as cell means a cube."""
    cell_A = np.eye(3) * cell_A if np.ndim(cell_A) == 0 else np.asarray(cell_A, dtype=float)
    return Snapshot(np.asarray(positions_A, dtype=float), cell_A, np.array(symbols))


def trajectory(frames_A, symbols, cell_A):
    """A trajectory of given frames, (frames, atoms, 3)."""
    frames_A = np.asarray(frames_A, dtype=float)
    cells_A = np.broadcast_to(cell_A, (len(frames_A), 3, 3))
    return Trajectory(frames_A, cells_A, np.arange(float(len(frames_A))), tuple(symbols), np.ones(len(symbols)))


def shaken(symbols, positions_A, cell_A, *, seed=1, frames=10, rattle_A=0.05):
    """A trajectory of a structure that vibrates at random."""
    moves_A = np.random.default_rng(seed).normal(0, rattle_A, (frames, len(symbols), 3))
    return trajectory(np.asarray(positions_A) + moves_A, symbols, cell_A)


def gas(seed, *, atoms=None, frames=20, cell_A=TRICLINIC_A, frozen=False):
    """An ideal gas; frozen, it is the same in every frame."""
    atoms = atoms or {"Li": 60, "Cl": 40}
    rng = np.random.default_rng(seed)
    symbols = [symbol for symbol, number in atoms.items() for _ in range(number)]
    positions_A = rng.random((1 if frozen else frames, len(symbols), 3)) @ cell_A
    return trajectory(np.broadcast_to(positions_A, (frames, len(symbols), 3)), symbols, cell_A)


def chain(length, *, start_A=(0.0, 0.0, 0.0), closed=False):
    """Al–O–Al–…: 3.5 Å from Al to Al, O between, Cl on the sides and at the ends; (symbols, positions)."""
    symbols, positions_A = [], []
    for number in range(length):
        x = 3.5 * number
        symbols += ["Al", "Cl", "Cl"]
        positions_A += [[x, 0, 0], [x, 2.1, 0.1], [x, -2.1, 0.1]]
        if number < length - 1 or closed:
            symbols.append("O")
            positions_A.append([x + 1.75, 0, 0])
    if not closed:
        symbols += ["Cl", "Cl"]
        positions_A += [[-2.1, 0, 0], [3.5 * (length - 1) + 2.1, 0, 0]]
    return symbols, np.array(positions_A) + start_A


def joined(*parts):
    """Several (symbols, positions) as one."""
    return [symbol for symbols, _ in parts for symbol in symbols], np.vstack([positions for _, positions in parts])


def tetrahedra_with_lithium(cells=3, *, spacing_A=7.5):
    """AlCl4 tetrahedra on a grid, each with a Li on top of a Cl: every anion is held by Al; (symbols, positions)."""
    corners_A = np.array([[1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]]) * 2.15 / np.sqrt(3)
    unit_A = np.vstack([[[0, 0, 0]], corners_A, corners_A[:1] * (1 + 2.4 / 2.15)])
    grid_A = spacing_A * np.stack(np.meshgrid(*[np.arange(cells)] * 3), axis=-1).reshape(-1, 3)
    return ["Al", "Cl", "Cl", "Cl", "Cl", "Li"] * len(grid_A), (grid_A[:, None] + unit_A).reshape(-1, 3)


def salt_block(edge, *, start_A):
    """A cube of rock salt with so many ions on its edge, 2.5 Å apart; (symbols, positions)."""
    grid = np.stack(np.meshgrid(*[np.arange(edge)] * 3), axis=-1).reshape(-1, 3)
    return ["Li" if sum(place) % 2 else "Cl" for place in grid], 2.5 * grid + start_A


def rocksalt(seed, *, lattice_A=5.6, rattle_A=0.1):
    """A crystal of NaCl whose atoms rattle."""
    crystal = bulk("NaCl", "rocksalt", a=lattice_A, cubic=True).repeat(2)
    moves_A = np.random.default_rng(seed).normal(0, rattle_A, (40, len(crystal), 3))
    return trajectory(crystal.positions + moves_A, crystal.get_chemical_symbols(), crystal.cell.array)
