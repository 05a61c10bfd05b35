"""LAMMPS dumps (text): every kind of coordinate and cell, image flags, units, times, atoms in any order.

Source: https://docs.lammps.org/dump.html and https://docs.lammps.org/dump_modify.html. (MDAnalysis stops at the
sections UNITS and TIME and at general triclinic cells, and does not apply image flags.)
"""

from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np
from ase.units import Bohr

from saltflow.base.errors import SaltflowError
from saltflow.trajectory.formats.source import Clock, Frame, Source
from saltflow.trajectory.formats.text_lines import CutFrameError, frames_of_text, next_lines

# Unit style → Å per unit of length, ps per unit of time. A dump without UNITS has lengths in Å: real or metal.
UNITS = {
    "real": (1.0, 1e-3),
    "metal": (1.0, 1.0),
    "si": (1e10, 1e12),
    "cgs": (1e8, 1e12),
    "electron": (Bohr, 1e-3),
    "micro": (1e4, 1e6),
    "nano": (10.0, 1e3),
}
# Columns of coordinates, the surest first: (names, in units of the cell, unwrapped).
COORDINATES = (
    (("xu", "yu", "zu"), False, True),
    (("xsu", "ysu", "zsu"), True, True),
    (("x", "y", "z"), False, False),
    (("xs", "ys", "zs"), True, False),
)
NAMES = ("element", "typelabel", "type")
IMAGES, VELOCITIES = ("ix", "iy", "iz"), ("vx", "vy", "vz")


@dataclass
class _Section:
    """One frame as written.

    Args:
        heads: ITEM → words of its line after the name.
        values: ITEM → the lines below it, as words.
    """

    heads: dict[str, list[str]] = field(default_factory=dict)
    values: dict[str, list[list[str]]] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    words: list[list[str]] = field(default_factory=list)


def open_lammps_dump(path: Path) -> Source:
    """A LAMMPS dump of style custom or atom.

    Raises:
        SaltflowError: no column id or no coordinates, a boundary that is not periodic, or units without a length.
    """
    sections = frames_of_text(path, _read_section)
    first = next(sections, None)
    if first is None:
        raise SaltflowError(f"{path} holds no frame; write it again.")
    layout = _Layout.of(first, path)
    names = layout.names_of(first, layout.order(first))
    return Source(
        [names],
        (layout.frame(section) for section in chain([first], sections)),
        clock=layout.clock,
        unwrapped=layout.unwrapped,
    )


def _read_section(file: BinaryIO) -> _Section | None:
    section = _Section()
    while True:
        line = file.readline()
        if not line:
            if section.heads:
                raise CutFrameError
            return None
        text = line.decode(errors="replace").strip()
        if not text:
            continue
        if not text.startswith("ITEM:"):
            raise ValueError(f"'{text[:40]}' stands where ITEM: is expected")
        name, _, rest = _item(text)
        section.heads[name] = rest.split()
        if name == "ATOMS":
            section.columns = tuple(rest.split())
            count = int(section.values["NUMBER OF ATOMS"][0][0])
            section.words = next_lines(file, count)
            if any(len(row) != len(section.columns) for row in section.words):
                raise ValueError(f"a line of atoms has not the {len(section.columns)} columns of its header")
            return section
        if name == "ENTRIES":
            raise ValueError("it holds ENTRIES of a dump local, no atoms")
        section.values[name] = next_lines(file, 3 if name == "BOX BOUNDS" else 1)


ITEMS = ("NUMBER OF ATOMS", "BOX BOUNDS", "TIMESTEP", "UNITS", "TIME", "ATOMS", "ENTRIES")


def _item(text: str) -> tuple[str, str, str]:
    title = text[len("ITEM:") :].strip()
    for name in ITEMS:
        if title == name or title.startswith(name + " "):
            return name, "", title[len(name) :]
    return title, "", ""


