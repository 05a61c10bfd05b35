"""Times of the frames of another program's file: what its clock shows, checked against the interval that is given."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import units

from saltflow.base.errors import SaltflowError
from saltflow.trajectory.formats.source import Clock

log = logging.getLogger(__name__)

TOLERANCE = 0.01  # of the interval
MOST_GAPS = 0.05  # of all intervals
LONGEST_STEP_PS = 0.02
# What a time without a unit may be in: ps, fs, ns, µs, s, the unit of ASE, atomic units.
UNITS_PS = (1.0, 1e-3, 1e3, 1e6, 1e12, 1e-3 / units.fs, 1e-3 * units.AUT / units.fs)
SINGLE_PRECISION = 1.2e-7


def frame_times_ps(
    counts: Sequence[float], clock: Clock | None, *, interval_ps: float | None, source: str | Path
) -> np.ndarray:
    """Times from the first frame on, (frames,); a gap is a multiple of the interval.

    Args:
        counts: what the clock shows in every frame, increasing; the number of the frame where it says nothing of it.
        clock: the clock of the file.
        interval_ps: what the user says; None takes the file's.
        source: the file, for messages.

    Raises:
        SaltflowError: neither says an interval, both do and differ, or frames are unevenly spaced.
    """
    if clock is None or (clock.step is not None and not clock.step > 0):
        if interval_ps is None:
            raise SaltflowError(f"{source} holds no times; give the time between frames in ps with --interval.")
        return interval_ps * np.arange(len(counts))
    if clock.step is not None:
        counts = clock.step * np.arange(len(counts))
    intervals = _whole_intervals(np.asarray(counts, dtype=float), clock, source)
    total = (counts[-1] - counts[0]) / max(intervals.sum(), 1)
    of_file_ps = None if clock.unit_ps is None else float(total * clock.unit_ps)
    if len(counts) > 1:
        interval_ps = _agreed(interval_ps, of_file_ps, clock, float(total), source)
    return np.concatenate([[0.0], np.cumsum(intervals)]) * (interval_ps or 0.0)


def _whole_intervals(counts: np.ndarray, clock: Clock, source: str | Path) -> np.ndarray:
    """Number of intervals between neighbouring frames: 1 but at gaps."""
    steps = np.diff(counts)
    if not len(steps):
        return np.ones(0)
    values, occurrences = np.unique(np.round(steps / np.median(steps), 4), return_counts=True)
    interval = float(np.median(steps) * values[occurrences.argmax()])
    multiples = np.rint(steps / interval)
    rounding = TOLERANCE * interval + 4 * SINGLE_PRECISION * np.abs(counts[1:])
    odd = np.flatnonzero((multiples < 1) | (np.abs(steps - multiples * interval) > rounding))
    if len(odd):
        frame = int(odd[0])
        raise SaltflowError(
            f"{source}: frames {frame} and {frame + 1} are {steps[frame]:g} apart in {clock.name}, others "
            f"{interval:g}; cut the file so that frames have a constant interval."
        )
    if np.mean(multiples > 1) > MOST_GAPS:
        frame = int(np.argmax(multiples > 1))
        raise SaltflowError(
            f"{source} changes its interval: frames are {interval:g} apart in {clock.name} and, from frame {frame} "
            f"on, {steps[frame]:g}; give the parts as files of their own."
        )
    if np.any(multiples > 1):
        gaps = np.flatnonzero(multiples > 1) + 1
        log.warning(
            "%s lacks frames before frame %s; displacements do not cross these gaps.",
            source,
            ", ".join(map(str, gaps[:8].tolist())),
        )
    return multiples


def _agreed(
    given_ps: float | None, of_file_ps: float | None, clock: Clock, interval: float, source: str | Path
) -> float:
    if given_ps is None and of_file_ps is None:
        raise SaltflowError(
            f"{source} counts {clock.name} by {interval:g} from frame to frame in a unit that it does not say; "
            "give the time between frames in ps with --interval."
        )
    if of_file_ps is None and clock.name.lower() == "time" and clock.step is None:
        _check_unit(given_ps, interval, clock, source)
    if clock.name == "TIMESTEP" and given_ps / interval > LONGEST_STEP_PS:
        log.warning("%s: --interval means time steps of %.3g fs; it is in ps.", source, 1000 * given_ps / interval)
    if given_ps is not None and of_file_ps is not None and abs(given_ps / of_file_ps - 1) > TOLERANCE:
        raise SaltflowError(
            f"{source} says that its frames are {of_file_ps:.6g} ps apart, --interval {given_ps:g} ps; "
            "leave --interval out, or correct the times in the file."
        )
    return of_file_ps if given_ps is None else given_ps


def _check_unit(given_ps: float, interval: float, clock: Clock, source: str | Path) -> None:
    """Check that an interval is the file's in some unit of time."""
    if not any(abs(given_ps / (interval * unit_ps) - 1) <= TOLERANCE for unit_ps in UNITS_PS):
        raise SaltflowError(
            f"{source} counts {clock.name} by {interval:g} from frame to frame, which in no unit of time is --interval "
            f"{given_ps:g} ps; correct --interval."
        )
