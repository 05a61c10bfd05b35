"""Densities on a periodic grid: counted from positions, smoothed, coarsened."""

from dataclasses import dataclass

import numba
import numpy as np

# A Gaussian is cut at so many standard deviations; what lies outside is 0.1 %.
KERNEL_REACH = 4.0


@dataclass(frozen=True)
class Grid:
    """Voxels that divide each cell vector evenly; voxel (i, j, k) is centred on ((i + ½)/n₁, …).

    Args:
        cell_A: cell vectors as rows, (3, 3).
        shape: voxels along each of them.
    """

    cell_A: np.ndarray
    shape: tuple[int, int, int]

    @classmethod
    def of_spacing(cls, cell_A: np.ndarray, spacing_A: float, *, multiple_of: int = 1) -> "Grid":
        """The coarsest grid whose voxels are no wider than a spacing.

        Args:
            cell_A: cell vectors as rows, (3, 3).
            spacing_A: largest edge of a voxel.
            multiple_of: each number of voxels is a multiple of this.
        """
        edges_A = np.linalg.norm(cell_A, axis=1)
        blocks = np.ceil(edges_A / (spacing_A * multiple_of) - 1e-9).astype(int)
        return cls(np.asarray(cell_A, dtype=float), tuple(int(each) * multiple_of for each in np.maximum(blocks, 1)))

    @property
    def voxels(self) -> int:
        """Number of voxels."""
        return int(np.prod(self.shape))

    def centre(self, voxel: int) -> np.ndarray:
        """Fractional coordinates of the centre of a voxel, (3,)."""
        return (np.array(np.unravel_index(voxel, self.shape)) + 0.5) / self.shape

    def kernel(self, width_A: float) -> tuple[np.ndarray, np.ndarray]:
        """A Gaussian on this grid: offsets in voxels, (offsets, 3), and weights that add up to 1.

        Args:
            width_A: its standard deviation; 0 is a single voxel.
        """
        steps_A = self.cell_A / np.array(self.shape)[:, None]
        heights_A = 1 / np.linalg.norm(np.linalg.inv(steps_A), axis=0)
        reach = np.floor(KERNEL_REACH * width_A / heights_A).astype(int)
        axes = [np.arange(-each, each + 1) for each in reach]
        offsets = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        squares_A2 = ((offsets @ steps_A) ** 2).sum(axis=1)
        inside = squares_A2 <= (KERNEL_REACH * width_A) ** 2
        weights = np.exp(-squares_A2[inside] / (2 * width_A**2)) if width_A > 0 else np.ones(1)
        return offsets[inside], weights / weights.sum()


@numba.njit(cache=True)
def deposit(counts: np.ndarray, fractional: np.ndarray) -> None:
    """Add 1 to the voxel of every position.

    Args:
        counts: (n₁, n₂, n₃), changed in place.
        fractional: positions, not wrapped, (positions, 3).
    """
    shape = counts.shape
    for position in fractional:
        x, y, z = position[0], position[1], position[2]
        i = min(int((x - np.floor(x)) * shape[0]), shape[0] - 1)
        j = min(int((y - np.floor(y)) * shape[1]), shape[1] - 1)
        k = min(int((z - np.floor(z)) * shape[2]), shape[2] - 1)
        counts[i, j, k] += 1


@numba.njit(cache=True)
def smooth(counts: np.ndarray, offsets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Spread every count over a kernel, periodically, (n₁, n₂, n₃) of float32.

    Unlike a Fourier transform, it leaves voxels without a count nearby exactly zero.

    Args:
        counts: (n₁, n₂, n₃).
        offsets, weights: of `Grid.kernel`.
    """
    first, second, third = counts.shape
    smoothed = np.zeros(counts.shape, dtype=np.float32)
    for i in range(first):
        for j in range(second):
            for k in range(third):
                count = counts[i, j, k]
                if count:
                    for number in range(len(weights)):
                        offset = offsets[number]
                        place = (i + offset[0]) % first, (j + offset[1]) % second, (k + offset[2]) % third
                        smoothed[place] += np.float32(count * weights[number])
    return smoothed


def coarsened(values: np.ndarray, factor: int) -> np.ndarray:
    """Means over blocks of factor³ voxels; every edge of the grid is a multiple of the factor."""
    first, second, third = (edge // factor for edge in values.shape)
    return values.reshape(first, factor, second, factor, third, factor).mean(axis=(1, 3, 5), dtype=np.float64)
