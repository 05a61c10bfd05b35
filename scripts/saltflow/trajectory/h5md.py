"""Trajectories on disk: H5MD files that MDAnalysis and OVITO read as well.

An H5MD file (https://www.nongnu.org/h5md/h5md.html, version 1.1) of saltflow holds one particle group,
`particles/trajectory`, with unwrapped positions, and under `observables` one value per frame of each
entry of `OBSERVABLE_UNITS`. All of them share one `step` and one `time` dataset. Where velocities were recorded, a
second group `particles/velocities` holds positions and velocities at a finer interval, with its own `step` and `time`.
(Readers of a single group take the first by name, `trajectory`.)
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np
from ase import Atoms

from saltflow import __version__
from saltflow.base.errors import SaltflowError
from saltflow.trajectory.memory import SCHEMA, Trajectory, check_times, refuse_non_finite

OBSERVABLE_UNITS = {
    "potential_energy": "eV",
    "temperature": "K",
    "pressure": "GPa",
    "com_momentum": "u Angstrom ps-1",
    "volume": "Angstrom3",
}
TRAJECTORY, VELOCITIES = "particles/trajectory", "particles/velocities"
# Positions of molecular dynamics are stored on a grid of 2⁻¹⁰ Å, as fine as XTC's 0.001 Å: a third of the bytes less.
# Restarts do not read them.
GRID_A = 2.0**-10
# A row of chunks over 1300 atoms fits HDF5's default cache of 1 MiB: reading frame by frame decompresses each chunk
# once, and reading 128 atoms along time touches only their chunks.
CHUNK_FRAMES = 32
CHUNK_ATOMS = 128


class H5MDWriter:
    """Write the frames of one cell to an H5MD file.

    Frames wait in memory until `flush` appends them and closes the file: a killed run leaves a readable file that ends
    at its last flush.

    Args:
        path: the file.
        atoms: a frame that gives species, masses and periodicity; its positions are not written.
        metadata: JSON-able record kept as attribute `provenance`; None goes on with a file that is there.
    """

    def __init__(self, path: str | os.PathLike, atoms: Atoms, *, metadata: Mapping | None):
        self.path = Path(path)
        self._pending: list[dict[str, object]] = []
        self._pending_velocities: list[dict[str, object]] = []
        self._atoms = atoms
        if metadata is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(self.path, "w") as file:
            _create_layout(file, atoms, metadata)

    def __enter__(self) -> "H5MDWriter":
        return self

    def __exit__(self, *exception: object) -> None:
        self.flush()

    def append(
        self,
        *,
        step: int,
        time_ps: float,
        positions_A: np.ndarray,
        cell_A: np.ndarray,
        potential_energy_eV: float,
        temperature_K: float,
        pressure_GPa: float,
        com_momentum_u_A_ps: np.ndarray,
    ) -> None:
        """Keep one frame of molecular dynamics for the next `flush`, its positions rounded to `GRID_A`.

        Args:
            step: MD step.
            time_ps: time since the start of the run.
            positions_A: unwrapped positions, (atoms, 3).
            cell_A: cell vectors as rows, (3, 3).
            potential_energy_eV: potential energy of the cell.
            temperature_K: instantaneous temperature.
            pressure_GPa: instantaneous pressure.
            com_momentum_u_A_ps: total momentum, (3,).
        """
        on_grid_A = np.rint(np.asarray(positions_A, dtype=float) / GRID_A) * GRID_A
        self._append(
            on_grid_A,
            cell_A,
            step=step,
            time_ps=time_ps,
            potential_energy=potential_energy_eV,
            temperature=temperature_K,
            pressure=pressure_GPa,
            com_momentum=np.array(com_momentum_u_A_ps, dtype=float),
        )

    def _append(
        self, positions_A: np.ndarray, cell_A: np.ndarray, *, step: int, time_ps: float, **observables: object
    ) -> None:
        cell = np.array(cell_A, dtype=float).reshape(3, 3)
        self._pending.append(
            {
                "particles/trajectory/position/step": step,
                "particles/trajectory/position/time": time_ps,
                "particles/trajectory/position/value": np.array(positions_A, dtype=np.float32),
                "particles/trajectory/box/edges/value": cell,
                "observables/volume/value": abs(np.linalg.det(cell)),
                **{f"observables/{name}/value": value for name, value in observables.items()},
            }
        )

    def append_positions(
        self,
        *,
        step: int,
        time_ps: float,
        positions_A: np.ndarray,
        cell_A: np.ndarray,
        temperature_K: float = float("nan"),
    ) -> None:
        """Keep a frame of another program: its exact positions, and the temperature where it is known; the rest is nan.

        Args:
            step, time_ps, positions_A, cell_A, temperature_K: as for `append`.
        """
        unknown = dict.fromkeys(("potential_energy", "pressure"), float("nan"))
        observables = {**unknown, "temperature": temperature_K, "com_momentum": np.full(3, float("nan"))}
        self._append(positions_A, cell_A, step=step, time_ps=time_ps, **observables)

    def append_velocities(
        self, *, step: int, time_ps: float, positions_A: np.ndarray, cell_A: np.ndarray, velocities_A_ps: np.ndarray
    ) -> None:
        """Keep a frame of the series with velocities for the next `flush`.

        Args:
            step, time_ps, positions_A, cell_A: as for `append`.
            velocities_A_ps: (atoms, 3).
        """
        self._pending_velocities.append(
            {
                f"{VELOCITIES}/position/step": step,
                f"{VELOCITIES}/position/time": time_ps,
                f"{VELOCITIES}/position/value": np.array(positions_A, dtype=np.float32),
                f"{VELOCITIES}/velocity/value": np.array(velocities_A_ps, dtype=np.float32),
                f"{VELOCITIES}/box/edges/value": np.array(cell_A, dtype=float).reshape(3, 3),
            }
        )

    def cut(self, frames: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Keep the first frames alone; velocities stay.

        Args:
            frames: how many are kept.

        Returns:
            Positions and cell of the last one that is kept, (atoms, 3) and (3, 3), in Å; None where none is.
        """
        self.flush()
        with _open(self.path, "r+") as file:
            particles = file[TRAJECTORY]
            elements = [particles["position"], particles["box/edges"], *file["observables"].values()]
            for dataset in [
                particles["position/step"],
                particles["position/time"],
                *(each["value"] for each in elements),
            ]:
                dataset.resize(frames, axis=0)
            if not frames:
                return None
            return particles["position/value"][-1].astype(float), particles["box/edges/value"][-1]

    def add_metadata(self, more: Mapping) -> None:
        """Add JSON-able entries to the record of the writer."""
        with _open(self.path, "r+") as file:
            file.attrs["provenance"] = json.dumps({**json.loads(file.attrs["provenance"]), **more})

    def set_times(self, times_ps: np.ndarray) -> None:
        """Write the times of all frames, (frames,)."""
        self.flush()
        with _open(self.path, "r+") as file:
            file[f"{TRAJECTORY}/position/time"][:] = times_ps

    def flush(self) -> None:
        """Write the waiting frames to disk."""
        if not (self._pending or self._pending_velocities):
            return
        with _open(self.path, "r+") as file:
            if self._pending_velocities and VELOCITIES not in file:
                _create_velocities(file, self._atoms)
            for frames in (self._pending, self._pending_velocities):
                for name in frames[0] if frames else ():
                    _extend(file[name], np.stack([np.asarray(frame[name]) for frame in frames]))
                frames.clear()
        with open(self.path, "rb") as file:
            os.fsync(file.fileno())


