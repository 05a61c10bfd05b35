"""The figure of the ranking."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from saltflow.base.plotting import COLOURS, figure_of, legend, say


def plot_ranking(ranking, path: str | Path) -> None:
    """Predicted conductivities with their intervals, the best on top, beside measured ones.

    Args:
        ranking: table of `ranking.rank`.
        path: SVG to write.
    """
    ranked = ranking[ranking["rank"].notna()]
    rest = len(ranking) - len(ranked)
    title = "Einstein conductivity" + (f" at {ranked['at_temperature_K'].iloc[0]:g} K" if len(ranked) else "")
    if methods := list(dict.fromkeys(ranked["method"].dropna())):
        title += f"\nby {', '.join(methods)}"
    with figure_of(path, title=title, size=(6.5, 1.8 + 0.28 * max(2, len(ranked)))) as (axis,):
        if ranked.empty:
            say((axis,), f"No composition has a conductivity fit yet\n({rest} without enough diffusive temperatures).")
            return
        heights = np.arange(len(ranked))[::-1]
        extrapolated = ranked["extrapolated"].to_numpy(dtype=bool)
        for beyond, face, label in ((False, COLOURS[0], "within the simulated range"), (True, "w", "extrapolated")):
            chosen = extrapolated == beyond
            if chosen.any():
                _draw_predictions(axis, ranked[chosen], heights[chosen], face=face, label=label)
        axis.plot(ranked["measured_sigma_mS_cm"].to_numpy(dtype=float), heights, "k*", label="literature")
        crossing = [name + (" †" if flag is True else "") for name, flag in zip(ranked["composition"],
                    ranked["crosses_Tg"], strict=True)]  # fmt: skip
        axis.set_yticks(heights, crossing)
        axis.set_ylim(-0.6, len(ranked) - 0.4)
        axis.set_xscale("log")
        across = "; †: across Tg" if any(name.endswith("†") for name in crossing) else ""
        axis.set_xlabel("σ (mS/cm)" + (f"; without a fit: {rest}" if rest else "") + across)
        legend(axis, place="lower center", ncols=3)


def _draw_predictions(axis: Axes, ranked, heights: np.ndarray, *, face: str, label: str) -> None:
    values, low, high = (
        ranked[key].to_numpy(dtype=float) for key in ("sigma_mS_cm", "sigma_low_mS_cm", "sigma_high_mS_cm")
    )
    axis.errorbar(values, heights, xerr=[values - low, high - values], fmt="o", color=COLOURS[0], mfc=face, label=label)
