"""What every reader of another program's file hands over: atoms, a clock, and frames to be read once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Frame:
    """One frame of a file.

    Args:
        positions_A: (atoms, 3).
        cell_A: vectors as rows, (3, 3); None where the file holds none.
        clock: what the file's clock shows in this frame; None where it says nothing of single frames.
        names: names of the atoms, where the file repeats them in every frame.
        velocities_A_ps: (atoms, 3), where the file holds them and says their unit.
    """

    positions_A: np.ndarray
    cell_A: np.ndarray | None
    clock: float | None = None
    names: Sequence[str] | None = None
    velocities_A_ps: np.ndarray | None = None


@dataclass(frozen=True)
class Clock:
    """How a file counts its frames.

    Args:
        name: what the file calls it, such as TIMESTEP.
        unit_ps: its unit; None where the file does not say it.
        step: from frame to frame, where the file says it once for all frames.
    """

    name: str
    unit_ps: float | None = None
    step: float | None = None


@dataclass(frozen=True)
class Source:
    """A file of another program.

    Args:
        names: names of the atoms, one list per naming scheme of the file, the likeliest to be elements first.
        frames: its frames, to be read once.
        clock: how it counts frames; None where it does not.
        unwrapped: whether positions are unwrapped by definition, so that a step of any length is what it is.
        oriented: whether the cell's vectors are known, not only their lengths and angles.
    """

    names: Sequence[Sequence[str]]
    frames: Iterator[Frame]
    clock: Clock | None = None
    unwrapped: bool = False
    oriented: bool = True
