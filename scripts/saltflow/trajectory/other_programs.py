"""Trajectories of other programs, unwrapped and written as H5MD."""

import logging
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
from ase import Atoms
from ase.cell import Cell
from ase.units import kB

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import atomic_write
from saltflow.trajectory.elements import elements_of
from saltflow.trajectory.formats.compression import unpacked
from saltflow.trajectory.formats.mdanalysis_formats import format_of
from saltflow.trajectory.formats.opening import open_source
from saltflow.trajectory.formats.source import Frame, Source
from saltflow.trajectory.formats.topology import AtomList, read_topology
from saltflow.trajectory.frame_times import frame_times_ps
from saltflow.trajectory.h5md import H5MDWriter
from saltflow.trajectory.memory import LONGEST_STEPS, SQUARED_STEPS, UNWRAPPED, refuse_non_finite
from saltflow.trajectory.rewound_frames import FrameOrder
from saltflow.trajectory.unwrapping import Unwrapper

log = logging.getLogger(__name__)

FRAMES_PER_FLUSH = 2000
CELL_TOLERANCE = 1e-3
# A topology in another order: distances from its atoms to those of the first frame in Å.
FAR_A, NEAR_A, MOST_ATOMS_COMPARED = 1.0, 0.3, 1500
U_A2_PS2_IN_EV = 1.0364269e-4  # CODATA 2018


