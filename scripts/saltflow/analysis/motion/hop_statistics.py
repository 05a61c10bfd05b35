"""Sums over hops per block of time, and the same for time-shuffled hops."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saltflow.analysis.motion.hops import Hops
from saltflow.analysis.motion.strings import LinkCriteria, count_linked_ions, shuffled_in_time
from saltflow.statistics.blocked_sums import BlockedSums, joined

BLOCKS = 20
LENGTH_BIN_A = 0.25
LONGEST_A = 8.0
LARGEST_CLUSTER = 20  # larger clusters count as this size
MOST_HOPS_LINKED = 50_000  # the earliest hops of a segment
KINDS = ("string", "concerted")


@dataclass(frozen=True)
class SegmentHops:
    """The hops of one segment and the window of time that was searched.

    Args:
        hops: in the order of time.
        first, frames: the window, in sampled frames.
        ions: number of mobile ions.
        interval_ps: between frames of the hops.
        criteria: when hops are linked; None to seek no strings.
    """

    hops: Hops
    first: int
    frames: int
    ions: int
    interval_ps: float
    criteria: LinkCriteria | None

    def linked(self) -> tuple[Hops, int]:
        """The hops that are linked, and the number of frames that they span."""
        if len(self.hops.ions) <= MOST_HOPS_LINKED:
            return self.hops, self.frames
        frames = int(self.hops.frames[MOST_HOPS_LINKED]) - self.first
        return self.hops.of(self.hops.frames < self.first + frames), frames


def hop_sums(segments: Sequence[SegmentHops], *, return_A: float) -> BlockedSums:
    """Counts, lengths, returns and linked ions of hops per block of time, (blocks of all segments, ...).

    Args:
        segments: hops of each.
        return_A: an ion has returned when its next hop ends within this distance of where the last one began.
    """
    return joined([_segment_sums(each, return_A=return_A) for each in segments])


def rate_variance(segments: Sequence[SegmentHops], replicas: Sequence[int]) -> float:
    """Variance of the rate of hops in 1/ps², from the differences between the ions of one replica.

    Args:
        segments: hops of each.
        replicas: of each segment.
    """
    ion_ps = sum(each.ions * each.frames * each.interval_ps for each in segments)
    if not ion_ps or segments[0].ions < 2:
        return 0.0
    hops = np.zeros((max(replicas) + 1, segments[0].ions))
    for segment, replica in zip(segments, replicas, strict=True):
        hops[replica] += np.bincount(segment.hops.ions, minlength=segment.ions)
    return float(hops.shape[1] * hops.var(axis=1, ddof=1).sum() / ion_ps**2)


def shuffled_sums(segments: Sequence[SegmentHops], *, shuffles: int, seed: int) -> list[BlockedSums]:
    """Linked ions of time-shuffled hops, for each shuffle, with segments on the first axis."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(shuffles):
        parts = []
        for segment in segments:
            hops, frames = segment.linked()
            hops = shuffled_in_time(hops, first=segment.first, frames=max(frames, 1), rng=rng)
            parts.append(BlockedSums(_linked_ions(hops, np.zeros(len(hops.ions), dtype=int), 1, segment.criteria)))
        found.append(joined(parts))
    return found


def cluster_quantities(sums: BlockedSums) -> dict[str, np.ndarray]:
    """Per kind of cluster: fraction of hops in clusters of two ions or more, mean cluster size per hop, and its
    distribution, (..., sizes).
    """
    found = {}
    with np.errstate(divide="ignore", invalid="ignore"):
        for kind in (kind for kind in KINDS if f"{kind}/sizes" in sums):
            sizes = sums[f"{kind}/sizes"]
            hops = sizes.sum(axis=-1)
            found[f"{kind}_fraction"] = 1 - sizes[..., 0] / hops
            found[f"{kind}_mean_size"] = sums[f"{kind}/members"] / hops
            found[f"{kind}_distribution"] = sizes / hops[..., None]
    return found


def hop_quantities(sums: BlockedSums) -> dict[str, np.ndarray]:
    """Rate per ion, mean length, mean squared length, fraction of hops that the ion's next hop reverses, density of
    lengths, and the quantities of clusters.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "rate_per_ps": sums["hops"] / sums["ion_ps"],
            "mean_length_A": sums["length_A"] / sums["hops"],
            "mean_squared_length_A2": sums["squared_A2"] / sums["hops"],
            "return_fraction": sums["returns"] / sums["followed"],
            "length_density_1_A": sums["lengths"] / sums["hops"][..., None] / LENGTH_BIN_A,
            **cluster_quantities(sums),
        }


def length_centres_A() -> np.ndarray:
    """Centres of the bins of lengths, (bins,)."""
    return np.arange(LENGTH_BIN_A / 2, LONGEST_A, LENGTH_BIN_A)


def _segment_sums(segment: SegmentHops, *, return_A: float) -> BlockedSums:
    hops, blocks = segment.hops, min(BLOCKS, max(segment.frames, 1))
    block = (hops.frames - segment.first) * blocks // max(segment.frames, 1)
    lengths_A = hops.lengths_A
    bins = np.minimum((lengths_A / LENGTH_BIN_A).astype(int), len(length_centres_A()) - 1)
    lengths = np.zeros((blocks, len(length_centres_A())))
    np.add.at(lengths, (block, bins), 1)
    followed, returned = _returns(hops, return_A=return_A)
    linked, _ = segment.linked()
    clusters = {}
    if segment.criteria:
        clusters = _linked_ions(linked, block[: len(linked.ions)], blocks, segment.criteria)
    return BlockedSums(
        {
            "hops": np.bincount(block, minlength=blocks).astype(float),
            "ion_ps": np.full(blocks, segment.ions * segment.frames * segment.interval_ps / blocks),
            "length_A": np.bincount(block, lengths_A, minlength=blocks),
            "squared_A2": np.bincount(block, lengths_A**2, minlength=blocks),
            "followed": np.bincount(block, followed, minlength=blocks),
            "returns": np.bincount(block, returned, minlength=blocks),
            "lengths": lengths,
            **clusters,
        }
    )


def _linked_ions(hops: Hops, block: np.ndarray, blocks: int, criteria: LinkCriteria) -> dict[str, np.ndarray]:
    sums = {}
    for kind, members in count_linked_ions(hops, criteria).items():
        sizes = np.zeros((blocks, LARGEST_CLUSTER))
        np.add.at(sizes, (block, np.minimum(members, LARGEST_CLUSTER) - 1), 1)
        sums |= {f"{kind}/sizes": sizes, f"{kind}/members": np.bincount(block, members, minlength=blocks)}
    return sums


def _returns(hops: Hops, *, return_A: float) -> tuple[np.ndarray, np.ndarray]:
    """Whether each hop is followed by another hop of the same ion, and whether that reverses it."""
    order = np.lexsort((hops.frames, hops.ions))
    ions, starts_A, ends_A = hops.ions[order], hops.starts_A[order], hops.ends_A[order]
    followed, returned = np.zeros(len(order)), np.zeros(len(order))
    same = ions[1:] == ions[:-1]
    back = np.linalg.norm(ends_A[1:] - starts_A[:-1], axis=-1) < return_A
    followed[order[:-1]], returned[order[:-1]] = same, same & back
    return followed, returned