def set_metadata(path: str | os.PathLike, metadata: Mapping) -> None:
    """Replace the record `provenance` of an H5MD file of saltflow."""
    with _open(Path(path), "r+") as file:
        file.attrs["provenance"] = json.dumps(dict(metadata))


def _open(path: Path, mode: str) -> h5py.File:
    try:
        return h5py.File(path, mode)
    except FileNotFoundError:
        raise SaltflowError(f"There is no trajectory {path}; run the molecular dynamics first.") from None
    except OSError as error:
        raise SaltflowError(
            f"The trajectory {path} cannot be opened ({error}); if its run was killed while writing, "
            "delete it and start the same command again."
        ) from error


def _extend(dataset: h5py.Dataset, rows: np.ndarray) -> None:
    dataset.resize(len(dataset) + len(rows), axis=0)
    dataset[-len(rows) :] = rows


def _create_layout(file: h5py.File, atoms: Atoms, metadata: Mapping) -> None:
    header = file.create_group("h5md")
    header.attrs["version"] = np.array([1, 1])
    header.create_group("author").attrs["name"] = "saltflow"
    header.create_group("creator").attrs.update({"name": "saltflow", "version": __version__})
    file.attrs["saltflow_schema"] = SCHEMA
    file.attrs["provenance"] = json.dumps(dict(metadata))
    _create_particles(file.create_group(TRAJECTORY), atoms)
    position = file[f"{TRAJECTORY}/position"]
    for name, unit in OBSERVABLE_UNITS.items():
        shape = (3,) if name == "com_momentum" else ()
        _create_element(file, f"observables/{name}", shape=shape, unit=unit, clock=position)


