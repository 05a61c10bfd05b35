"""Sums per block of time, for a jackknife over blocks or replicas."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class BlockedSums:
    """Named sums, with blocks of time (or groups of blocks) on the first axis.

    Args:
        sums: name → (groups, ...).
    """

    sums: Mapping[str, np.ndarray]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.sums[name]

    def __contains__(self, name: str) -> bool:
        return name in self.sums

    def __len__(self) -> int:
        """Number of groups."""
        return len(next(iter(self.sums.values())))

    def total(self) -> "BlockedSums":
        """Summed over the groups."""
        return BlockedSums({name: each.sum(axis=0) for name, each in self.sums.items()})

    def leave_one_out(self) -> "BlockedSums":
        """For each group, the sum over all other groups."""
        return BlockedSums({name: each.sum(axis=0) - each for name, each in self.sums.items()})

    def grouped_by(self, labels: np.ndarray) -> "BlockedSums":
        """Groups with the same label summed, in the order of the sorted labels."""
        found, places = np.unique(labels, return_inverse=True)
        grouped = {}
        for name, each in self.sums.items():
            grouped[name] = np.zeros((len(found), *each.shape[1:]))
            np.add.at(grouped[name], places, each)
        return BlockedSums(grouped)


def joined(parts: Sequence[BlockedSums]) -> BlockedSums:
    """Several sums one after another on the first axis."""
    return BlockedSums({name: np.concatenate([part[name] for part in parts]) for name in parts[0].sums})
