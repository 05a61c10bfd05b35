"""VASP's XDATCAR: by any name, at constant pressure, with a scale or a volume on its second line.

Source: https://www.vasp.at/wiki/XDATCAR and https://www.vasp.at/wiki/POSCAR. (ASE knows neither a volume as scale nor
the hashes that VASP 6 appends to names of elements.)
"""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np

from saltflow.base.errors import SaltflowError
from saltflow.trajectory.formats.source import Clock, Frame, Source
from saltflow.trajectory.formats.text_lines import frames_of_text, next_line, next_lines

CONFIGURATION = re.compile(r"(?:Direct|Konfig)\w*\s*(?:configuration)?\s*=\s*(\d+)", re.IGNORECASE)
HEADER_LINES = 7  # at most, before the first configuration


def is_xdatcar(head: list[str]) -> bool:
    """Whether the first lines of a file are those of an XDATCAR."""
    return len(head) > HEADER_LINES and _is_header(head) and any(CONFIGURATION.match(line.strip()) for line in head[6:])


def _is_header(lines: list[str]) -> bool:
    try:
        scale, vectors = _floats(lines[1]), [_floats(line) for line in lines[2:5]]
    except ValueError:
        return False
    return len(scale) in (1, 3) and all(len(vector) == 3 for vector in vectors)


def _floats(line: str) -> list[float]:
    return [float(word) for word in line.split()]


def open_xdatcar(path: Path) -> Source:
    """An XDATCAR. Its clock counts configurations, from 1 in every run."""
    reader = _Reader(path)
    frames = frames_of_text(path, reader.read)
    first = next(frames, None)
    if first is None:
        raise SaltflowError(f"{path} holds no configuration; write it again.")
    return Source([list(first.names)], _continued(chain([first], frames)), clock=Clock("configuration"))


def _continued(frames: Iterator[Frame]) -> Iterator[Frame]:
    """VASP numbers every run from its first configuration: one file after another goes on where the last ended."""
    first = step = last = None
    offset = 0.0
    for frame in frames:
        first = frame.clock if first is None else first
        if last is not None and frame.clock == first and last > first:
            offset += last - first + (step or 1.0)
        elif last is not None:
            step = frame.clock - last
        last = frame.clock
        yield Frame(frame.positions_A, frame.cell_A, clock=frame.clock + offset, names=frame.names)


class _Reader:
    """Reads configurations one by one; a new header before one replaces the last (constant pressure)."""

    def __init__(self, path: Path):
        self._path = path
        self._cell_A: np.ndarray | None = None
        self._names: list[str] = []

    def read(self, file: BinaryIO) -> Frame | None:
        text = _next_text(file)
        if text is None:
            return None
        match = CONFIGURATION.match(text)
        if match is None:
            self._read_header(text, file)
            match = CONFIGURATION.match(next_line(file))
            if match is None:
                raise ValueError("no line 'Direct configuration=' follows a header")
        if self._cell_A is None:
            raise ValueError("no cell stands before the first configuration")
        fractional = np.array([row[:3] for row in next_lines(file, len(self._names))], dtype=float)
        if fractional.shape != (len(self._names), 3):
            raise ValueError("a line has fewer than three coordinates")
        return Frame(fractional @ self._cell_A, self._cell_A, clock=float(match[1]), names=self._names)

    def _read_header(self, title: str, file: BinaryIO) -> None:
        scale = _floats(next_line(file))
        vectors = np.array([_floats(next_line(file)) for _ in range(3)])
        self._cell_A = _scaled(vectors, scale)
        words = next_line(file).split()
        if all(word.isdigit() for word in words):
            counts, called = words, title.split()
            called = called if len(called) == len(counts) else [str(number + 1) for number in range(len(counts))]
        else:
            counts, called = next_line(file).split(), words
        if len(counts) != len(called):
            raise ValueError("the numbers of atoms do not match the species")
        self._names = [name for name, count in zip(called, counts, strict=True) for _ in range(int(count))]


def _next_text(file: BinaryIO) -> str | None:
    """The next title or line of a configuration; None at the end. A title may be blank, and a blank line no title."""
    start, line = file.tell(), file.readline()
    if not line or line.strip():
        return line.decode(errors="replace").strip() if line else None
    head = [file.readline().decode(errors="replace") for _ in range(4)]
    file.seek(start + len(line))
    return "" if _is_header(["", *head]) else _next_text(file)


def _scaled(vectors: np.ndarray, scale: list[float]) -> np.ndarray:
    """Cell vectors in Å; one negative scale is the volume, three scale the Cartesian components."""
    if len(scale) == 3:
        return vectors * scale
    volume = abs(np.linalg.det(vectors))
    factor = scale[0] if scale[0] > 0 else (-scale[0] / volume) ** (1 / 3) if volume else 0.0
    return vectors * factor
