"""H5MD of other programs: fixed or changing boxes, times as lists or increments, images, ids, units.

Source: https://www.nongnu.org/h5md/h5md.html, version 1.1. (MDAnalysis needs a list of times and a box per frame, and
does not apply images.)
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np
from ase.units import Bohr

from saltflow.base.errors import SaltflowError
from saltflow.trajectory.formats.source import Clock, Frame, Source

LENGTHS_A = {
    "angstrom": 1.0, "angstroms": 1.0, "a": 1.0, "å": 1.0, "nm": 10.0, "nanometer": 10.0, "pm": 0.01, "bohr": Bohr,
    "um": 1e4, "m": 1e10,
}  # fmt: skip
TIMES_PS = {"fs": 1e-3, "ps": 1.0, "ns": 1e3, "us": 1e6, "s": 1e12, "femtosecond": 1e-3, "picosecond": 1.0}
FRAMES_AT_ONCE = 200


def is_h5md(file: h5py.File) -> bool:
    """Whether an HDF5 file is H5MD."""
    return "h5md" in file or "particles" in file


def open_h5md(path: Path, *, atoms: int | None) -> Source:
    """The positions of an H5MD file.

    Args:
        path: the file.
        atoms: number of atoms of the topology, to tell one particle group from another.

    Raises:
        SaltflowError: no or several groups with positions, an unknown unit, or a box that is not periodic.
    """
    with h5py.File(path, "r") as file:
        name = _group_name(file, path, atoms)
        group = file[name]
        element = group["position"]
        unit_A = _unit(element["value"], LENGTHS_A, path, "position", default=1.0)
        _check_periodic(group, path)
        names = [] if "species" not in group else [_species(group, 0)]
        clock = _clock(element, path)
        unwrapped = "image" in group
    return Source(names, _frames(path, name, unit_A), clock=clock, unwrapped=unwrapped)


def _group_name(file: h5py.File, path: Path, atoms: int | None) -> str:
    particles = file.get("particles", {})
    found = [f"particles/{name}" for name in particles if "position/value" in particles[name]]
    fitting = [name for name in found if atoms is None or file[name]["position/value"].shape[1] == atoms]
    if len(fitting) == 1:
        return fitting[0]
    if not found:
        raise SaltflowError(f"{path} holds no positions of particles; write them.")
    if not fitting:
        count = file[found[0]]["position/value"].shape[1]
        raise SaltflowError(f"{path} holds {count} atoms and its topology {atoms}; give the topology of this run.")
    raise SaltflowError(
        f"{path} holds several groups of particles ({', '.join(fitting)}); write one, or give --topology with its "
        "atoms."
    )


def _unit(
    dataset: h5py.Dataset, units: dict[str, float], path: Path, what: str, *, default: float | None
) -> float | None:
    text = dataset.attrs.get("unit")
    if text is None:
        return default
    text = _text(np.atleast_1d(text)[0])
    if text.lower() not in units:
        raise SaltflowError(f"{path} gives its {what} in '{text}', a unit that is not known; use Angstrom and ps.")
    return units[text.lower()]


def _check_periodic(group: h5py.Group, path: Path) -> None:
    boundary = [_text(each) for each in np.atleast_1d(group["box"].attrs.get("boundary", []))] if "box" in group else []
    if any(each != "periodic" for each in boundary):
        raise SaltflowError(
            f"{path} has boundaries {' '.join(boundary)}; the analyses need a cell that is periodic in all directions."
        )


def _text(value: bytes | str) -> str:
    return (value.decode() if isinstance(value, bytes) else str(value)).strip()


def _species(group: h5py.Group, frame: int) -> list[str]:
    """Names of the species in a frame, in the order of the ids; an enumeration gives its names."""
    species = group["species"]
    dataset = species["value"] if isinstance(species, h5py.Group) else species
    values = dataset[min(frame, len(dataset) - 1)] if dataset.ndim == 2 else dataset[:]
    if (orders := _orders(group, frame, frame + 1)) is not None and dataset.ndim == 2:
        values = values[orders[0]]
    if enumeration := h5py.check_enum_dtype(dataset.dtype):
        called = {number: name for name, number in enumeration.items()}
        return [called[int(value)] for value in values]
    return [_text(value) if isinstance(value, (bytes, str)) else str(int(value)) for value in values]


def _clock(element: h5py.Group, path: Path) -> Clock | None:
    """The times, else the steps; a scalar is the increment of all frames."""
    name = next((name for name in ("time", "step") if name in element), None)
    if name is None:
        return None
    dataset = element[name]
    unit_ps = _unit(dataset, TIMES_PS, path, "time", default=None) if name == "time" else None
    return Clock(name, unit_ps, float(dataset[()]) if dataset.shape == () else None)


def _counts(element: h5py.Group, frames: int) -> Sequence[float | None]:
    """What the clock shows in every frame; None without a list of times or steps."""
    dataset = element["time"] if "time" in element else element.get("step")
    return [None] * frames if dataset is None or dataset.shape == () else dataset[:].astype(float)


def _frames(path: Path, name: str, unit_A: float) -> Iterator[Frame]:
    with h5py.File(path, "r") as file:
        group = file[name]
        positions = group["position/value"]
        counts = _counts(group["position"], len(positions))
        if len(counts) != len(positions):
            raise SaltflowError(f"{path} holds {len(positions)} frames and {len(counts)} times; write it again.")
        changing = isinstance(group.get("species"), h5py.Group)
        for start in range(0, len(positions), FRAMES_AT_ONCE):
            stop = min(start + FRAMES_AT_ONCE, len(positions))
            cells_A = _cells_A(group, start, stop, path, unit_A)
            some_A = positions[start:stop].astype(float) * unit_A
            if "image" in group and cells_A is not None:
                some_A += _images(group["image"], start, stop) @ cells_A
            velocities_A_ps = _velocities_A_ps(group, start, stop)
            orders = _orders(group, start, stop)
            for number in range(stop - start):
                order = slice(None) if orders is None else orders[number]
                yield Frame(
                    some_A[number][order],
                    None if cells_A is None else cells_A[number],
                    clock=counts[start + number],
                    names=_species(group, start + number) if changing else None,
                    velocities_A_ps=None if velocities_A_ps is None else velocities_A_ps[number][order],
                )


def _cells_A(group: h5py.Group, start: int, stop: int, path: Path, unit_A: float) -> np.ndarray | None:
    """Cell vectors as rows, (frames, 3, 3); None without a box."""
    if "box/edges" not in group:
        return None
    edges = group["box/edges"]
    changing = isinstance(edges, h5py.Group)
    dataset = edges["value"] if changing else edges
    unit_A = _unit(dataset, LENGTHS_A, path, "box", default=unit_A)
    if changing and len(dataset) not in (1, len(group["position/value"])):
        raise SaltflowError(f"{path} holds {len(dataset)} boxes for {len(group['position/value'])} frames.")
    fixed = not changing or len(dataset) == 1
    values = (
        np.repeat((dataset[0] if changing else dataset[:])[None], stop - start, 0) if fixed else dataset[start:stop]
    )
    return unit_A * (values if values.ndim == 3 else np.apply_along_axis(np.diag, 1, values)).astype(float)


def _images(image: h5py.Dataset | h5py.Group, start: int, stop: int) -> np.ndarray:
    if isinstance(image, h5py.Group):
        return image["value"][start:stop].astype(float)
    return np.repeat(image[:][None].astype(float), stop - start, 0)


def _velocities_A_ps(group: h5py.Group, start: int, stop: int) -> np.ndarray | None:
    """Velocities of the frames of the positions, where their unit is one of length times one of time^-1."""
    dataset = group.get("velocity/value")
    if dataset is None or len(dataset) != len(group["position/value"]):
        return None
    length, _, time = _text(dataset.attrs.get("unit", "")).lower().partition(" ")
    if length not in LENGTHS_A or not time.endswith("-1") or time[:-2] not in TIMES_PS:
        return None
    return dataset[start:stop].astype(float) * LENGTHS_A[length] / TIMES_PS[time[:-2]]


def _orders(group: h5py.Group, start: int, stop: int) -> np.ndarray | None:
    """The rows in the order of their ids, where ids change places from frame to frame."""
    if "id" not in group or isinstance(group["id"], h5py.Dataset):
        return None
    return np.argsort(group["id/value"][start:stop], axis=1, kind="stable")