def is_own(path: str | os.PathLike) -> bool:
    """Whether a file is an H5MD file of saltflow."""
    if not h5py.is_hdf5(path):
        return False
    try:
        with h5py.File(path, "r") as file:
            return "saltflow_schema" in file.attrs
    except OSError:  # cut or damaged
        return False


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

    Positions that are unwrapped by definition (LAMMPS xu, xsu, image flags; images of H5MD) are taken as they are. In
    other files atoms move to the nearest image from frame to frame, so that positions may be wrapped or not.

    Frames that a restart repeats are replaced by those that come later; cells that flip are turned back.

    Args:
        source: the trajectory.
        target: the H5MD file to write.
        topology: file with the atoms, for a format that holds positions alone.
        species: name of an atom in the file → its element, where the name is not the element.
        interval_ps: time between frames; None takes the file's.
        cell: lengths in Å and angles in degrees, (6,); None takes the file's.

    Raises:
        SaltflowError: the file cannot be read, lacks elements, times or cells, or contradicts itself or an argument.
    """
    path = Path(source)
    check_options(interval_ps=interval_ps, cell=cell)
    if not path.is_file():
        raise SaltflowError(f"There is no file {path}; correct the path.")
    atoms = None if topology is None else read_topology(Path(topology))
    with tempfile.TemporaryDirectory(dir=Path(target).parent) as scratch:
        plain = _linked(unpacked(path, Path(scratch)), Path(scratch))
        try:
            opened = open_source(plain, atoms=None if atoms is None else len(atoms.names[0]))
            symbols, masses_u = _elements(opened, atoms, species, source)
            with atomic_write(target) as temporary:
                conversion = _Conversion(source, opened, symbols, masses_u, temporary)
                conversion.run(cell, interval_ps=interval_ps, topology=atoms)
        except SaltflowError as error:
            raise SaltflowError(str(error).replace(str(plain), str(path))) from error


def _linked(path: Path, folder: Path) -> Path:
    """A file, or a link to it where MDAnalysis keeps the offsets of frames beside it (XTC, TRR)."""
    with open(path, "rb") as file:
        layout = format_of(file.read(8))
    link = folder / path.name
    if layout in ("XTC", "TRR") and not link.exists():
        link.symlink_to(path.resolve())
        return link
    return path


def check_options(*, interval_ps: float | None, cell: Sequence[float] | None) -> None:
    """Check what the user says of a file.

    Raises:
        SaltflowError: no interval above 0 ps, or a cell without a volume.
    """
    if interval_ps is not None and not (np.isfinite(interval_ps) and interval_ps > 0):
        raise SaltflowError(f"--interval needs a time above 0 ps, not {interval_ps:g} ps.")
    if cell is None:
        return
    numbers = np.asarray(cell, dtype=float)
    if not (np.all(np.isfinite(numbers)) and np.all(numbers > 0) and np.all(numbers[3:] < 180)):
        raise SaltflowError(
            f"--cell {','.join(f'{each:g}' for each in cell)}: lengths in Å and angles in degrees must be above 0, "
            "angles below 180."
        )
    cosines = np.cos(np.radians(numbers[3:]))
    if 1 + 2 * np.prod(cosines) - np.sum(cosines**2) < 1e-6:  # (volume / abc)²
        raise SaltflowError(f"--cell: the angles {', '.join(f'{each:g}' for each in numbers[3:])} enclose no volume.")


def _elements(
    opened: Source, topology: AtomList | None, species: Mapping[str, str], source: str | os.PathLike
) -> tuple[list[str], np.ndarray]:
    """Symbols and masses, from the file where it names elements, else from the topology; both must agree."""
    if topology is None:
        return elements_of(opened.names, species, source)
    symbols, masses_u = elements_of([*topology.names, *opened.names], species, source)
    for names in opened.names:
        try:
            own, _ = elements_of([names], {name: symbol for name, symbol in species.items() if name in names}, source)
        except SaltflowError:
            continue
        if own != symbols:
            raise SaltflowError(f"{source} and its topology name other atoms; leave --topology out or correct it.")
    return symbols, masses_u


class _Conversion:
    """One file on its way to H5MD."""

    def __init__(
        self, source: str | os.PathLike, opened: Source, symbols: list[str], masses_u: np.ndarray, target: Path
    ):
        self._source, self._opened = source, opened
        self._symbols, self._masses_u = symbols, masses_u
        self._writer = H5MDWriter(
            target, Atoms(symbols, masses=masses_u, pbc=True),
            metadata={"source": Path(source).name, UNWRAPPED: opened.unwrapped},
        )  # fmt: skip
        self._unwrapper = self._new_unwrapper()
        self._order = FrameOrder(source, opened.clock)
        self._names: Sequence[str] | None = None

    def run(self, cell: Sequence[float] | None, *, interval_ps: float | None, topology: AtomList | None) -> None:
        """Write all frames."""
        given_A = None if cell is None else Cell.fromcellpar(cell).array
        with self._writer:
            for number, frame in enumerate(self._opened.frames):
                self._check(frame, number)
                cell_A = _cell_A(frame, given_A, self._source)
                if number == 0 and topology is not None and topology.positions_A is not None:
                    _check_order(topology.positions_A, frame.positions_A, cell_A, self._source)
                written, place = len(self._order.counts), self._order.place(frame, number)
                if place is None:
                    continue
                if place < written:
                    self._go_back(place)
                positions_A, cell_A = self._unwrapper.advance(frame.positions_A, cell_A, number)
                self._writer.append_positions(
                    step=place,
                    time_ps=float(number),
                    positions_A=positions_A,
                    cell_A=cell_A,
                    temperature_K=self._temperature_K(frame),
                )
                if number % FRAMES_PER_FLUSH == FRAMES_PER_FLUSH - 1:
                    self._writer.flush()
                    log.info("Read %d frames of %s", number + 1, self._source)
            self._order.check()
            self._unwrapper.check()
            times_ps = frame_times_ps(
                self._order.counts, self._opened.clock, interval_ps=interval_ps, source=self._source
            )
            self._writer.set_times(times_ps)
            intervals_ps = np.diff(times_ps)
            within = intervals_ps < 1.5 * np.median(intervals_ps) if len(intervals_ps) else np.zeros(0, bool)
            followed = self._unwrapper
            self._writer.add_metadata(
                {LONGEST_STEPS: followed.longest_steps(within), SQUARED_STEPS: followed.squared_steps_A2(within)}
            )

    def _check(self, frame: Frame, number: int) -> None:
        atoms, before = len(frame.positions_A), len(self._masses_u)
        if atoms != before:
            where = "in the list of its atoms" if number == 0 else "before"
            raise SaltflowError(
                f"{self._source} holds {atoms} atoms in frame {number} and {before} {where}; "
                "the number must not change."
            )
        refuse_non_finite(f"positions in {Path(self._source).name}, frame {number},", frame.positions_A)
        if frame.names is None:
            return
        self._names = frame.names if self._names is None else self._names
        if list(frame.names) != list(self._names):
            atom = next(
                index for index, pair in enumerate(zip(frame.names, self._names, strict=True)) if pair[0] != pair[1]
            )
            raise SaltflowError(
                f"{self._source}: atom {atom} is {self._names[atom]} at first and {frame.names[atom]} in frame "
                f"{number}; write atoms in one order."
            )

    def _go_back(self, place: int) -> None:
        last = self._writer.cut(place)
        if last is None:
            self._unwrapper = self._new_unwrapper()
        else:
            self._unwrapper.go_back(*last, place)

    def _new_unwrapper(self) -> Unwrapper:
        opened = self._opened
        return Unwrapper(self._source, self._symbols, unwrapped=opened.unwrapped, oriented=opened.oriented)

    def _temperature_K(self, frame: Frame) -> float:
        """From velocities, without the motion of the centre of mass; nan without velocities."""
        velocities = frame.velocities_A_ps
        if velocities is None or not np.all(np.isfinite(velocities)) or len(velocities) < 2:
            return float("nan")
        centre = self._masses_u @ velocities / self._masses_u.sum()
        twice_kinetic_eV = U_A2_PS2_IN_EV * float(self._masses_u @ ((velocities - centre) ** 2).sum(axis=1))
        return twice_kinetic_eV / (3 * (len(velocities) - 1) * kB)


def _cell_A(frame: Frame, given_A: np.ndarray | None, source: str | os.PathLike) -> np.ndarray:
    if given_A is None and frame.cell_A is None:
        raise SaltflowError(f"{source} holds no cell; give it with --cell a,b,c,alpha,beta,gamma in Å and degrees.")
    if given_A is None or frame.cell_A is None:
        return given_A if frame.cell_A is None else frame.cell_A
    lengths = [np.linalg.norm(each, axis=1) for each in (given_A, frame.cell_A)]
    metric = [each @ each.T for each in (given_A, frame.cell_A)]
    if np.abs(metric[0] - metric[1]).max() > CELL_TOLERANCE * np.abs(metric[1]).max():
        raise SaltflowError(
            f"{source} holds a cell of {' × '.join(f'{each:.6g}' for each in lengths[1])} Å, --cell one of "
            f"{' × '.join(f'{each:.6g}' for each in lengths[0])} Å; leave --cell out or correct the file."
        )
    return frame.cell_A


def _check_order(topology_A: np.ndarray, first_A: np.ndarray, cell_A: np.ndarray, source: str | os.PathLike) -> None:
    """Check that a topology with positions lists the atoms in the order of the trajectory.

    Raises:
        SaltflowError: its atoms stand where other atoms of the first frame stand.
    """
    if len(topology_A) != len(first_A) or len(first_A) > MOST_ATOMS_COMPARED:
        return
    fractional = (topology_A[:, None] - first_A[None]) @ np.linalg.inv(cell_A)
    distances_A = np.linalg.norm((fractional - np.rint(fractional)) @ cell_A, axis=-1)
    in_order_A, nearest = np.median(np.diag(distances_A)), distances_A.argmin(axis=1)
    permuted = len(set(nearest.tolist())) == len(nearest)
    if permuted and in_order_A > FAR_A and np.median(distances_A.min(axis=1)) < NEAR_A:
        raise SaltflowError(
            f"{source}: the topology lists the atoms in another order than the trajectory: its atom 0 stands where "
            f"atom {int(nearest[0])} is; give the topology of this run."
        )