def _create_particles(group: h5py.Group, atoms: Atoms) -> None:
    group["species"] = atoms.numbers
    group["mass"] = atoms.get_masses()
    group["mass"].attrs["unit"] = "u"
    position = group.create_group("position")
    position.create_dataset("step", (0,), np.int64, maxshape=(None,), chunks=(4096,))
    position.create_dataset("time", (0,), np.float64, maxshape=(None,), chunks=(4096,))
    position["time"].attrs["unit"] = "ps"
    _create_vectors(position, atoms=len(atoms), unit="Angstrom")
    box = group.create_group("box")
    box.attrs["dimension"] = 3
    box.attrs["boundary"] = ["periodic" if periodic else "none" for periodic in atoms.pbc]
    _create_element(group, "box/edges", shape=(3, 3), unit="Angstrom", clock=position)


def _create_velocities(file: h5py.File, atoms: Atoms) -> None:
    group = file.create_group(VELOCITIES)
    _create_particles(group, atoms)
    velocity = group.create_group("velocity")
    velocity["step"], velocity["time"] = group["position/step"], group["position/time"]
    _create_vectors(velocity, atoms=len(atoms), unit="Angstrom ps-1")


def _create_vectors(element: h5py.Group, *, atoms: int, unit: str) -> None:
    """One vector per atom and frame."""
    # Single precision resolves 1e-5 A at 100 A from the origin, far below thermal motion.
    value = element.create_dataset(
        "value",
        (0, atoms, 3),
        np.float32,
        maxshape=(None, atoms, 3),
        chunks=(CHUNK_FRAMES, min(atoms, CHUNK_ATOMS), 3),
        shuffle=True,
        compression=4,
    )
    value.attrs["unit"] = unit


def _create_element(parent: h5py.Group, name: str, *, shape: tuple[int, ...], unit: str, clock: h5py.Group) -> None:
    """A time-dependent H5MD element whose step and time are hard links to those of the positions."""
    element = parent.create_group(name)
    element["step"], element["time"] = clock["step"], clock["time"]
    value = element.create_dataset(
        "value", (0, *shape), np.float64, maxshape=(None, *shape), chunks=(1024, *shape), compression=4
    )
    value.attrs["unit"] = unit


