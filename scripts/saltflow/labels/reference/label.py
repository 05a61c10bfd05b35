"""The label of one structure, or the reason why there is none."""

from dataclasses import dataclass, field
from functools import partial
from typing import Literal, Protocol

import numpy as np
from ase import Atoms

LabelStatus = Literal[
    "ok",
    "nan",
    "overlap",
    "not_converged",
    "force_limit",
    "net_force",
    "timeout",
    "crashed",
    "wrong_spin",
    "disk_full",
]


@dataclass(frozen=True)
class Processes:
    """MPI ranks and threads per rank of a code."""

    ranks: int = 1
    threads: int = 1

    @classmethod
    def on(cls, cores: int, *, threads_per_rank: int) -> "Processes":
        """Ranks and threads that fill a number of cores; at least one rank."""
        threads = min(cores, threads_per_rank)
        return cls(ranks=cores // threads, threads=threads)


@dataclass(frozen=True)
class Result:
    """The result of a code for one structure.

    Attributes:
        energy_eV: total energy of the cell.
        forces_eV_A: (atoms, 3).
        stress_eV_A3: (3, 3), symmetric, ASE's sign: a compressed cell has a negative trace.
        attempts: number of SCF attempts.
        details: JSON-able record (`code` with its version, `scf_attempts`, input, net force …).
    """

    energy_eV: float
    forces_eV_A: np.ndarray
    stress_eV_A3: np.ndarray
    attempts: int
    details: dict


@dataclass(frozen=True)
class Label:
    """The outcome of frame `index` of a sequence: numbers if `status` is "ok", else a reason.

    Attributes:
        reason: one sentence; empty if the status is "ok".
        energy_eV, forces_eV_A, stress_eV_A3: as in `Result`; None unless the status is "ok".
        seconds: wall time of all attempts.
    """

    index: int
    status: LabelStatus
    reason: str
    seconds: float
    attempts: int
    energy_eV: float | None = None
    forces_eV_A: np.ndarray | None = None
    stress_eV_A3: np.ndarray | None = None
    details: dict = field(default_factory=dict)


class LabelFailure(Exception):  # noqa: N818 - a failed frame is data, not an error of the program
    """One structure has no label; the next one is tried.

    Args:
        status: for the ledger.
        reason: one sentence.
        attempts: number of SCF attempts.
        details: JSON-able record of the failed attempts.
    """

    def __init__(self, status: LabelStatus, reason: str, *, attempts: int, details: dict | None = None):
        self.status, self.reason, self.attempts = status, reason, attempts
        self.details = details or {}
        super().__init__(reason)

    def __reduce__(self):
        return partial(LabelFailure, attempts=self.attempts, details=self.details), (self.status, self.reason)


class Backend(Protocol):
    """A code, which may keep a process and a wavefunction between structures."""

    def compute(self, atoms: Atoms) -> Result:
        """Compute one periodic structure; raises LabelFailure."""

    def isolated_atom(self, element: str) -> float:
        """Energy in eV of one atom in vacuum; raises LabelFailure."""

    def close(self) -> None:
        """End the processes of the backend."""
