"""What a backend gives back for one structure: a label, or the reason why there is none."""

from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from ase import Atoms

Status = Literal[
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
    """How a code spreads over the cores of a job: MPI ranks, and threads of each."""

    ranks: int = 1
    threads: int = 1

    @classmethod
    def on(cls, cores: int, *, threads_per_rank: int) -> "Processes":
        """What fills a number of cores; a rank at least, with no more threads than there are cores."""
        threads = min(cores, threads_per_rank)
        return cls(ranks=cores // threads, threads=threads)


@dataclass(frozen=True)
class Result:
    """What a code computed for one structure.

    Attributes:
        energy_eV: total energy of the cell.
        forces_eV_A: (atoms, 3).
        stress_eV_A3: (3, 3), symmetric, ASE's sign: a compressed cell has a negative trace.
        attempts: how many rungs of the code's retry ladder it took.
        details: what a reader needs to repeat it (`code` with its version, `ladder`, input, net force …), JSON-able.
    """

    energy_eV: float
    forces_eV_A: np.ndarray
    stress_eV_A3: np.ndarray
    attempts: int
    details: dict


@dataclass(frozen=True)
class Label:
    """The outcome for frame `index` of a sequence: numbers when `status` is "ok", else a reason.

    Attributes:
        reason: one sentence; empty when the status is "ok".
        energy_eV, forces_eV_A, stress_eV_A3: as in `Result`; None unless the status is "ok".
        seconds: wall time of all attempts.
    """

    index: int
    status: Status
    reason: str
    seconds: float
    attempts: int
    energy_eV: float | None = None
    forces_eV_A: np.ndarray | None = None
    stress_eV_A3: np.ndarray | None = None
    details: dict = field(default_factory=dict)


class LabelFailure(Exception):  # noqa: N818 - a failed frame is data, not an error of the program
    """One structure has no label; the next one may well have.

    Args:
        status: the kind of failure, for the ledger.
        reason: one sentence.
        attempts: rungs of the retry ladder that were tried.
        details: what is known about the failed attempts, JSON-able.
    """

    def __init__(self, status: Status, reason: str, *, attempts: int, details: dict | None = None):
        self.status, self.reason, self.attempts = status, reason, attempts
        self.details = details or {}
        super().__init__(reason)


class Backend(Protocol):
    """One code. It may keep a process and a wavefunction from one structure to the next."""

    def compute(self, atoms: Atoms) -> Result:
        """Compute one periodic structure; raises LabelFailure."""

    def isolated_atom(self, element: str) -> float:
        """Energy in eV of one atom in vacuum; raises LabelFailure."""

    def close(self) -> None:
        """End whatever the backend keeps running."""
