"""XYZ files, plain and extended: what ASE, CP2K, GPUMD, LAMMPS and i-PI write in the comment line.

Sources: https://github.com/libAtoms/extxyz; CP2K, motion_utils.F (Step, Time in fs); GPUMD, dump_xyz (Time in fs,
velocities in Å/fs, unwrapped_position); LAMMPS, dump extxyz (Timestep, Time in the unit of the run); i-PI
(CELL(abcABC), positions{unit}). ASE reads the keys; its reader of frames fails on a cut last frame and on CP2K's and
i-PI's comments.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np
from ase import units
from ase.cell import Cell
from ase.data import atomic_masses, atomic_numbers, chemical_symbols
from ase.io.extxyz import key_val_str_to_dict

from saltflow.base.errors import SaltflowError
from saltflow.trajectory.formats.source import Clock, Frame, Source
from saltflow.trajectory.formats.text_lines import frames_of_text, next_line, next_lines

FS_PS = 1e-3
PLAIN = "species:S:1:pos:R:3"
CP2K = re.compile(r"i\s*=\s*(\d+),\s*time\s*=\s*([-+.\dEe]+)")
LAMMPS = re.compile(r"Atoms\. Timestep:\s*(\d+)")
IPI_CELL = re.compile(r"CELL\(abcABC\):((?:\s+[-+.\dEe]+){6})")
IPI_UNIT = re.compile(r"(positions|cell)\{(\w+)\}")
IPI_STEP = re.compile(r"Step:\s*(\d+)")
LENGTHS_A = {"angstrom": 1.0, "atomic_unit": units.Bohr, "automatic": units.Bohr, "bohr": units.Bohr}
# Keys whose unit the name tells.
TIMES_PS = {"time_fs": FS_PS, "time_ps": 1.0, "Time_fs": FS_PS, "Time_ps": 1.0}


@dataclass(frozen=True)
class _Comment:
    """What the comment line says; `exact` where it names every column."""

    properties: str
    cell_A: np.ndarray | None
    clock: Clock | None
    count: float | None
    position_unit_A: float = 1.0
    by_gpumd: bool = False
    exact: bool = False


def is_xyz(head: list[str]) -> bool:
    """Whether the first lines of a file are those of an XYZ file."""
    return len(head) > 2 and re.fullmatch(r"\s*\d+\s*", head[0]) is not None and _is_atom(head[2])


def _is_atom(line: str) -> bool:
    return re.match(r"\s*\S+(\s+[-+.\dEeNnAa]+){3}|\s*[-+.\dEe]+\s+[-+.\dEe]+", line) is not None


def open_xyz(path: Path) -> Source:
    """An XYZ file.

    Raises:
        SaltflowError: a boundary that is not periodic, a cell or a unit that cannot be read.
    """
    read = frames_of_text(path, lambda file: _read_frame(file, path))
    first = next(read, None)
    if first is None:
        raise SaltflowError(f"{path} is empty; write it again.")
    frame, comment = first
    unwrapped = "unwrapped_position" in comment.properties
    frames = (each for each, _ in chain([first], read))
    return Source([frame.names or []], frames, clock=comment.clock, unwrapped=unwrapped)


def _read_frame(file: BinaryIO, path: Path) -> tuple[Frame, _Comment] | None:
    line = file.readline()
    while line and not line.strip():
        line = file.readline()
    if not line:
        return None
    count = int(line)
    comment = _comment(next_line(file), path)
    rows = next_lines(file, count)
    columns = _columns(comment.properties)
    width = max(stop for _, stop in columns.values())
    if any(len(row) < width or (comment.exact and len(row) > width) for row in rows):
        raise ValueError(f"a line of atoms has not the {width} columns of its properties")
    place = "unwrapped_position" if "unwrapped_position" in columns else "pos"
    names = _names(rows, columns)
    frame = Frame(
        _numbers(rows, columns[place]) * comment.position_unit_A,
        comment.cell_A,
        clock=comment.count,
        names=names,
        velocities_A_ps=_velocities_A_ps(rows, columns, names, by_gpumd=comment.by_gpumd),
    )
    return frame, comment


def _names(rows: list[list[str]], columns: Mapping[str, tuple[int, int]]) -> list[str] | None:
    for called in ("species", "element", "type"):
        if called in columns:
            return [row[columns[called][0]] for row in rows]
    if "Z" in columns:
        return [chemical_symbols[int(row[columns["Z"][0]])] for row in rows]
    return None


def _velocities_A_ps(
    rows: list[list[str]], columns: Mapping[str, tuple[int, int]], names: list[str] | None, *, by_gpumd: bool
) -> np.ndarray | None:
    """Velocities, where it is known who wrote them in which unit: GPUMD, and momenta of ASE."""
    if by_gpumd and "vel" in columns:
        return _numbers(rows, columns["vel"]) / FS_PS
    if "momenta" in columns and names is not None and set(names) <= atomic_numbers.keys():
        masses_u = atomic_masses[[atomic_numbers[name] for name in names]]
        return _numbers(rows, columns["momenta"]) / masses_u[:, None] * units.fs / FS_PS
    return None


def _columns(properties: str) -> dict[str, tuple[int, int]]:
    words = properties.split(":")
    columns, start = {}, 0
    for name, width in zip(words[0::3], map(int, words[2::3]), strict=True):
        columns[name] = (start, start + width)
        start += width
    if columns.get("pos", (0, 0))[1] - columns.get("pos", (0, 0))[0] != 3 and "unwrapped_position" not in columns:
        raise ValueError(f"Properties={properties} hold no positions")
    return columns


def _numbers(rows: list[list[str]], columns: tuple[int, int]) -> np.ndarray:
    start, stop = columns
    return np.array([row[start:stop] for row in rows], dtype=float)


def _comment(text: str, path: Path) -> _Comment:
    if match := IPI_CELL.search(text):
        return _ipi(text, match, path)
    if match := CP2K.search(text):
        return _Comment(PLAIN, None, Clock("time", FS_PS), float(match[2]))
    if match := LAMMPS.search(text):
        return _Comment(PLAIN, None, Clock("Timestep"), float(match[1]))
    if "Properties=" not in text and "Lattice=" not in text:
        return _Comment(PLAIN, None, None, None)
    keys = key_val_str_to_dict(text)
    clock, count = _clock(text, keys)
    return _Comment(
        _properties(text), _lattice(keys, path), clock, count,
        by_gpumd=_by_gpumd(text), exact="Properties=" in text,
    )  # fmt: skip


def _properties(text: str) -> str:
    match = re.search(r'Properties="?([^\s"]+)', text)
    return match[1] if match else PLAIN


def _by_gpumd(text: str) -> bool:
    return text.startswith("Time=") and "pbc=" in text


def _clock(text: str, keys: Mapping) -> tuple[Clock | None, float | None]:
    for name, unit_ps in TIMES_PS.items():
        if name in keys:
            return Clock(name, unit_ps), float(keys[name])
    name = next((name for name in ("Time", "time") if isinstance(keys.get(name), (int, float))), None)
    if name is not None:
        known = _by_gpumd(text) or ("Step" in keys and "Energy" in keys)
        return Clock(name, FS_PS if known else None), float(keys[name])
    name = next((name for name in ("Timestep", "Step", "step") if isinstance(keys.get(name), (int, float))), None)
    return (None, None) if name is None else (Clock(name), float(keys[name]))


def _lattice(keys: Mapping, path: Path) -> np.ndarray | None:
    if "Lattice" not in keys:
        return None
    pbc = np.atleast_1d(keys.get("pbc", True))
    if not np.all(pbc):
        raise SaltflowError(
            f'{path} says pbc="{" ".join("T" if each else "F" for each in pbc)}"; '
            "the analyses need a cell that is periodic in all directions: correct pbc or analyse another run."
        )
    lattice = np.asarray(keys["Lattice"], dtype=float)
    return lattice.T if np.any(lattice) else None  # ASE hands over the vectors as columns


def _ipi(text: str, cell: re.Match, path: Path) -> _Comment:
    """i-PI: lengths are in bohr where the line does not say their unit."""
    named = dict(IPI_UNIT.findall(text))
    for unit in named.values():
        if unit not in LENGTHS_A:
            raise SaltflowError(f"{path} is in {unit}, a unit of i-PI that is not known here; write it in angstrom.")
    position_A = LENGTHS_A[named.get("positions", "automatic")]
    numbers = np.array(cell[1].split(), dtype=float)
    numbers[:3] *= LENGTHS_A[named.get("cell", "automatic")]
    step = IPI_STEP.search(text)
    return _Comment(
        PLAIN, Cell.fromcellpar(numbers).array, Clock("Step") if step else None, float(step[1]) if step else None,
        position_unit_A=position_A,
    )  # fmt: skip