@dataclass(frozen=True)
class _Layout:
    """What holds for all frames of a dump."""

    path: Path
    columns: tuple[str, ...]
    coordinates: tuple[str, ...]
    scaled: bool
    images: bool
    unwrapped: bool
    length_A: float
    time_ps: float | None
    has_time: bool
    ids: np.ndarray

    @classmethod
    def of(cls, section: _Section, path: Path) -> "_Layout":
        columns = section.columns
        if "id" not in columns:
            raise SaltflowError(
                f"{path} has no column id, so that nothing says which atom is which in the next frame; "
                "write the dump with id."
            )
        found = next((each for each in COORDINATES if set(each[0]) <= set(columns)), None)
        if found is None:
            raise SaltflowError(f"{path} has no columns x y z, xs ys zs, xu yu zu or xsu ysu zsu; write them.")
        names, scaled, unwrapped = found
        images = not unwrapped and set(IMAGES) <= set(columns)
        style = section.values.get("UNITS", [["metal"]])[0][0]
        if style not in UNITS:
            raise SaltflowError(f"{path} is in units {style}, which have no length in Å; write it in metal or real.")
        length_A, time_ps = UNITS[style]
        ids = np.sort(_column(section, "id").astype(np.int64))
        layout = cls(
            path, columns, names, scaled, images, unwrapped or images, length_A,
            time_ps if "UNITS" in section.values else None, "TIME" in section.values, ids,
        )  # fmt: skip
        if len(np.unique(ids)) < len(ids):
            raise SaltflowError(f"{path} lists an atom twice in a frame (the ids repeat); write every atom once.")
        return layout

    @property
    def clock(self) -> Clock:
        return Clock("TIME", self.time_ps) if self.has_time else Clock("TIMESTEP")

    def order(self, section: _Section) -> np.ndarray:
        """The rows in the order of their ids."""
        return np.argsort(_column(section, "id").astype(np.int64), kind="stable")

    def names_of(self, section: _Section, order: np.ndarray) -> list[str]:
        """Names of the atoms in the order of their ids; none where the dump has none."""
        called = next((name for name in NAMES if name in section.columns), None)
        column = section.columns.index(called) if called else None
        return [] if column is None else [section.words[row][column] for row in order.tolist()]

    def frame(self, section: _Section) -> Frame:
        """A frame in Å, relative to the corner of its cell, atoms in the order of their ids."""
        if section.columns != self.columns:
            raise SaltflowError(f"{self.path} changes its columns between frames; write all frames alike.")
        order = self.order(section)
        ids = _column(section, "id").astype(np.int64)[order]
        if len(ids) != len(self.ids):
            raise SaltflowError(
                f"{self.path} holds {len(ids)} atoms at TIMESTEP {section.values['TIMESTEP'][0][0]} and "
                f"{len(self.ids)} before; the number must not change."
            )
        if not np.array_equal(ids, self.ids):
            raise SaltflowError(f"{self.path} holds other atoms in some frames (their ids differ); write one group.")
        cell, origin = _cell(section, self.path)
        values = np.stack([_column(section, name) for name in self.coordinates], axis=1)[order]
        positions = values @ cell if self.scaled else values - origin
        if self.images:
            positions = positions + np.stack([_column(section, name) for name in IMAGES], axis=1)[order] @ cell
        velocities = None
        if self.time_ps is not None and set(VELOCITIES) <= set(self.columns):
            velocities = np.stack([_column(section, name) for name in VELOCITIES], axis=1)[order]
            velocities = velocities * self.length_A / self.time_ps
        return Frame(
            positions * self.length_A,
            cell * self.length_A,
            clock=float(section.values["TIME" if self.has_time else "TIMESTEP"][0][0]),
            names=self.names_of(section, order),
            velocities_A_ps=velocities,
        )


def _column(section: _Section, name: str) -> np.ndarray:
    column = section.columns.index(name)
    return np.array([row[column] for row in section.words], dtype=float)


def _cell(section: _Section, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Vectors as rows and the corner they start from, in the units of the dump."""
    head = section.heads["BOX BOUNDS"]
    bounds = np.array(section.values["BOX BOUNDS"], dtype=float)
    flags = [word for word in head if word not in ("xy", "xz", "yz", "abc", "origin")]
    if any(flag != "pp" for flag in flags):
        raise SaltflowError(
            f"{path} has boundaries {' '.join(flags)}; the analyses need a cell that is periodic (pp) in all "
            "directions."
        )
    if "abc" in head:
        return bounds[:, :3], bounds[:, 3]
    if bounds.shape[1] == 2:
        return np.diag(bounds[:, 1] - bounds[:, 0]), bounds[:, 0]
    xy, xz, yz = bounds[:, 2]
    low = bounds[:, 0] - [min(0.0, xy, xz, xy + xz), min(0.0, yz), 0.0]
    high = bounds[:, 1] - [max(0.0, xy, xz, xy + xz), max(0.0, yz), 0.0]
    (lx, ly, lz) = high - low
    return np.array([[lx, 0.0, 0.0], [xy, ly, 0.0], [xz, yz, lz]]), low
