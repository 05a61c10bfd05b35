"""Volumes of replicas on cooling, with a break that is known."""

import numpy as np

from saltflow.analysis.arrhenius.glass_transition import CoolingCurve

TEMPERATURES_K = np.linspace(1200, 300, 180)
TG_K, GLASS, MELT = 600.0, 6e-5, 1.6e-4


def correlated_noise(rng, *, width, correlation=0.7):
    noise, fresh = np.zeros(180), rng.normal(size=180)
    noise[0] = fresh[0]
    for frame in range(1, 180):
        noise[frame] = correlation * noise[frame - 1] + np.sqrt(1 - correlation**2) * fresh[frame]
    return width * noise * np.sqrt(TEMPERATURES_K / TEMPERATURES_K.mean())


def broken(tg_K=TG_K, *, glass=GLASS, melt=MELT):
    beyond = TEMPERATURES_K - tg_K
    return 1 + glass * beyond + (melt - glass) * np.maximum(beyond, 0)


def cooled(volume, rng, *, width=0.004, replicas=3):
    return [
        CoolingCurve(TEMPERATURES_K, 3e4 * (volume + correlated_noise(rng, width=width)), 5.0) for _ in range(replicas)
    ]
