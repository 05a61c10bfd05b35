"""Intermittent residence: the fraction of pairs present at an origin that are present after a lag."""

import numpy as np

from saltflow.analysis.residence.contacts import Contacts
from saltflow.analysis.residence.survival import PairsAtOrigin
from saltflow.statistics.blocked_sums import BlockedSums
from saltflow.statistics.lags_and_origins import LagSchedule


class IntermittentCorrelation:
    """C(t): the probability that an ion present at an origin is present t later.

    It falls to a random plateau, the mean fraction of all mobile ions around a centre: the mean over pairs at origins
    of (mean number of ions around the centre)/(number of ions).

    Args:
        n_pairs, n_centres: pairs of an ion and a centre; pair = ion × n_centres + centre.
        origins: evenly spaced, (origins,).
        lags: in frames, ascending from 0, (lags,).
        blocks, classes: how many there are.
    """

    def __init__(
        self, *, n_pairs: int, n_centres: int, origins: np.ndarray, lags: np.ndarray, blocks: int, classes: int
    ):
        self.lags = lags
        self._appointments = LagSchedule(origins, lags)
        self._entries: dict[int, PairsAtOrigin] = {}
        self._spacing = int(origins[1] - origins[0]) if len(origins) > 1 else 1
        self._present = np.zeros(n_pairs, dtype=bool)
        self._returned = np.zeros((blocks, classes, len(lags)))
        self._followed = np.zeros((blocks, classes, len(lags)))
        self._around = np.zeros(n_centres)
        self._entered = np.zeros((blocks, classes, n_centres))

    def begin(self, entries: PairsAtOrigin) -> None:
        """Follow the pairs that are present at an origin."""
        self._entries[entries.frame // self._spacing] = entries
        centres = entries.pairs % len(self._around)
        np.add.at(self._around, centres, 1)
        np.add.at(self._entered, (entries.block, entries.classes, centres), 1)

    def advance(self, contacts: Contacts) -> None:
        """Take in the frames that follow."""
        for frame in range(contacts.start, contacts.start + len(contacts.present)):
            origins, lags = self._appointments.at(frame)
            if len(origins):
                present = contacts.present_at(frame)
                self._present[present] = True
                for origin, lag in zip(origins.tolist(), lags.tolist(), strict=True):
                    self._meet(self._entries[origin], lag)
                self._present[present] = False

    def finish(self) -> BlockedSums:
        """The sums of all origins, after the last frame."""
        ions = len(self._present) / len(self._around)
        chance = self._around / len(self._entries) / ions
        plateau = self._entered @ chance
        return BlockedSums({"returned": self._returned, "followed": self._followed, "plateau": plateau,
                            "entries": self._entered.sum(axis=-1)})  # fmt: skip

    def _meet(self, entries: PairsAtOrigin, lag: int) -> None:
        classes = self._returned.shape[1]
        here = self._present[entries.pairs]
        self._returned[entries.block, :, lag] += np.bincount(entries.classes[here], minlength=classes)
        self._followed[entries.block, :, lag] += np.bincount(entries.classes, minlength=classes)
