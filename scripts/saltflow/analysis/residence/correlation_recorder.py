"""Residence functions around one kind of centre, recorded while a segment is read."""

from dataclasses import dataclass

import numpy as np

from saltflow.analysis.residence.contacts import Contacts, FractionalChunk, Shell, find_contacts
from saltflow.analysis.residence.intermittent import IntermittentCorrelation
from saltflow.analysis.residence.metal_environments import Environments
from saltflow.analysis.residence.names import INTERMITTENT, continuous_name
from saltflow.analysis.residence.survival import PairsAtOrigin, Survival
from saltflow.statistics.blocked_sums import BlockedSums
from saltflow.statistics.lags_and_origins import graded_lags, spaced_origins

COARSE = " at twice the interval"
MOST_BLOCKS = 20


@dataclass(frozen=True)
class CorrelationPlan:
    """Lags, origins and allowed absences, the same for all segments of a state point.

    Args:
        interval_ps: between sampled frames.
        longest_lag: in sampled frames.
        origins_wanted: largest number of origins per segment.
        absences_ps: allowed absences of the continuous functions.
    """

    interval_ps: float
    longest_lag: int
    origins_wanted: int
    absences_ps: tuple[float, ...]

    @property
    def continuous(self) -> dict[str, tuple[float, int]]:
        """Name of each continuous function → allowed absence in ps, and stride over the sampled frames."""
        functions = {continuous_name(absence_ps): (absence_ps, 1) for absence_ps in self.absences_ps}
        if 0.0 in self.absences_ps:
            functions[continuous_name(0.0) + COARSE] = (0.0, 2)
        return functions

    def lags(self, function: str) -> np.ndarray:
        """Lags of a function, in its own frames."""
        if function == INTERMITTENT:
            return graded_lags(self.longest_lag, every_up_to=10, per_decade=15)
        return graded_lags(self.longest_lag // self.continuous[function][1], every_up_to=20, per_decade=30)

    def times_ps(self, function: str) -> np.ndarray:
        """Lags of a function in ps."""
        stride = 1 if function == INTERMITTENT else self.continuous[function][1]
        return self.lags(function) * stride * self.interval_ps


class CorrelationRecorder:
    """Residence functions, class changes and populations around one kind of centre in one segment.

    Args:
        shell: ions, centres, cut-off.
        environments: classes of the centres.
        n_frames: sampled frames of the segment.
        plan: lags and origins.
    """

    def __init__(self, shell: Shell, environments: Environments, *, n_frames: int, plan: CorrelationPlan):
        self._shell, self._environments = shell, environments
        self._origins = spaced_origins(n_frames, wanted=plan.origins_wanted, multiple=2)
        self._blocks = min(MOST_BLOCKS, len(self._origins))
        sizes = {"blocks": self._blocks, "classes": len(environments.names), "n_pairs": shell.n_pairs}
        self._functions: dict[str, Survival | IntermittentCorrelation] = {
            name: Survival(
                n_frames=n_frames, lags=plan.lags(name), stride=stride,
                absence=int(absence_ps / (stride * plan.interval_ps) + 1e-6), **sizes,
            )
            for name, (absence_ps, stride) in plan.continuous.items()
        }  # fmt: skip
        self._functions[INTERMITTENT] = IntermittentCorrelation(
            n_centres=len(shell.centres), origins=self._origins, lags=plan.lags(INTERMITTENT), **sizes
        )
        self._labels: np.ndarray | None = None
        shape = (self._blocks, len(environments.names))
        self._counts = {name: np.zeros(shape) for name in ("centres", "neighbours", "labelled", "kept")}
        self._spacing_ps = self._origin_spacing * plan.interval_ps

    @property
    def n_blocks(self) -> int:
        """Blocks of time that the segment is divided into."""
        return self._blocks

    def advance(self, chunk: FractionalChunk) -> None:
        """Take in the frames that follow."""
        contacts = find_contacts(self._shell, chunk)
        stop = chunk.start + len(chunk.cells_A)
        for index in range(*np.searchsorted(self._origins, (chunk.start, stop)).tolist()):
            self._begin(index, contacts, chunk)
        for function in self._functions.values():
            function.advance(contacts)

    def finish(self) -> BlockedSums:
        """All sums by "function/sum", after the last frame."""
        sums = {f"labels/{name}": each for name, each in self._counts.items()}
        sums["labels/labelled_ps"] = self._counts["labelled"] * self._spacing_ps
        for name, function in self._functions.items():
            sums |= {f"{name}/{what}": each for what, each in function.finish().sums.items()}
        return BlockedSums(sums)

    @property
    def _origin_spacing(self) -> int:
        return int(self._origins[1] - self._origins[0]) if len(self._origins) > 1 else 1

    def _begin(self, index: int, contacts: Contacts, chunk: FractionalChunk) -> None:
        frame, block = int(self._origins[index]), index * self._blocks // len(self._origins)
        labels = self._environments.labels(chunk, frame - chunk.start, n_centres=len(self._shell.centres))
        pairs = contacts.present_at(frame)
        entries = PairsAtOrigin(frame, block, pairs, labels[pairs % len(labels)])
        for function in self._functions.values():
            function.begin(entries)
        self._count("centres", block, labels)
        self._count("neighbours", block, entries.classes)
        if self._labels is not None:
            self._count("labelled", block, self._labels)
            self._count("kept", block, self._labels[self._labels == labels])
        self._labels = labels

    def _count(self, name: str, block: int, classes: np.ndarray) -> None:
        self._counts[name][block] += np.bincount(classes, minlength=len(self._environments.names))
