"""Frames of a structure for the viewer of the results page, so small that hundreds of structures fit in one file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from ase import Atoms
from scipy import ndimage

from saltflow.analysis.pathways.volumes import read_volume
from saltflow.labels.frames import read_cell
from saltflow.trajectory.h5md import open_trajectory

SURFACE_BYTES_FOR_ALL = 2_500_000  # of the densities of all compositions, before compression
LEAST_POINTS, MOST_POINTS = 20, 36  # of a density along the longest cell vector; with fewer there is no surface to see
GRID = 4096  # points along a cell vector: 0.007 Å in a cell of 27 Å
MOST_FRAMES = 300
BYTES_FOR_ALL = 7_500_000  # of all structures of a page, compressed and as text
# What a coordinate of a frame takes in the page, measured on melts at 1150 K: 0.1 ps apart 0.9, as base64 1.2.
BYTES_PER_COORDINATE = 1.5


@dataclass(frozen=True)
class Frames:
    """Fractional coordinates on a grid, differences from frame to frame, as bytes.

    data: of (frames, atoms, 3) differences modulo `GRID`, centred on zero, 16 bits each: all low bytes, then all high
        bytes. facts: what belongs to them, as JSON.
    """

    data: bytes
    facts: Mapping


def frames_per_structure(structures: int, *, atoms: int) -> int:
    """How many frames each structure of a page may have."""
    each = BYTES_FOR_ALL / max(structures, 1) / (3 * atoms * BYTES_PER_COORDINATE)
    return int(np.clip(each, 1, MOST_FRAMES))


def frames_of_trajectory(path: Path, *, structures: int, bonds_A: Mapping[str, float], mobile_ion: str) -> Frames:
    """Evenly spaced frames of an H5MD file.

    Args:
        path: the file, with at least one frame.
        structures: how many structures share the page.
        bonds_A: "metal-anion" → longest bond.
        mobile_ion: the element that is highlighted.
    """
    run = open_trajectory(path)
    most = frames_per_structure(structures, atoms=len(run.symbols))
    chosen = slice(0, run.n_frames, -(-run.n_frames // most))
    positions_A = run.read_positions_A(chosen, slice(0, len(run.symbols)))
    times_ps = run.times_ps[chosen] - run.times_ps[0]
    facts = {"times_ps": [float(f"{time:.6g}") for time in times_ps], "of_frames": run.n_frames}
    return _encoded(positions_A, run.cells_A[0], run.symbols, facts, bonds_A=bonds_A, mobile_ion=mobile_ion)


def frame_of_cell(path: Path, *, bonds_A: Mapping[str, float], mobile_ion: str) -> Frames:
    """The one frame of an extxyz file.

    Args:
        path, bonds_A, mobile_ion: as for `frames_of_trajectory`.
    """
    atoms = read_cell(path)
    facts = {"times_ps": [0.0], "of_frames": 1}
    symbols = tuple(atoms.get_chemical_symbols())
    return _encoded(
        atoms.positions[None], atoms.cell.array, symbols, facts, bonds_A=bonds_A, mobile_ion=mobile_ion
    )  # fmt: skip


def frames_of_images(
    images: Sequence[Atoms], along: Sequence[float], *, unit: str, bonds_A: Mapping[str, float], mobile_ion: str
) -> Frames:
    """The images of a path.

    Args:
        images: the same atoms in the same cell.
        along: what the slider shows of each. unit: of it.
        bonds_A, mobile_ion: as for `frames_of_trajectory`.
    """
    positions_A = np.array([image.positions for image in images])
    facts = {"times_ps": [float(f"{place:.4g}") for place in along], "of_frames": len(images), "unit": unit}
    symbols = tuple(images[0].get_chemical_symbols())
    return _encoded(positions_A, images[0].cell.array, symbols, facts, bonds_A=bonds_A, mobile_ion=mobile_ion)


def frames_of_steps(
    states: Sequence[Atoms], *, structures: int, bonds_A: Mapping[str, float], mobile_ion: str
) -> Frames:
    """States that ions have come into or left, one after another, each drawn in the cell of the first.

    Args:
        states: of the same other atoms, with the ions behind them.
        structures, bonds_A, mobile_ion: as for `frames_of_trajectory`.

    Returns:
        frames of as many atoms as the fullest state has; atoms_shown says how many of them each state has.
    """
    fullest = max(states, key=len)
    most = frames_per_structure(structures, atoms=len(fullest))
    chosen = states[:: -(-len(states) // most)]
    fractional = np.array([fullest.get_scaled_positions()] * len(chosen))
    for place, state in zip(fractional, chosen, strict=True):
        place[: len(state)] = state.get_scaled_positions()
    facts = {
        "times_ps": list(range(0, len(states), -(-len(states) // most))),
        "of_frames": len(states),
        "unit": "steps",
        "atoms_shown": [len(state) for state in chosen],
    }
    cell_A, symbols = states[0].cell.array, tuple(fullest.get_chemical_symbols())
    return _encoded(fractional @ cell_A, cell_A, symbols, facts, bonds_A=bonds_A, mobile_ion=mobile_ion)


def frame_of_pathways(path: Path, *, structures: int, bonds_A: Mapping[str, float], mobile_ion: str) -> Frames | None:
    """The framework at its mean positions with the density of the mobile ion, from a cube file of `analyse_pathways`.

    Free energies −ln(ρ/ρ̄) on a coarse grid, a byte each, follow the coordinates; surface: shape of the grid, level of
    the percolation threshold among the bytes, and its dimensions.

    Args:
        path: the cube file. structures, bonds_A, mobile_ion: as for `frames_of_trajectory`.

    Returns:
        None where there is no density, where it does not percolate, or where too many compositions share the page.
    """
    volume = read_volume(path)
    points = int(min(MOST_POINTS, (SURFACE_BYTES_FOR_ALL / structures) ** (1 / 3)))
    if volume is None or points < LEAST_POINTS or not any(volume.thresholds):
        return None
    dimensions, level = [each for each in zip(("1D", "2D", "3D"), volume.thresholds, strict=True) if each[1]][-1]
    energies = -np.log(np.maximum(volume.density, volume.density[volume.density > 0].min() / 10))
    factor = min(1.0, points / max(energies.shape))
    coarse = ndimage.zoom(energies, factor, order=1, mode="grid-wrap", grid_mode=True)
    low, span = coarse.min(), np.ptp(coarse)
    voxels = np.round(255 * (coarse - low) / span).astype(np.uint8)
    framework = volume.framework
    frame = _encoded(
        framework.positions[None],
        framework.cell.array,
        tuple(framework.get_chemical_symbols()),
        {"times_ps": [0.0], "of_frames": 1},
        bonds_A=bonds_A,
        mobile_ion=mobile_ion,
    )
    surface = {
        "shape": list(coarse.shape),
        "level": float(f"{255 * (-np.log(level) - low) / span:.6g}"),
        "dimensions": dimensions,
    }
    return Frames(frame.data + voxels.tobytes(), {**frame.facts, "surface": surface})


def _encoded(
    positions_A: np.ndarray,
    cell_A: np.ndarray,
    symbols: tuple[str, ...],
    facts: Mapping,
    *,
    bonds_A: Mapping[str, float],
    mobile_ion: str,
) -> Frames:
    grid = np.round(positions_A.astype(float) @ np.linalg.inv(cell_A) * GRID).astype(np.int64) % GRID
    steps = np.diff(grid, axis=0, prepend=np.zeros_like(grid[:1]))
    centred = ((steps + GRID // 2) % GRID - GRID // 2).astype("<i2")
    planes = centred.ravel().view(np.uint8).reshape(-1, 2).T
    bonds = {pair: round(length, 3) for pair, length in bonds_A.items() if not pair.startswith(f"{mobile_ion}-")}
    described = {
        "grid": GRID,
        "cell_A": [[float(f"{value:.7g}") for value in row] for row in cell_A],
        "atoms": len(symbols),
        "symbols": [[symbol, len(list(run))] for symbol, run in groupby(symbols)],
        "mobile_ion": mobile_ion,
        "bonds_A": bonds,
    }
    return Frames(np.ascontiguousarray(planes).tobytes(), {**described, **facts})
