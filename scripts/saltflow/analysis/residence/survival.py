"""Continuous residence: the fraction of pairs present at an origin without an absence longer than allowed."""

from dataclasses import dataclass

import numpy as np

from saltflow.analysis.residence.contacts import Contacts
from saltflow.statistics.blocked_sums import BlockedSums

NEVER = np.iinfo(np.int64).max
CLOSED_AT_ONCE = 100_000  # residences that are kept before they are counted


@dataclass(frozen=True)
class PairsAtOrigin:
    """Pairs present at an origin.

    Args:
        frame: the origin.
        block: its block of time.
        pairs: (entries,).
        classes: class of each pair's centre at the origin, (entries,).
    """

    frame: int
    block: int
    pairs: np.ndarray
    classes: np.ndarray


class Survival:
    """P(t): the probability that an ion present at an origin has no absence longer than allowed up to t later.

    An origin counts only for lags that end within the trajectory, so that ions still present at the end (censored) bias
    nothing. The last frames, as many as an absence may last, are not used: an absence that begins there has no known
    length.

    Args:
        n_frames: sampled frames.
        n_pairs: pairs of an ion and a centre.
        lags: in its own frames, ascending from 0, (lags,).
        blocks, classes: how many there are.
        absence: longest allowed absence, in its own frames.
        stride: its own frames are every stride-th sampled frame.
    """

    def __init__(
        self, *, n_frames: int, n_pairs: int, lags: np.ndarray, blocks: int, classes: int, absence: int, stride: int
    ):
        self.lags, self.absence, self.stride = lags, absence, stride
        self._horizon = max(-(-n_frames // stride) - absence, 1)
        self._start = np.full(n_pairs, -1, dtype=np.int64)  # of the current residence
        self._left = np.full(n_pairs, -1, dtype=np.int64)  # start of the current absence
        self._present = np.zeros(n_pairs, dtype=bool)
        self._closed: list[np.ndarray] = []
        self._waiting: list[np.ndarray] = []  # pair, origin, class, block of pairs whose residence has not ended
        self._survivors = np.zeros((blocks, classes, len(lags)))
        self._followed = np.zeros((blocks, classes, len(lags)))
        self._departures = np.zeros((blocks, classes))

    def begin(self, entries: PairsAtOrigin) -> None:
        """Follow the pairs that are present at an origin, a multiple of the stride."""
        frame = entries.frame // self.stride
        if frame >= self._horizon:
            return
        count = len(entries.pairs)
        rows = (entries.pairs, np.full(count, frame), entries.classes, np.full(count, entries.block))
        self._waiting.append(np.stack(rows).astype(np.int64))

    def advance(self, contacts: Contacts) -> None:
        """Take in the frames that follow."""
        offset = -contacts.start % self.stride
        rows = contacts.present[offset :: self.stride]
        if not len(rows):
            return
        first = (contacts.start + offset) // self.stride
        gone = np.setdiff1d(np.flatnonzero(self._present), contacts.pairs)
        before = np.concatenate([self._present[None, contacts.pairs], rows[:-1]])
        column, row = np.nonzero((rows != before).T)
        self._present[gone] = False
        self._present[contacts.pairs] = rows[-1]
        self._take_events(
            np.concatenate([gone, contacts.pairs[column]]),
            np.concatenate([np.full(len(gone), first), first + row]),
            np.concatenate([np.zeros(len(gone), dtype=bool), rows[row, column]]),
        )
        if sum(closed.shape[1] for closed in self._closed) > CLOSED_AT_ONCE:
            self._settle()

    def finish(self) -> BlockedSums:
        """The sums of all origins, after the last frame."""
        open_ = np.flatnonzero(self._start >= 0)
        ends = np.where(self._left[open_] >= 0, self._left[open_], NEVER)
        self._closed.append(np.stack([open_, self._start[open_], ends]))
        self._settle()
        counts = {"survivors": self._survivors, "followed": self._followed}
        reached = {name: each[..., ::-1].cumsum(axis=-1)[..., ::-1] for name, each in counts.items()}
        return BlockedSums({**reached, "departures": self._departures})

    def _take_events(self, pairs: np.ndarray, times: np.ndarray, arrives: np.ndarray) -> None:
        """Arrivals and departures: close residences that have ended, and keep the last one of each pair."""
        if not len(pairs):
            return
        known = np.unique(pairs)
        open_, away = known[self._start[known] >= 0], known[self._left[known] >= 0]
        pairs = np.concatenate([open_, away, pairs])
        times = np.concatenate([self._start[open_], self._left[away], times])
        arrives = np.concatenate([np.ones(len(open_), bool), np.zeros(len(away), bool), arrives])
        order = np.lexsort((times, pairs))
        pairs, times, arrives = pairs[order], times[order], arrives[order]
        same = np.concatenate([[False], pairs[1:] == pairs[:-1]])
        gaps = np.diff(times, prepend=times[0])
        begins = np.flatnonzero(arrives & (~same | (gaps > self.absence)))
        ends = np.append(begins[1:], len(pairs)) - 1
        over = np.append(pairs[begins[1:]] == pairs[begins[:-1]], False)
        self._closed.append(np.stack([pairs[begins[over]], times[begins[over]], times[ends[over]]]))
        last = ~over
        self._start[pairs[begins[last]]] = times[begins[last]]
        self._left[pairs[begins[last]]] = np.where(arrives[ends[last]], -1, times[ends[last]])

    def _settle(self) -> None:
        """Count the waiting pairs whose residence has ended."""
        closed = np.concatenate(self._closed, axis=1)
        self._closed = []
        if not self._waiting:
            return
        waiting = np.concatenate(self._waiting, axis=1)
        closed = closed[:, np.lexsort((closed[1], closed[0]))]
        span = self._horizon + self.absence + 1
        place = np.searchsorted(closed[0] * span + closed[1], waiting[0] * span + waiting[1], side="right") - 1
        found = np.zeros(waiting.shape[1], dtype=bool)
        if closed.shape[1]:
            found = (place >= 0) & (closed[0, place] == waiting[0]) & (waiting[1] < closed[2, place])
        self._count(waiting[:, found], closed[2, place[found]], place[found])
        self._waiting = [waiting[:, ~found]]

    def _count(self, entries: np.ndarray, ends: np.ndarray, residences: np.ndarray) -> None:
        _, origins, classes, blocks = entries
        seen = self._horizon - 1 - origins
        stayed = np.minimum(ends - 1 - origins, seen)
        for counts, lasting in ((self._followed, seen), (self._survivors, stayed)):
            np.add.at(counts, (blocks, classes, np.searchsorted(self.lags, lasting, side="right") - 1), 1)
        left = ends < self._horizon
        _, first = np.unique(residences[left], return_index=True)
        np.add.at(self._departures, (blocks[left][first], classes[left][first]), 1)
