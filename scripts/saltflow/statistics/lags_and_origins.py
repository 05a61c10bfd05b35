"""Origins and lags of time correlation functions, and the frames at which they end."""

from dataclasses import dataclass

import numpy as np


def spaced_origins(n_frames: int, *, wanted: int, multiple: int = 1) -> np.ndarray:
    """Evenly spaced frames from the first on, at most `wanted`, a multiple of `multiple` apart.

    Origins closer together than the correlation time add nothing; a few hundred serve a trajectory of any length.
    """
    spacing = multiple * -(-max(1, -(-n_frames // wanted)) // multiple)
    return np.arange(0, n_frames, spacing)


def graded_lags(longest: int, *, every_up_to: int, per_decade: int) -> np.ndarray:
    """Lags in frames: every lag up to `every_up_to`, then evenly spaced in the logarithm up to the longest."""
    dense = np.arange(min(every_up_to, longest) + 1)
    decades = np.log10(max(longest, 1) / max(every_up_to, 1))
    if decades <= 0:
        return dense
    sparse = np.geomspace(every_up_to, longest, max(2, int(np.ceil(decades * per_decade)) + 1))
    return np.unique(np.concatenate([dense, np.rint(sparse).astype(int)]))


@dataclass(frozen=True)
class LagSchedule:
    """Which pairs of origin and lag end at each frame.

    Args:
        origins: evenly spaced frames, (origins,).
        lags: in frames, (lags,).
    """

    origins: np.ndarray
    lags: np.ndarray

    def at(self, frame: int) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the origins and of the lags that add up to a frame."""
        spacing = int(self.origins[1] - self.origins[0]) if len(self.origins) > 1 else 1
        since = frame - self.lags - self.origins[0]
        origin = since // spacing
        due = (since % spacing == 0) & (since >= 0) & (origin < len(self.origins))
        return origin[due], np.flatnonzero(due)
