"""The order of the frames of another program's file: restarts repeat frames, and clocks go back."""

import hashlib
import logging
from bisect import bisect_left
from pathlib import Path

import numpy as np

from saltflow.base.errors import SaltflowError
from saltflow.trajectory.formats.source import Clock, Frame

log = logging.getLogger(__name__)

# Restarts between two frames; more are a clock that is rounded or does not run.
MOST_CONFLICTS, CONFLICTING_FRACTION = 3, 0.05


class FrameOrder:
    """Places the frames of one file in a series without repetitions.

    Where the clock goes back, a restart has begun: the frames from there on are replaced by those that follow. Without
    a clock of single frames, a frame whose positions were there before is where a restart has begun.

    Args:
        source: the file, for messages.
        clock: how it counts frames.
    """

    def __init__(self, source: str | Path, clock: Clock | None):
        self._source = source
        self._clock_name = clock.name if clock else "time"
        self.counts: list[float] = []
        self._digests: list[bytes] = []
        self._seen: dict[bytes, int] = {}
        self._repeated = 0
        self._conflicts = 0  # frames at the time of the last one, with other positions

    def place(self, frame: Frame, number: int) -> int | None:
        """Where a frame belongs: after the last one, or in the place of an earlier one; None where it is the last one.

        Raises:
            SaltflowError: the file begins again, repeats positions at a later time, or its time is no number.
        """
        digest = hashlib.blake2b(np.ascontiguousarray(frame.positions_A).tobytes(), digest_size=16).digest()
        same, last = self._seen.get(digest), len(self.counts) - 1
        if frame.clock is not None and not np.isfinite(frame.clock):
            raise SaltflowError(f"{self._source}: the time of frame {number} is no number; correct it.")
        goes_on = frame.clock is None or not self.counts or frame.clock > self.counts[-1]
        if same is not None and same == last and (frame.clock is None or not goes_on):
            self._repeated += 1
            return None
        place = last + 1
        if frame.clock is None:
            place = place if same is None else same
        elif not goes_on:
            place = bisect_left(self.counts, frame.clock)
            self._conflicts += place == last
        elif same is not None:
            raise SaltflowError(
                f"{self._source}: frame {number} repeats the positions of an earlier frame at a later "
                f"{self._clock_name}; cut the repeated frames out."
            )
        self._cut(place, number)
        self.counts.append(float(place) if frame.clock is None else float(frame.clock))
        self._digests.append(digest)
        self._seen[digest] = place
        return place

    def _cut(self, place: int, number: int) -> None:
        if place == 0 and len(self.counts) > 1:
            raise SaltflowError(
                f"{self._source} begins again at frame {number}: it holds several runs; give each as a file of its own."
            )
        for digest in self._digests[place:]:
            self._seen.pop(digest, None)
        self._repeated += len(self.counts) - place
        del self.counts[place:], self._digests[place:]

    def check(self) -> None:
        """Check the whole file, and say how many frames were repeated.

        Raises:
            SaltflowError: it holds no frame, or its clock stands still.
        """
        if not self.counts:
            raise SaltflowError(f"{self._source} holds no frame; write it again.")
        if self._conflicts > max(MOST_CONFLICTS, CONFLICTING_FRACTION * len(self.counts)):
            raise SaltflowError(
                f"{self._source}: {self._clock_name} does not increase at {self._conflicts} frames whose positions "
                "differ; write it with all its digits, in the order of time."
            )
        if self._repeated:
            log.warning("%s repeats %d frames after restarts; the later ones count.", self._source, self._repeated)