@dataclass(frozen=True)
class TrajectoryFile:
    """An H5MD file of saltflow, whose positions are read on demand.

    Args:
        path: the file.
        cells_A, times_ps, symbols, masses_u, metadata: as in `Trajectory`.
        group: the particle group that is read.
    """

    path: Path
    cells_A: np.ndarray
    times_ps: np.ndarray
    symbols: tuple[str, ...]
    masses_u: np.ndarray
    metadata: Mapping = field(default_factory=dict)
    group: str = TRAJECTORY

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.times_ps)

    def close(self) -> None:
        """Let go of the file, so that it can be written or removed; the next read opens it again."""
        if (particles := self.__dict__.pop("_particles", None)) is not None:
            particles.file.close()

    @cached_property
    def _particles(self) -> h5py.Group:
        return _open(self.path, "r")[self.group]

    @cached_property
    def temperatures_K(self) -> np.ndarray:
        """Instantaneous temperatures, (frames,); nan where unknown."""
        with _open(self.path, "r") as file:
            return file["observables/temperature/value"][:]

    def read_positions_A(self, frames: slice, atoms: slice) -> np.ndarray:
        """Unwrapped positions of some atoms in some frames, (frames, atoms, 3).

        Raises:
            SaltflowError: a number is not finite.
        """
        positions_A = self._particles["position/value"][frames, atoms]
        refuse_non_finite(f"positions_A after frame {frames.start or 0}", positions_A)
        return positions_A

    def read_velocities_A_ps(self, frames: slice, atoms: slice) -> np.ndarray:
        """Velocities of some atoms in some frames of `open_velocities`, (frames, atoms, 3).

        Raises:
            SaltflowError: a number is not finite.
        """
        velocities_A_ps = self._particles["velocity/value"][frames, atoms]
        refuse_non_finite(f"velocities_A_ps after frame {frames.start or 0}", velocities_A_ps)
        return velocities_A_ps


def open_trajectory(path: str | os.PathLike) -> TrajectoryFile:
    """Open an H5MD file of saltflow without reading its positions.

    Raises:
        SaltflowError: the file is missing, damaged, of another layout, or its times do not increase.
    """
    with _open(Path(path), "r") as file:
        _check_layout(file, path)
        return _opened(file, path, TRAJECTORY)


def open_velocities(path: str | os.PathLike) -> TrajectoryFile | None:
    """Open the series with velocities of an H5MD file of saltflow; None where there is none.

    Raises:
        SaltflowError: as for `open_trajectory`.
    """
    with _open(Path(path), "r") as file:
        _check_layout(file, path)
        return _opened(file, path, VELOCITIES) if VELOCITIES in file else None


def _opened(file: h5py.File, path: str | os.PathLike, name: str) -> TrajectoryFile:
    group = file[name]
    times_ps, cells_A = group["position/time"][:], group["box/edges/value"][:]
    check_times(times_ps)
    refuse_non_finite("cells_A", cells_A)
    return TrajectoryFile(
        path=Path(path),
        cells_A=cells_A,
        times_ps=times_ps,
        symbols=tuple(Atoms(numbers=group["species"][:]).get_chemical_symbols()),
        masses_u=group["mass"][:],
        metadata=json.loads(file.attrs["provenance"]),
        group=name,
    )


def read_trajectory(path: str | os.PathLike) -> Trajectory:
    """Read an H5MD file of saltflow whole.

    Raises:
        SaltflowError: the file is missing, damaged, of another layout, or holds numbers that are not finite.
    """
    run = open_trajectory(path)
    with _open(run.path, "r") as file:
        return Trajectory(
            positions_A=file["particles/trajectory/position/value"][:],
            cells_A=run.cells_A,
            times_ps=run.times_ps,
            symbols=run.symbols,
            masses_u=run.masses_u,
            metadata=run.metadata,
            observables={name: file[f"observables/{name}/value"][:] for name in OBSERVABLE_UNITS},
        )


def _check_layout(file: h5py.File, path: str | os.PathLike) -> None:
    if file.attrs.get("saltflow_schema") != SCHEMA:
        raise SaltflowError(
            f"The trajectory {path} is not an H5MD file of saltflow's layout {SCHEMA}; "
            "run the molecular dynamics again with this version."
        )


def open_accepted(paths: Sequence[str | os.PathLike], *, statuses: Sequence[str]) -> list[TrajectoryFile]:
    """The trajectories of the replicas with status "ok".

    Args:
        paths: H5MD file of each replica.
        statuses: status of each replica, in the same order.
    """
    return [open_trajectory(path) for path, status in zip(paths, statuses, strict=True) if status == "ok"]
