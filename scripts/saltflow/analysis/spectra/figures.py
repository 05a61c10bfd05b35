"""Figures of the spectra."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

from saltflow.base.plotting import COLOURS, figure_of, legend, say

CM_PER_THZ = 33.35641
# Fraction of the modes below the largest frequency shown.
SHARE_SHOWN = 0.995
PALEST = 1e-8  # of the brightest


def plot_vibrations(result: Mapping, path: str | Path, *, title: str) -> None:
    """Vibrational density of states by species, and of the motions of each kind of polyanion.

    Args:
        result: of `analyse_spectra`.
        path: SVG to write.
        title: composition and temperature.
    """
    part = result["vibrations"]
    kinds = list(part["polyanions"]) if part else []
    with figure_of(path, columns=1 + len(kinds), title=title, size=(5.6 + 3.8 * len(kinds), 3.6)) as axes:
        if not part:
            say(axes, _reason(result, "No velocities at a fine interval."))
            return
        frequencies = np.array(part["frequencies_THz"])
        _draw_states(axes[0], frequencies, part["species"], label="states of the cell (1/THz)", title="by species")
        for axis, kind in zip(axes[1:], kinds, strict=True):
            motions = part["polyanions"][kind]["motions"]
            label = f"states of one {kind} (1/THz)"
            _draw_states(axis, frequencies, motions, label=label, title=f"motions of {kind}")
            axis.legend(fontsize=7)
        legend(axes[0], place="right upper")


def _draw_states(axis: Axes, frequencies: np.ndarray, rows: Mapping[str, Mapping], *, label: str, title: str) -> None:
    total = np.zeros(len(frequencies))
    for colour, (name, row) in zip(cycle(COLOURS), rows.items(), strict=False):
        values, errors = (np.array(row[key], dtype=float) for key in ("states_1_THz", "error"))
        total += values
        axis.plot(frequencies, values, color=colour, label=name)
        axis.fill_between(frequencies, values - errors, values + errors, color=colour, alpha=0.2, lw=0)
    shown = frequencies[min(np.searchsorted(np.cumsum(total), SHARE_SHOWN * total.sum()), len(total) - 1)]
    axis.set(xlabel="frequency (THz)", ylabel=label, xlim=(0, 1.1 * shown), ylim=(0, None))
    above = axis.secondary_xaxis("top", functions=(lambda THz: THz * CM_PER_THZ, lambda cm: cm / CM_PER_THZ))
    above.set_xlabel(f"{title} — 1/cm")


def plot_scattering(result: Mapping, path: str | Path, *, title: str) -> None:
    """S(q, ω) of all atoms and of the mobile ions as maps, and F_s(q, t).

    Args:
        result, path, title: as in `plot_vibrations`.
    """
    scattering, self_part = result["scattering"], result["self"]
    with figure_of(path, columns=3, title=title, size=(12, 3.6)) as (everything, mobile, own):
        if not scattering and not self_part:
            say((everything, mobile, own), _reason(result, "Too few frames for scattering functions."))
            return
        if scattering:
            _draw_map(everything, scattering, "total_ps", "all atoms")
            _draw_map(mobile, scattering, "mobile_ps", f"{result['mobile_ion']}–{result['mobile_ion']}")
        else:
            for axis in (everything, mobile):
                _without(axis, "S(q, ω): no velocities\nat a fine interval, or too few")
        if self_part:
            _draw_self(own, self_part, result["mobile_ion"])
        else:
            _without(own, "F_s(q, t): too few frames")


def _draw_map(axis: Axes, part: Mapping, name: str, title: str) -> None:
    q_1_A, frequencies = (np.array(part[key], dtype=float) for key in ("q_1_A", "frequencies_THz"))
    values = np.array(part[name], dtype=float)
    kept = np.isfinite(values).all(axis=1)
    largest = np.nanmax(values)
    # The elastic line is orders of magnitude above the rest: the scale starts at the lowest fifth of the values.
    palest = max(np.nanpercentile(values, 20), PALEST * largest)
    image = axis.pcolormesh(
        q_1_A[kept], frequencies, np.maximum(values[kept].T, palest), shading="nearest", cmap="viridis",
        norm=LogNorm(palest, largest), rasterized=True,
    )  # fmt: skip
    axis.figure.colorbar(image, ax=axis, label="S(q, ν) per atom (ps)")
    axis.set(xlabel="q (1/Å)", ylabel="frequency (THz)", title=title)


def _draw_self(axis: Axes, part: Mapping, ion: str) -> None:
    times_ps = np.array(part["times_ps"])
    for q_1_A, values, errors in zip(part["q_1_A"], part["F_s"], part["F_s_error"], strict=True):
        values, errors = (np.array(each, dtype=float) for each in (values, errors))
        axis.semilogx(times_ps[1:], values[1:], label=f"q = {q_1_A:.2f} 1/Å")
        axis.fill_between(times_ps[1:], (values - errors)[1:], (values + errors)[1:], alpha=0.2, lw=0)
    _mark_decay(axis)
    axis.set(xlabel="time (ps)", ylabel=f"F_s(q, t) of {ion}", title="self part")
    axis.legend(fontsize=7)


def plot_orientation(result: Mapping, path: str | Path, *, title: str) -> None:
    """C₁ and C₂ of the bonds of each kind of polyanion.

    Args:
        result, path, title: as in `plot_vibrations`.
    """
    part = result["orientation"] or {}
    with figure_of(path, columns=max(1, len(part)), title=title, size=(4.6 * max(1, len(part)) + 1, 3.4)) as axes:
        if not part:
            say(axes, _reason(result, "There are no polyanions that keep their ligands."))
            return
        for axis, (kind, row) in zip(axes, part.items(), strict=True):
            times_ps = np.array(row["times_ps"])
            for name in ("C1", "C2"):
                values, errors = (np.array(row[key], dtype=float) for key in (name, f"{name}_error"))
                axis.semilogx(times_ps[1:], values[1:], label=name)
                axis.fill_between(times_ps[1:], (values - errors)[1:], (values + errors)[1:], alpha=0.2, lw=0)
            _mark_decay(axis)
            axis.set(xlabel="time (ps)", ylabel="orientation correlation", title=kind)
        legend(axes[0], place="right upper")


def _mark_decay(axis: Axes) -> None:
    axis.axhline(np.exp(-1), color="0.6", lw=0.8, ls="--", zorder=0)
    axis.axhline(0, color="0.8", lw=0.8, zorder=0)
    axis.set_ylim(min(-0.05, axis.get_ylim()[0]), 1.05)


def _without(axis: Axes, words: str) -> None:
    axis.set_axis_off()
    axis.text(0.5, 0.5, words, transform=axis.transAxes, ha="center", va="center")


def _reason(result: Mapping, sentence: str) -> str:
    return f"No trajectory to analyse ({result['reason']})." if "reason" in result else sentence


def plot_spectra(result: Mapping, paths: Sequence[str | Path], *, title: str) -> None:
    """All three figures, in the order vibrations, scattering, orientation.

    Args:
        result, title: as in `plot_vibrations`.
        paths: three SVG files.
    """
    for draw, path in zip((plot_vibrations, plot_scattering, plot_orientation), paths, strict=True):
        draw(result, path, title=title)
