"""Autocorrelation functions of long series, and their spectra."""

import numpy as np
from scipy import fft


def autocorrelation(series: np.ndarray, *, lags: int) -> np.ndarray:
    """Σ over channels of ⟨x(t0) x(t0 + t)⟩ over all origins, (lags,).

    By the Wiener–Khinchin theorem; each lag is averaged over all its origins.

    Args:
        series: (frames, …); all axes but the first are channels.
        lags: number of lags, from 0.
    """
    frames = len(series)
    flat = series.reshape(frames, -1)
    length = fft.next_fast_len(frames + lags, real=True)
    power = np.zeros(length // 2 + 1)
    for start in range(0, flat.shape[1], 64):
        transformed = fft.rfft(flat[:, start : start + 64], n=length, axis=0)
        power += (transformed.real**2 + transformed.imag**2).sum(axis=1)
    return fft.irfft(power, n=length)[:lags] / (frames - np.arange(lags))


def frequencies_THz(lags: int, *, interval_ps: float) -> np.ndarray:
    """Frequencies of `spectrum`, from 0 to half the sampling rate, (lags,)."""
    return np.arange(lags) / (2 * (lags - 1) * interval_ps)


def spectrum(correlation: np.ndarray, *, interval_ps: float) -> np.ndarray:
    """4 ∫₀^∞ C(t) cos(2πνt) dt in units of C × ps, for ν from 0 to half the sampling rate, (lags,).

    C is tapered by a Hann window that falls to 0 at the last lag T: lines have a width of 1/T. The trapezoidal integral
    over ν is C(0).

    Args:
        correlation: C at equally spaced lags from 0, (lags,).
        interval_ps: between lags.
    """
    lags = len(correlation)
    taper = np.cos(0.5 * np.pi * np.arange(lags) / (lags - 1)) ** 2
    return 2 * interval_ps * fft.dct(correlation * taper, type=1)


def integral(values: np.ndarray, spacing: float) -> float:
    """Trapezoidal integral of equally spaced values."""
    return float(spacing * (values.sum() - (values[0] + values[-1]) / 2))
