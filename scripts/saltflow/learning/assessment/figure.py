"""The figure of an assessment: errors, calibration and stability."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from saltflow.base.plotting import figure_of, legend
from saltflow.learning.assessment.panels import draw_by_element, draw_by_temperature, draw_stability, lines_of
from saltflow.learning.uncertainty import Z_STD_RANGE, factor_for

WIDTH_IN = 12.5
LEAST_HEIGHTS_IN = (3.6, 2.4)  # of the rows of panels


def plot_assessment(predictions: Sequence[Mapping], assessment: Mapping, path: str | Path) -> None:
    """Six panels in two rows.

    Parity of force components, error over calibrated uncertainty, z-scores by composition; force errors by element and
    temperature, stability of the dynamics.

    Args:
        predictions: of `predictions.predict`.
        assessment: of `assessment.assess`.
        path: SVG to write.
    """
    names = sorted({prediction["composition"] for prediction in predictions})
    by_name = {name: [each for each in predictions if each["composition"] == name] for name in names}
    wanted = (0.9 + 0.22 * len(names), 0.9 + 0.22 * lines_of(assessment))
    heights = [max(pair) for pair in zip(wanted, LEAST_HEIGHTS_IN, strict=True)]
    size = (WIDTH_IN, sum(heights))
    with figure_of(path, title=_title(assessment, predictions), size=size) as (blank,):
        parity, reliability, scores, elements, temperatures, stability = _panels(blank, heights)
        _draw_parity(parity, by_name)
        _draw_calibration(reliability, scores, by_name, assessment["calibration"])
        draw_by_element(elements, assessment)
        draw_by_temperature(temperatures, assessment)
        draw_stability(stability, assessment["stability"])


def _panels(blank: Axes, heights: Sequence[float]) -> list[Axes]:
    """Rows of three axes in place of one."""
    figure = blank.figure
    blank.remove()
    return list(figure.subplots(len(heights), 3, height_ratios=heights).ravel())


def _draw_calibration(reliability: Axes, scores: Axes, by_name: Mapping[str, Sequence[Mapping]], calibration) -> None:
    if calibration["pooled"]["factor"] is None:
        for axis in (reliability, scores):
            axis.set_axis_off()
        reliability.text(0.5, 0.5, "One model alone has no disagreement.", transform=reliability.transAxes, ha="center")
        return
    _draw_reliability(reliability, by_name, calibration)
    _draw_scores(scores, calibration)


def _title(assessment: Mapping, predictions: Sequence[Mapping]) -> str:
    force_error = assessment["heldout"]["force_rmse_meV_A"]
    references = ", ".join(sorted({name for each in predictions if (name := each.get("reference"))}))
    title = f"generation {assessment['generation']}" + (f" against {references}" if references else "")
    title += f": held-out force RMSE {force_error:.0f} meV/Å"
    if before := assessment["previous_generation_on_same_frames"]:
        title += f" (generation before: {before['force_rmse_meV_A']:.0f})"
    return title


def _draw_parity(axis: Axes, by_name: Mapping[str, Sequence[Mapping]]) -> None:
    for name, own in by_name.items():
        reference = np.concatenate([each["reference_forces_eV_A"].ravel() for each in own])
        predicted = np.concatenate([each["forces_eV_A"].ravel() for each in own])
        axis.plot(reference, predicted, ".", markersize=2, label=name, rasterized=True)
    axis.axline((0, 0), slope=1, color="0.6", lw=0.8, zorder=0)
    axis.set(xlabel="reference force component (eV/Å)", ylabel="predicted (eV/Å)")
    axis.set_aspect("equal", adjustable="datalim")
    legend(axis, place="right upper", markerscale=5)


def _draw_reliability(axis: Axes, by_name: Mapping[str, Sequence[Mapping]], calibration: Mapping) -> None:
    for name, own in by_name.items():
        error = np.concatenate(
            [np.linalg.norm(each["forces_eV_A"] - each["reference_forces_eV_A"], axis=1) for each in own]
        )
        force_std = np.concatenate([each["force_std_eV_A"] for each in own])
        expected = factor_for(calibration, name) * force_std
        shown = (expected > 0) & (error > 0)
        axis.loglog(expected[shown], error[shown], ".", markersize=2, alpha=0.5, rasterized=True)
    rows = calibration["reliability"]
    predicted, observed = ([row[key] / 1000 for row in rows] for key in ("predicted_meV_A", "observed_meV_A"))
    axis.loglog(predicted, observed, "o", color="black", mfc="white", markersize=5, zorder=3)
    axis.axline((0.1, 0.1), (1, 1), color="0.6", lw=0.8, zorder=0)
    axis.set(xlabel="calibrated uncertainty of an atom's force (eV/Å)", ylabel="its error (eV/Å)")


def _draw_scores(axis: Axes, calibration: Mapping) -> None:
    """Standard deviation of the z-scores of each composition, before and after calibration."""
    entries = {"all": calibration["pooled"], **calibration["compositions"]}
    places = np.arange(len(entries))
    axis.axvspan(*Z_STD_RANGE, color="0.9", zorder=0)
    for key, marker, label in (
        ("z_std_before", "x", "not calibrated"),
        ("z_std_after", "o", "calibrated, other lineages"),
    ):
        known = [(entry[key], place) for entry, place in zip(entries.values(), places, strict=True) if entry[key]]
        axis.plot(*np.array(known).reshape(-1, 2).T, marker, color="black", label=label, clip_on=False)
    axis.axvline(1, color="0.6", lw=0.8, zorder=0)
    axis.set_xscale("log")
    axis.set_ylim(len(entries) - 0.5, -0.5)
    axis.set_yticks(
        places, [f"{name}{'*' if entry['flags'] else ''} × {_factor(entry)}" for name, entry in entries.items()]
    )
    axis.set_xlabel("standard deviation of the z-scores of forces")
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)


def _factor(entry: Mapping) -> str:
    return f"{entry['factor']:.3g}" if entry["factor"] else "?"
