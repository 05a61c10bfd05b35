"""Hops of ions between cages, found without sites: peaks of the function p_hop."""

from dataclasses import dataclass

import numpy as np

from saltflow.trajectory.chunks import FrameChunk


@dataclass(frozen=True)
class HopRule:
    """What counts as a hop.

    Args:
        stride: frames of the trajectory from one sampled frame to the next.
        window: sampled frames in each window of p_hop.
        interval_ps: between sampled frames.
        shortest_A: hops are longer than this, and so is the square root of p_hop.
    """

    stride: int
    window: int
    interval_ps: float
    shortest_A: float


@dataclass(frozen=True)
class Hops:
    """Hops of one segment, ordered in time.

    Args:
        ions: which mobile ion, (hops,).
        frames: sampled frame, (hops,).
        starts_A, ends_A: mean unwrapped positions over the windows before and after, (hops, 3).
    """

    ions: np.ndarray
    frames: np.ndarray
    starts_A: np.ndarray
    ends_A: np.ndarray

    @property
    def lengths_A(self) -> np.ndarray:
        """Lengths of the hops, (hops,)."""
        return np.linalg.norm(self.ends_A - self.starts_A, axis=-1)

    def of(self, chosen: np.ndarray) -> "Hops":
        """Some of the hops."""
        return Hops(self.ions[chosen], self.frames[chosen], self.starts_A[chosen], self.ends_A[chosen])


def p_hop_A2(positions_A: np.ndarray, *, window: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """p_hop and the mean positions before and after, at every frame with a whole window on both sides.

    p_hop(t) = sqrt(⟨|r − r̄_B|²⟩_A ⟨|r − r̄_A|²⟩_B), with A the window before t and B that from t on. Within a cage it is
    the variance of the vibration; a jump of length d adds d². Source: Candelier et al., Phys. Rev. Lett. 102, 088001
    (2009); in this form Smessaert & Rottler, Phys. Rev. E 88, 022314 (2013).

    Args:
        positions_A: (frames, ions, 3).
        window: frames of each of the two windows.

    Returns:
        p_hop in Å² (frames − 2 window + 1, ions), first at frame `window`; r̄_A and r̄_B, (..., 3).
    """
    origin_A = positions_A[:1]
    moved_A = positions_A - origin_A
    means = _running_mean(moved_A, window)
    squares = _running_mean(np.einsum("fix,fix->fi", moved_A, moved_A)[..., None], window)[..., 0]
    before, after = means[:-window], means[window:]
    overlap = 2 * np.einsum("fix,fix->fi", before, after)
    spread_before = squares[:-window] - overlap + np.einsum("fix,fix->fi", after, after)
    spread_after = squares[window:] - overlap + np.einsum("fix,fix->fi", before, before)
    # For ions that do not move, the difference of sums may be negative by rounding.
    product = np.maximum(spread_before, 0.0) * np.maximum(spread_after, 0.0)
    return np.sqrt(product), before + origin_A, after + origin_A


def _running_mean(values: np.ndarray, window: int) -> np.ndarray:
    sums = np.cumsum(values, axis=0)
    sums = np.concatenate([np.zeros_like(sums[:1]), sums])
    return (sums[window:] - sums[:-window]) / window


class HopFinder:
    """Hops from the chunks of a trajectory: peaks of p_hop above the square of the shortest hop.

    A peak is the largest value within a window on both sides: two hops of an ion are at least a window apart. The
    result does not depend on the chunks.

    Args:
        mobile: the atoms that may hop, (ions,).
        rule: what counts as a hop; frames of hops are sampled frames.
    """

    def __init__(self, mobile: np.ndarray, rule: HopRule):
        self._mobile, self._stride = mobile, rule.stride
        self._window, self._shortest_A = rule.window, rule.shortest_A
        self._kept: np.ndarray | None = None
        self._kept_from, self._decided = 0, rule.window
        self._found: list[Hops] = []
        self._background: list[np.ndarray] = []
        self.first_cages_A: np.ndarray | None = None

    def advance(self, chunk: FrameChunk) -> None:
        """Take in the frames that follow."""
        new_A = chunk.coordinates[-chunk.start % self._stride :: self._stride, self._mobile]
        if not len(new_A):
            return
        self._kept = new_A if self._kept is None else np.concatenate([self._kept, new_A])
        if self.first_cages_A is None:
            self.first_cages_A = self._kept[: self._window].mean(axis=0)
        self._decide(until=self._kept_from + len(self._kept) - 2 * self._window)

    def finish(self) -> Hops:
        """All hops, after the last frame."""
        if self._kept is not None:
            self._decide(until=self._kept_from + len(self._kept) - self._window + 1)
        if not self._found:
            return Hops(np.empty(0, int), np.empty(0, int), np.empty((0, 3)), np.empty((0, 3)))
        parts = [[getattr(each, name) for each in self._found] for name in ("ions", "frames", "starts_A", "ends_A")]
        hops = Hops(*(np.concatenate(part) for part in parts))
        return hops.of(np.lexsort((hops.ions, hops.frames)))

    @property
    def cage_A(self) -> float:
        """Square root of the median p_hop: the size of the cages."""
        return float(np.sqrt(np.median(np.concatenate(self._background)))) if self._background else float("nan")

    def _decide(self, *, until: int) -> None:
        """Find the peaks from the last decided frame up to another."""
        if until <= self._decided:
            return
        p_A2, before_A, after_A = p_hop_A2(self._kept, window=self._window)
        first = self._kept_from + self._window  # the frame of the first value
        rows, ions = np.nonzero(self._peaks(p_A2))
        hops = Hops(ions, rows + first, before_A[rows, ions], after_A[rows, ions])
        due = (hops.frames >= self._decided) & (hops.frames < until) & (hops.lengths_A > self._shortest_A)
        self._found.append(hops.of(due))
        self._background.append(p_A2[self._decided - first : until - first : 10 * self._window].ravel())
        self._decided = until
        keep_from = max(until - 2 * self._window, self._kept_from)
        self._kept = self._kept[keep_from - self._kept_from :]
        self._kept_from = keep_from

    def _peaks(self, p_A2: np.ndarray) -> np.ndarray:
        edge = np.full((self._window, p_A2.shape[1]), -np.inf)
        padded = np.concatenate([edge, p_A2, edge])
        highest = np.lib.stride_tricks.sliding_window_view(padded, self._window, axis=0).max(axis=-1)
        frames = len(p_A2)
        earlier, later = highest[:frames], highest[self._window + 1 : self._window + 1 + frames]
        return (p_A2 > self._shortest_A**2) & (p_A2 > earlier) & (p_A2 >= later)
