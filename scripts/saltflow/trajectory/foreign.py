"""Trajectories of other programs: read by MDAnalysis, unwrapped frame by frame, kept as H5MD."""

import logging
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from saltflow.errors import SaltflowError
from saltflow.provenance import atomic_write
from saltflow.trajectory.h5md import H5MDWriter

log = logging.getLogger(__name__)

# Wrapped steps always come out below half a cell; steps this close to it may hide a longer move.
LARGEST_CERTAIN_STEP = 0.4
FRAMES_PER_FLUSH = 2000


def is_ours(path: str | os.PathLike) -> bool:
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
    """Read any trajectory that MDAnalysis reads, and write it unwrapped as H5MD of saltflow.

    Steps are taken to the nearest image, so positions may be wrapped or not.

    Args:
        source: the trajectory.
        target: the H5MD file to write.
        topology: file with the atoms, for a format that holds positions alone.
        species: what the file calls an atom → its element, for those that it does not call by their element.
        interval_ps: time between frames; None takes the file's.
        cell: lengths in Å and angles in degrees, (6,); None takes the file's.

    Raises:
        SaltflowError: the file cannot be read, or lacks elements, times or cells; the message names the option.
    """
    universe = _open(source, topology)
    symbols = _symbols(universe, species, source)
    atoms = Atoms(symbols, pbc=True)
    with (
        warnings.catch_warnings(),
        atomic_write(target) as temporary,
        H5MDWriter(temporary, atoms, metadata={"source": Path(source).name}) as writer,
    ):
        warnings.simplefilter("ignore")
        unwrapped = previous = None
        for number, step in enumerate(universe.trajectory):
            cell_A = _cell_A(step, cell, source)
            fractional = step.positions.astype(float) @ np.linalg.inv(cell_A)
            unwrapped = fractional if previous is None else unwrapped + _nearest_steps(fractional - previous, number)
            previous = fractional
            writer.append_positions(
                step=number,
                time_ps=_time_ps(step, number, interval_ps, source),
                positions_A=unwrapped @ cell_A,
                cell_A=cell_A,
            )
            if number % FRAMES_PER_FLUSH == FRAMES_PER_FLUSH - 1:
                writer.flush()
                log.info("Read %d of %d frames of %s", number + 1, universe.trajectory.n_frames, source)


def _open(source: str | os.PathLike, topology: str | os.PathLike | None):
    from MDAnalysis import Universe  # half a second, only for those who come with files of their own

    for path in (source, topology):
        if path is not None and not Path(path).is_file():
            raise SaltflowError(f"There is no file {path}; correct the path.")
    paths = [str(path) for path in (topology, source) if path is not None]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Universe(*paths, to_guess=())
    except (ValueError, TypeError, OSError, RuntimeError, KeyError, IndexError, NotImplementedError) as error:
        raise SaltflowError(
            f"{source} could not be read ({error}); a format without atoms needs --topology with a file that has them."
        ) from error


def _symbols(universe, species: Mapping[str, str], source: str | os.PathLike) -> list[str]:
    for attribute in ("elements", "names", "types"):
        if hasattr(universe.atoms, attribute):
            called = [str(name) for name in getattr(universe.atoms, attribute)]
            symbols = [species.get(name, name) for name in called]
            unknown = sorted(
                {name for name, symbol in zip(called, symbols, strict=True) if symbol not in atomic_numbers}
            )
            if not unknown:
                return symbols
    raise SaltflowError(
        f"{source} calls atoms {', '.join(unknown)}, which are no elements; say which they are with "
        f"--species {unknown[0]}=Li,…"
    )


def _cell_A(step, cell: Sequence[float] | None, source: str | os.PathLike) -> np.ndarray:
    from MDAnalysis.lib.mdamath import triclinic_vectors

    dimensions = step.dimensions if cell is None else np.asarray(cell, dtype=float)
    if dimensions is None or not np.all(np.asarray(dimensions[:3]) > 0):
        raise SaltflowError(f"{source} holds no cell; give it with --cell a,b,c,alpha,beta,gamma in Å and degrees.")
    return triclinic_vectors(dimensions).astype(float)


def _time_ps(step, number: int, interval_ps: float | None, source: str | os.PathLike) -> float:
    if interval_ps is not None:
        return number * interval_ps
    if "time" in step.data:
        return float(step.data["time"])
    if "dt" in step.data:
        return number * float(step.data["dt"])
    raise SaltflowError(f"{source} does not say how far apart its frames are; give it with --interval in ps.")


def _nearest_steps(steps: np.ndarray, frame: int) -> np.ndarray:
    steps = steps - np.rint(steps)
    if steps.size and np.abs(steps).max() >= LARGEST_CERTAIN_STEP:
        atom = int(np.abs(steps).max(axis=1).argmax())
        raise SaltflowError(
            f"Atom {atom} moves by {np.abs(steps).max():.2f} of the cell up to frame {frame}: near half a cell the "
            "periodic image is uncertain; write frames more often."
        )
    return steps
