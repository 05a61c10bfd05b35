"""A trajectory in memory, and the interface that analyses read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

import numpy as np

from saltflow.base.errors import SaltflowError

SCHEMA = 1
# Keys of the metadata of converted files: positions are unwrapped by definition, however long steps are; the longest
# step of each element over one interval, as {symbol: [Å, atom, frame]}; its mean squared steps in quarters of the run.
UNWRAPPED, LONGEST_STEPS, SQUARED_STEPS = "unwrapped", "longest_steps", "squared_steps_A2"


class TrajectoryReader(Protocol):
    """A trajectory as analyses read it, in memory or on disk."""

    cells_A: np.ndarray
    times_ps: np.ndarray
    symbols: tuple[str, ...]
    masses_u: np.ndarray
    metadata: Mapping

    @property
    def n_frames(self) -> int:
        """Number of frames."""

    def read_positions_A(self, frames: slice, atoms: slice) -> np.ndarray:
        """Unwrapped positions of some atoms in some frames, (frames, atoms, 3)."""


@dataclass(frozen=True)
class Trajectory:
    """One trajectory of one cell.

    Args:
        positions_A: unwrapped positions, (frames, atoms, 3).
        cells_A: cell vectors as rows, (frames, 3, 3).
        times_ps: strictly increasing times, (frames,).
        symbols: chemical symbol of each atom, (atoms,).
        masses_u: mass of each atom in unified atomic mass units, (atoms,).
        metadata: record of the writer (provenance, dispersion, ...).
        observables: name → (frames,) or (frames, 3), in the units of `OBSERVABLE_UNITS`.
        schema: version of the layout.

    Raises:
        SaltflowError: shapes disagree, times do not increase, or a number is not finite.
    """

    positions_A: np.ndarray
    cells_A: np.ndarray
    times_ps: np.ndarray
    symbols: tuple[str, ...]
    masses_u: np.ndarray
    metadata: Mapping = field(default_factory=dict)
    observables: Mapping[str, np.ndarray] = field(default_factory=dict)
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        frames, atoms = len(self.times_ps), len(self.symbols)
        expected = {
            "positions_A": (frames, atoms, 3),
            "cells_A": (frames, 3, 3),
            "times_ps": (frames,),
            "masses_u": (atoms,),
        }
        for name, shape in expected.items():
            found = getattr(self, name).shape
            if found != shape:
                raise SaltflowError(f"The trajectory's {name} has shape {found}, but {shape} is needed.")
            refuse_non_finite(name, getattr(self, name))
        check_times(self.times_ps)
        for name in ("metadata", "observables"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.times_ps)

    def read_positions_A(self, frames: slice, atoms: slice) -> np.ndarray:
        """Unwrapped positions of some atoms in some frames, (frames, atoms, 3)."""
        return self.positions_A[frames, atoms]


def refuse_non_finite(name: str, values: np.ndarray) -> None:
    """Check that every number is finite.

    Raises:
        SaltflowError: one is not; the message names its index.
    """
    finite = np.isfinite(values)
    if not finite.all():
        first = np.argwhere(~finite)[0]
        raise SaltflowError(
            f"The trajectory's {name} is not a finite number at index {tuple(map(int, first))} "
            "(frame first); the run blew up there: cut the trajectory before it or repeat the run."
        )


def check_times(times_ps: np.ndarray) -> None:
    """Check that times increase.

    Raises:
        SaltflowError: they do not; the message names the first frame.
    """
    if np.any(np.diff(times_ps) <= 0):
        frame = int(np.argmax(np.diff(times_ps) <= 0)) + 1
        raise SaltflowError(
            f"The trajectory's times do not increase at frame {frame} ({times_ps[frame]} ps); "
            "drop the repeated frames of a restarted run."
        )
