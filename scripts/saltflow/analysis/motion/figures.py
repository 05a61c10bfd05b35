"""Figures of motion: van Hove functions; α2, hop lengths and strings; site maps."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from saltflow.base.plotting import COLOURS, figure_of, legend, say

SMALLEST_SHOWN = 1e-5


def plot_van_hove(result: Mapping, path: str | Path, *, title: str) -> None:
    """4πr²G_s(r, t) beside the Gaussian of the same mean square, and G_d(r, t).

    Args:
        result: of `analyse_motion`.
        path: SVG to write.
        title: composition and temperature.
    """
    with figure_of(path, columns=2, title=title, size=(9.5, 3.6)) as (own, others):
        if "curves" not in result:
            say((own, others), f"No trajectory to analyse ({result['reason']}).")
            return
        functions = result["curves"]["van_hove"]
        r_A = np.array(functions["r_A"])
        squares = _mean_squares_A2(result)
        for number, lag_ps in enumerate(functions["lags_ps"]):
            colour, label = COLOURS[number % len(COLOURS)], f"{lag_ps:.3g} ps"
            if lag_ps > 0:
                _draw_curve(own, r_A, functions["self_1_A"], number, colour=colour)
                own.plot(r_A, _gaussian_1_A(r_A, squares[lag_ps]), color=colour, ls="--", lw=0.8)
            _draw_curve(others, r_A, functions["distinct"], number, colour=colour, label=label)
        own.plot([], [], color="0.4", ls="--", lw=0.8, label="Gaussian of the same mean square")
        own.set(xlabel="r (Å)", ylabel="4πr²G_s(r, t) (1/Å)")
        tallest = max((max(filter(None, curve), default=0) for curve in functions["self_1_A"]["value"][2:]), default=0)
        own.set_ylim(0, 1.15 * tallest if tallest else None)
        others.axhline(1, color="0.6", lw=0.8, zorder=0)
        others.set(xlabel="r (Å)", ylabel=f"G_d(r, t) of {result['mobile_ion']}, ideal gas: 1")
        _limit_distinct(others, functions)
        own.legend(loc="upper right", fontsize=7)
        legend(others, place="right upper")


def _limit_distinct(axis: Axes, functions: Mapping) -> None:
    """Cut the peak at r = 0, of ions that replace each other: it may be a hundred times higher than all else."""
    structure, highest = (max((value or 0 for value in curve), default=0) for curve in
                          (functions["distinct"]["value"][0], sum(functions["distinct"]["value"], [])))  # fmt: skip
    top = 1.2 * max(structure, 2.0)
    axis.set_ylim(0, top)
    if highest > top:
        axis.text(0.03, 0.97, f"goes on to {highest:.0f} at r → 0:\nanother ion is where one was",
                  transform=axis.transAxes, va="top", fontsize=7)  # fmt: skip


def _mean_squares_A2(result: Mapping) -> dict[float, float]:
    curves = result["curves"]
    values = curves["msd_A2"][result["mobile_ion"]]["value"]
    return {lag_ps: value or 0.0 for lag_ps, value in zip(curves["lags_ps"], values, strict=True)}


def _gaussian_1_A(r_A: np.ndarray, square_A2: float) -> np.ndarray:
    variance_A2 = max(square_A2 / 3, 1e-9)
    return 4 * np.pi * r_A**2 * np.exp(-(r_A**2) / (2 * variance_A2)) / (2 * np.pi * variance_A2) ** 1.5


def _draw_curve(axis: Axes, r_A: np.ndarray, rows: Mapping, number: int, *, colour, label: str | None = None) -> None:
    values, errors = (np.array(rows[key][number], dtype=float) for key in ("value", "error"))
    axis.plot(r_A, values, color=colour, label=label, lw=1.2)
    axis.fill_between(r_A, values - errors, values + errors, color=colour, alpha=0.2, lw=0)


def plot_hops(result: Mapping, path: str | Path, *, title: str) -> None:
    """α2(t) of every species, lengths of hops, and sizes of strings and concerted clusters beside time-shuffled hops.

    Args:
        result: of `analyse_motion`.
        path: SVG to write.
        title: composition and temperature.
    """
    message = "; ".join(result.get("hops", {}).get("flags") or [result["status"]])
    with figure_of(path, columns=3, title=f"{title} — {message}", size=(11.5, 3.6)) as (alpha, lengths, sizes):
        if "curves" not in result:
            say((alpha, lengths, sizes), f"No trajectory to analyse ({result['reason']}).")
            return
        _draw_alpha(alpha, result["curves"])
        hops = result["hops"]
        if not hops["count"]:
            for axis in (lengths, sizes):
                axis.set_axis_off()
            lengths.text(0.5, 0.5, f"{hops['status']}\n(shortest: {hops['shortest_A']:g} Å)",
                         transform=lengths.transAxes, ha="center")  # fmt: skip
            return
        _draw_lengths(lengths, hops)
        _draw_sizes(sizes, hops)


def _draw_alpha(axis: Axes, curves: Mapping) -> None:
    lags_ps = np.array(curves["lags_ps"])
    for symbol, rows in curves["alpha2"].items():
        values, errors = (np.array(rows[key], dtype=float) for key in ("value", "error"))
        (line,) = axis.semilogx(lags_ps, values, label=symbol)
        axis.fill_between(lags_ps, values - errors, values + errors, color=line.get_color(), alpha=0.2, lw=0)
    axis.axhline(0, color="0.6", lw=0.8, zorder=0)
    axis.set(xlabel="t (ps)", ylabel="α2(t)")
    axis.legend(loc="best", fontsize=7)


def _draw_lengths(axis: Axes, hops: Mapping) -> None:
    length_A, density, error = (np.array(hops["lengths"][key], dtype=float) for key in
                                ("length_A", "density_1_A", "error"))  # fmt: skip
    axis.bar(length_A, density, width=length_A[1] - length_A[0], yerr=error, color=COLOURS[0], alpha=0.8,
             error_kw={"lw": 0.8})  # fmt: skip
    axis.axvline(hops["shortest_A"], color="0.4", lw=0.8, ls="--")
    rate = hops["rate_per_ps"]
    text = f"{hops['count']} hops, {rate['value']:.3g} ± {rate['error']:.2g} per ion and ps"
    axis.set(xlabel="length of a hop (Å)", ylabel="density (1/Å)", title=text)
    axis.title.set_fontsize(8)


def _draw_sizes(axis: Axes, hops: Mapping) -> None:
    size = np.array(hops["sizes"])
    kinds = [kind for kind in ("string", "concerted") if kind in hops]
    if not kinds:
        say([axis], "Strings were not asked for.")
        return
    for number, kind in enumerate(kinds):
        rows, colour = hops[kind]["distribution"], COLOURS[number]
        value, error, shuffled = (np.array(rows[key], dtype=float) for key in ("value", "error", "shuffled"))
        axis.errorbar(size, np.where(value > 0, value, np.nan), yerr=error, fmt="o-", ms=3, color=colour, label=kind)
        axis.plot(size, np.where(shuffled > 0, shuffled, np.nan), "x--", ms=4, color=colour, lw=0.8,
                  label=f"{kind}, shuffled in time")  # fmt: skip
    axis.set(xlabel="ions in the cluster", ylabel="fraction of hops", yscale="log")
    axis.set_ylim(max(SMALLEST_SHOWN, axis.get_ylim()[0]), 1.5)
    axis.legend(loc="best", fontsize=7)


def plot_residence_map(result: Mapping, path: str | Path, *, title: str) -> None:
    """Time of each ion of the first replica at each site, and hops per ion of each replica.

    Args:
        result: of `analyse_motion`.
        path: SVG to write.
        title: composition and temperature.
    """
    with figure_of(path, columns=2, title=title, size=(9.5, 3.8)) as (shares, mobility):
        if "maps" not in result:
            say((shares, mobility), f"No trajectory to analyse ({result['reason']}).")
            return
        _draw_shares(shares, result["maps"][0])
        _draw_mobility(mobility, result["maps"])


def _draw_shares(axis: Axes, one: Mapping) -> None:
    """Ions ordered by mobility, sites in the order in which these ions use them."""
    hops = np.array(one["hops_per_ion"])
    shares = np.zeros((len(hops), one["sites"]))
    shares[one["shares"]["ion"], one["shares"]["site"]] = one["shares"]["fraction"]
    ions = np.argsort(hops, kind="stable")
    first_user = np.argmax(shares[ions] > 0, axis=0)
    main_user = np.argsort(np.where(shares.any(axis=0), first_user, len(ions)), kind="stable")
    top = max(0.05, shares.max(initial=0))
    picture = axis.imshow(
        shares[ions][:, main_user], aspect="auto", cmap="magma_r", vmin=0, vmax=top, interpolation="nearest"
    )
    axis.figure.colorbar(picture, ax=axis, label="fraction of the run")
    axis.set(
        xlabel="site", ylabel="ion, by number of hops", title=f"{len(hops)} ions, {one['sites']} sites (replica 1)"
    )


def _draw_mobility(axis: Axes, maps: Sequence[Mapping]) -> None:
    most = max((max(one["hops_per_ion"], default=0) for one in maps), default=0)
    edges = np.arange(most + 2) - 0.5 if most < 30 else np.linspace(-0.5, most + 0.5, 30)
    counts = [np.array(one["hops_per_ion"]) for one in maps]
    axis.hist(counts, bins=edges, label=[f"run {number}" for number in range(1, len(maps) + 1)])
    together = np.concatenate(counts)
    fano = together.var() / together.mean() if together.mean() else float("nan")
    axis.set(xlabel="hops of an ion in the run", ylabel="ions", title=f"variance/mean {fano:.2g}; equal ions: 1")
    axis.legend(loc="best", fontsize=7)
