"""Text files frame by frame: a last frame that a killed run has cut is left out, and said."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

from saltflow.base.errors import SaltflowError

log = logging.getLogger(__name__)
Parsed = TypeVar("Parsed")


class CutFrameError(Exception):
    """The file ends inside a frame."""


def frames_of_text(path: Path, read_frame: Callable[[BinaryIO], Parsed | None]) -> Iterator[Parsed]:
    """The frames of a text file.

    Args:
        path: the file.
        read_frame: reads one frame from where the file stands; None at the end, CutFrameError inside a frame,
            ValueError where lines are not what they should be.

    Raises:
        SaltflowError: a frame before the last cannot be read.
    """
    ends_in_line = not _ends_with_newline(path)
    with open(path, "rb") as file:
        number = 0
        while True:
            try:
                frame = read_frame(file)
            except CutFrameError:
                _say_cut(path, number)
                return
            except (ValueError, IndexError) as error:
                if not file.read(1):
                    _say_cut(path, number)
                    return
                raise SaltflowError(
                    f"{path} is damaged in frame {number} ({' '.join(str(error).split())[:150]}); "
                    "remove that frame or write the file again."
                ) from error
            if frame is None:
                return
            if ends_in_line and not file.peek(1):
                # The last number may have lost its end.
                _say_cut(path, number)
                return
            yield frame
            number += 1


def next_line(file: BinaryIO) -> str:
    """The next line, stripped.

    Raises:
        CutFrameError: the file ends before it.
    """
    line = file.readline()
    if not line:
        raise CutFrameError
    return line.decode(errors="replace").strip()


def next_lines(file: BinaryIO, count: int) -> list[list[str]]:
    """The words of the next lines.

    Raises:
        CutFrameError: the file ends before them.
    """
    return [next_line(file).split() for _ in range(count)]


def _ends_with_newline(path: Path) -> bool:
    with open(path, "rb") as file:
        if not file.seek(0, 2):
            return True
        file.seek(-1, 2)
        return file.read(1) == b"\n"


def _say_cut(path: Path, number: int) -> None:
    if number == 0:
        raise SaltflowError(f"{path} ends inside its first frame; write it again.")
    log.warning("%s ends inside frame %d, which is left out.", path.name, number)
