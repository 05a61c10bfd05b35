"""Time correlations: sums over all origins of x(t) x(t + lag), by FFT, block by block.

No lag is longer than a block, so frames of a block are correlated with that block and the next one. The spectrum of the
two together is that of the first plus that of the second with every other frequency negated: one transform per block.
Longer series may be added in chunks of whole blocks, each followed by the next block.
"""

from collections.abc import Iterator

import numpy as np
from scipy import fft

VALUES_AT_ONCE = 2**17


class SelfCorrelation:
    """Σ_t Σ_rows x(t) x(t + lag).

    Args:
        lags: number of lags, from 0.
        block: frames of a block, no fewer than the longest lag.
    """

    def __init__(self, lags: int, *, block: int):
        self._lags, self._block = lags, block
        self._power = np.zeros(block + 1, dtype=complex)

    def add(self, rows: np.ndarray, *, origins: int) -> None:
        """Add series, (rows, frames), of which the first frames are origins."""
        at_once = max(1, VALUES_AT_ONCE // (2 * self._block))
        for start in range(0, len(rows), at_once):
            some = rows[start : start + at_once]
            for here, following in _spectra(some, origins=origins, block=self._block):
                parts = here.view(float)
                squares = np.einsum("rk,rk->k", parts, parts)
                self._power.real += squares[::2] + squares[1::2]
                if following is not None:
                    self._power += _shifted(np.einsum("rk,rk->k", here.conj(), following))

    def sums(self) -> np.ndarray:
        """The sums, (lags,)."""
        return fft.irfft(self._power, n=2 * self._block)[: self._lags]


class CrossCorrelation:
    """Σ_t x_a(t)·x_b(t + lag), averaged over both directions in time, for every pair of vectors.

    Args:
        lags: number of lags, from 0.
        block: frames of a block, no fewer than the longest lag.
        vectors: number of vectors.
    """

    def __init__(self, lags: int, *, block: int, vectors: int):
        self._lags, self._block = lags, block
        self._power = np.zeros((vectors, vectors, block + 1), dtype=complex)

    def add(self, vectors: np.ndarray, *, origins: int) -> None:
        """Add series, (vectors, 3, frames), of which the first frames are origins."""
        for here, following in _spectra(vectors, origins=origins, block=self._block):
            for first in range(len(vectors)):
                for second in range(len(vectors)):
                    ahead = here[second] if following is None else here[second] + _shifted(following[second])
                    self._power[first, second] += np.einsum("jk,jk->k", here[first].conj(), ahead)

    def sums(self) -> np.ndarray:
        """The sums, (lags, vectors, vectors)."""
        symmetric = (self._power + self._power.swapaxes(0, 1)) / 2
        return np.moveaxis(fft.irfft(symmetric, n=2 * self._block)[..., : self._lags], -1, 0)


class EndPoints:
    """Σ_t p(t) + p(t + lag) over the origins of each lag, from p per frame.

    Args:
        lags: number of lags, from 0.
        frames: length of the series.
        shape: shape of p at one frame.
    """

    def __init__(self, lags: int, *, frames: int, shape: tuple[int, ...]):
        self._frames, self._total = frames, np.zeros(shape)
        self._head, self._tail = np.zeros((lags, *shape)), np.zeros((lags, *shape))

    def add(self, start: int, products: np.ndarray, index: tuple[int, ...] = ()) -> None:
        """Add p at consecutive frames, (frames,), to one of its entries."""
        self._total[index] += products.sum()
        lags, stop = len(self._head), start + len(products)
        if start < lags:
            self._head[(slice(start, stop), *index)] += products[: lags - start]
        from_tail = self._frames - lags
        if stop > from_tail:
            self._tail[(slice(max(start - from_tail, 0), stop - from_tail), *index)] += products[
                max(from_tail - start, 0) :
            ]

    def sums(self) -> np.ndarray:
        """The sums, (lags, ...): the first `lag` frames end no interval, the last `lag` frames begin none."""
        head, tail = np.cumsum(self._head, axis=0), np.cumsum(self._tail[::-1], axis=0)
        sums = np.tile(2 * self._total, (len(head), *(1,) * self._total.ndim))
        sums[1:] -= head[:-1] + tail[:-1]
        return sums


def _spectra(rows: np.ndarray, *, origins: int, block: int) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Spectra of each block of origins and of the next block (None at the end), (..., frequencies)."""
    following = fft.rfft(rows[..., :block], n=2 * block)
    for start in range(0, origins, block):
        here, following = following, None
        if start + block < rows.shape[-1]:
            following = fft.rfft(rows[..., start + block : start + 2 * block], n=2 * block)
        yield here, following


def _shifted(spectrum: np.ndarray) -> np.ndarray:
    """The spectrum of a series shifted by half a transform."""
    shifted = spectrum.copy()
    shifted[..., 1::2] *= -1
    return shifted
