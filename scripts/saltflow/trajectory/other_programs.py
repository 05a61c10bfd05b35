"""Trajectories of other programs, unwrapped and written as H5MD."""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
from ase import Atoms
from ase.cell import Cell
from ase.data import atomic_numbers

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import atomic_write
from saltflow.trajectory.formats import Frame, open_source
from saltflow.trajectory.h5md import H5MDWriter
from saltflow.trajectory.memory import refuse_non_finite

log = logging.getLogger(__name__)

# Of the cell. Steps to the nearest image are always below one half; those close to it may hide a longer move.
LARGEST_CERTAIN_STEP = 0.4
FRAMES_PER_FLUSH = 2000


def is_own(path: str | os.PathLike) -> bool:
    """Whether a file is an H5MD file of saltflow."""
    if not h5py.is_hdf5(path):
        return False
    with h5py.File(path, "r") as file:
        return "saltflow_schema" in file.attrs


def convert(
    source: str | os.PathLike,
    target: str | os.PathLike,
    *,
    topology: str | os.PathLike | None,
    species: Mapping[str, str],
    interval_ps: float | None,
    cell: Sequence[float] | None,
) -> None:
    """Convert a trajectory of another program (`formats`) to unwrapped H5MD of saltflow.

    Atoms move to the nearest image from frame to frame, so positions may be wrapped or not.

    Args:
        source: the trajectory.
        target: the H5MD file to write.
        topology: file with the atoms, for a format that holds positions alone.
        species: name of an atom in the file → its element, where the name is not the element.
        interval_ps: time between frames; None takes the file's.
        cell: lengths in Å and angles in degrees, (6,); None takes the file's.

    Raises:
        SaltflowError: the file cannot be read, or lacks elements, times or cells.
    """
    opened = open_source(Path(source), topology=None if topology is None else Path(topology))
    symbols = _symbols(opened.names, species, source)
    given_cell_A = None if cell is None else Cell.fromcellpar(cell).array
    with (
        atomic_write(target) as temporary,
        H5MDWriter(temporary, Atoms(symbols, pbc=True), metadata={"source": Path(source).name}) as writer,
    ):
        unwrapped = previous = None
        for number, frame in enumerate(opened.frames):
            cell_A = _cell_A(frame, given_cell_A, source)
            fractional = _checked(frame.positions_A, number, len(symbols), source) @ np.linalg.inv(cell_A)
            unwrapped = fractional if previous is None else unwrapped + _nearest_steps(fractional - previous, number)
            previous = fractional
            writer.append_positions(
                step=number,
                time_ps=_time_ps(frame, number, interval_ps, source),
                positions_A=unwrapped @ cell_A,
                cell_A=cell_A,
            )
            if number % FRAMES_PER_FLUSH == FRAMES_PER_FLUSH - 1:
                writer.flush()
                log.info("Read %d frames of %s", number + 1, source)


def _symbols(names: Sequence[Sequence[str]], species: Mapping[str, str], source: str | os.PathLike) -> list[str]:
    unknown: list[str] = []
    for called in names:
        symbols = [species.get(name, name) for name in called]
        unknown = sorted({name for name, symbol in zip(called, symbols, strict=True) if symbol not in atomic_numbers})
        if not unknown:
            return symbols
    if not unknown:
        raise SaltflowError(f"{source} names no atoms; give a file that does with --topology.")
    raise SaltflowError(
        f"{source} calls atoms {', '.join(unknown)}, which are no elements; give their elements with "
        f"--species {unknown[0]}=Li,…"
    )


def _cell_A(frame: Frame, given_A: np.ndarray | None, source: str | os.PathLike) -> np.ndarray:
    cell_A = frame.cell_A if given_A is None else given_A
    if cell_A is None:
        raise SaltflowError(f"{source} holds no cell; give it with --cell a,b,c,alpha,beta,gamma in Å and degrees.")
    return cell_A


def _time_ps(frame: Frame, number: int, interval_ps: float | None, source: str | os.PathLike) -> float:
    if interval_ps is not None:
        return number * interval_ps
    if frame.time_ps is None:
        raise SaltflowError(f"{source} holds no times; give the time between frames in ps with --interval.")
    return frame.time_ps


def _checked(positions_A: np.ndarray, frame: int, atoms: int, source: str | os.PathLike) -> np.ndarray:
    if len(positions_A) != atoms:
        raise SaltflowError(
            f"{source} holds {len(positions_A)} atoms in frame {frame} and {atoms} before; the number must not change."
        )
    refuse_non_finite(f"positions in {Path(source).name}, frame {frame},", positions_A)
    return positions_A


def _nearest_steps(steps: np.ndarray, frame: int) -> np.ndarray:
    steps = steps - np.rint(steps)
    if steps.size and np.abs(steps).max() >= LARGEST_CERTAIN_STEP:
        atom = int(np.abs(steps).max(axis=1).argmax())
        raise SaltflowError(
            f"Atom {atom} moves by {np.abs(steps).max():.2f} of the cell up to frame {frame}: its periodic "
            "image is ambiguous; write frames more often."
        )
    return steps
