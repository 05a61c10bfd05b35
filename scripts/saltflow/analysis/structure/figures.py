"""Figures of the structure: S(q), polyhedra, their network, and angles."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from saltflow.analysis.structure.network import SHAPES
from saltflow.analysis.structure.roles import HALIDES
from saltflow.base.plotting import COLOURS, figure_of, legend, say

NOTHING = "No trajectory to analyse: no accepted replica."
SMALLEST_SHARE = 0.01
CLASSES_SHOWN = 9
ANGLES_SHOWN = 7


def plot_scattering(result: Mapping, path: str | Path, *, title: str) -> None:
    """S(q) by three weightings with their first sharp peaks, and the partial structure factors.

    Args:
        result: of `analyse_structure`.
        path: SVG to write.
        title: composition and temperature.
    """
    with figure_of(path, columns=2, title=title, size=(9, 3.6)) as (totals, partials):
        found = result.get("scattering")
        if not found:
            say((totals, partials), NOTHING)
            return
        q_per_A = np.array(found["q_per_A"])
        for colour, (weighting, row) in zip(COLOURS, found["total"].items(), strict=False):
            values, errors = _arrays(row, "S", "S_error")
            known = np.isfinite(values)
            chosen = weighting == found["weighting"]
            totals.plot(q_per_A[known], values[known], color=colour, lw=1.6 if chosen else 0.9, label=weighting)
            totals.fill_between(q_per_A, values - errors, values + errors, color=colour, alpha=0.2, lw=0)
            _mark_peak(totals, found["first_sharp_diffraction_peak"][weighting], colour=colour, named=chosen)
        for number, (name, curve) in enumerate(found["partial"].items()):
            values = np.array(curve, dtype=float)
            known = np.isfinite(values)
            style = "-" if number < len(COLOURS) else "--"
            partials.plot(q_per_A[known], values[known], style, lw=0.9, label=name)
        totals.axhline(1, color="0.7", lw=0.8, ls="--", zorder=0)
        totals.set(xlabel="q (Å⁻¹)", ylabel="S(q)", title="total, by weighting")
        partials.set(xlabel="q (Å⁻¹)", ylabel="S_ab(q)", title="partial (Ashcroft–Langreth)")
        totals.legend(loc="upper right")
        legend(partials, place="right upper")


def _mark_peak(axis: Axes, peak: Mapping, *, colour: str, named: bool) -> None:
    position, height = peak["position"]["value"], peak["height"]["value"]
    if position is None:
        return
    axis.plot([position], [height], "v", color=colour, markersize=6)
    if named:
        half = peak["width"]["value"] / 2
        axis.axvspan(position - half, position + half, color=colour, alpha=0.1, lw=0)


def plot_polyhedra(result: Mapping, path: str | Path, *, title: str) -> None:
    """Populations of the shells of every metal, and states of the anions.

    Args:
        result: of `analyse_structure`.
        path: SVG to write.
        title: composition and temperature.
    """
    with figure_of(path, columns=2, title=title, size=(9, 3.6)) as (classes, anions):
        if not result.get("polyhedra"):
            say((classes, anions), _why_no_polyhedra(result))
            return
        shown = _most_common([row["classes"] for row in result["polyhedra"].values()])
        for number, (metal, row) in enumerate(result["polyhedra"].items()):
            rows = [row["classes"].get(label) for label in shown]
            _bars(classes, shown, rows, number=number, of=len(result["polyhedra"]), label=metal)
        classes.set(ylabel="fraction of the metal", title="shells of anions (X: halides)", ylim=(0, None))
        if len(result["polyhedra"]) > 1:
            classes.legend(loc="best")
        else:
            classes.set_title(f"shells of {next(iter(result['polyhedra']))} (X: halides)")
        classes.tick_params(axis="x", rotation=40)
        halides = set(HALIDES) & set(result["roles"]["anions"])
        names = [name for name in result["anions"] if name != "X" or len(halides) > 1]
        states = ("free", "terminal", "bridging", "polyanion")
        for number, state in enumerate(states):
            rows = [result["anions"][name].get(state) for name in names]
            if any(row and row["value"] for row in rows):
                _bars(anions, names, rows, number=number, of=len(states), label=state)
        anions.set(ylabel="fraction of the anion", title="bonded to no, one, several metals", ylim=(0, 1.05))
        legend(anions, place="right upper")


def _why_no_polyhedra(result: Mapping) -> str:
    if "roles" not in result:
        return NOTHING
    if not result["roles"]["metals"]:
        return "No metal in this composition: there are no polyhedra to count."
    return "g(r) shows no shell of anions around a metal: the cell is too small, or the run too short."


def _most_common(populations: Sequence[Mapping]) -> list[str]:
    largest: dict[str, float] = {}
    for population in populations:
        for label, row in population.items():
            largest[label] = max(largest.get(label, 0.0), row["value"])
    kept = [label for label in sorted(largest, key=largest.get, reverse=True) if largest[label] >= SMALLEST_SHARE]
    return kept[:CLASSES_SHOWN]


def _bars(axis: Axes, names: Sequence[str], rows: Sequence, *, number: int, of: int, label: str) -> None:
    """One series of grouped bars with errors; rows may be None."""
    values = [row["value"] if row else 0.0 for row in rows]
    errors = [(row["error"] or 0.0) if row else 0.0 for row in rows]
    width = 0.8 / of
    places = np.arange(len(names)) + (number - (of - 1) / 2) * width
    axis.bar(places, values, width, yerr=errors, capsize=2, label=label, error_kw={"lw": 0.8}, color=COLOURS[number])
    axis.set_xticks(np.arange(len(names)), names)


def plot_network(result: Mapping, path: str | Path, *, title: str) -> None:
    """Shared anions of polyhedra, and lengths and shapes of fragments of linked metals.

    Args:
        result: of `analyse_structure`.
        path: SVG to write.
        title: composition and temperature.
    """
    with figure_of(path, columns=3, title=title, size=(11, 3.6)) as axes:
        if not result.get("network"):
            say(axes, _why_no_polyhedra(result))
            return
        links, lengths, shapes = axes
        found = result["network"]
        shared = found["sharing_per_metal"]
        bridged = {f"M–{anion}–M": row for anion, row in found["bridges_per_metal"].items()}
        _bars(links, [*shared, *bridged], [*shared.values(), *bridged.values()], number=0, of=1, label="")
        links.set(ylabel="number per metal", title="shared corners, edges, faces; bridges")
        links.tick_params(axis="x", rotation=40)
        _draw_lengths(lengths, found["fragments"])
        names = [
            shape for shape in SHAPES if any(shape in row["metals_by_shape"] for row in found["fragments"].values())
        ]
        for number, (via, row) in enumerate(found["fragments"].items()):
            rows = [row["metals_by_shape"].get(shape) for shape in names]
            _bars(shapes, names, rows, number=number, of=len(found["fragments"]), label=_linked_by(via))
        shapes.set(ylabel="fraction of the metals", title="shape of the fragment", ylim=(0, 1.05))
        shapes.tick_params(axis="x", rotation=40)
        if len(found["fragments"]) > 1:
            legend(shapes, place="right upper")


def _linked_by(via: str) -> str:
    return "by any anion" if via == "any" else f"by {via} alone"


def _draw_lengths(axis: Axes, fragments: Mapping[str, Mapping]) -> None:
    longest = 0
    for number, (via, row) in enumerate(fragments.items()):
        sizes = {int(length): share for length, share in row["metals_by_length"].items()}
        longest = max([longest, *sizes])
        values, errors = ([share[key] or 0.0 for share in sizes.values()] for key in ("value", "error"))
        axis.errorbar(
            list(sizes), values, yerr=errors, fmt="o", ms=4, lw=0.8, capsize=2, color=COLOURS[number],
            label=_linked_by(via),
        )  # fmt: skip
    if not longest:
        axis.text(0.5, 0.5, "all metals are in\npercolating fragments", transform=axis.transAxes, ha="center")
    axis.set(xlabel="metals in the fragment", ylabel="fraction of the metals", title="length of finite fragments")
    axis.set(ylim=(0, None), xlim=(0.5, max(longest, 4) + 0.5))
    axis.xaxis.get_major_locator().set_params(integer=True)


def plot_angles(result: Mapping, path: str | Path, *, title: str) -> None:
    """Bond-angle distributions: in polyhedra, at bridging anions, around the mobile ion.

    Args:
        result: of `analyse_structure`.
        path: SVG to write.
        title: composition and temperature.
    """
    with figure_of(path, columns=3, title=title, size=(11, 3.6)) as axes:
        if not result.get("angles", {}).get("triples"):
            say(axes, NOTHING if "roles" not in result else "g(r) shows no shell of anions: there are no bond angles.")
            return
        roles, triples = result["roles"], result["angles"]["triples"]
        groups = {
            "anion–metal–anion": roles["metals"],
            "metal–anion–metal": [] if not roles["metals"] else roles["anions"],
            f"anion–{roles['mobile_ion']}–anion": [roles["mobile_ion"]],
        }
        for axis, (heading, middles) in zip(axes, groups.items(), strict=True):
            names = [name for name in triples if name.split("-")[1] in middles]
            common = sorted(names, key=lambda name: -triples[name]["number_per_cell"])[:ANGLES_SHOWN]
            for name in common:
                values, errors = _arrays(triples[name], "density_per_deg", "density_error")
                (line,) = axis.plot(result["angles"]["angle_deg"], values, lw=1, label=name)
                low, high = values - errors, values + errors
                axis.fill_between(result["angles"]["angle_deg"], low, high, alpha=0.2, lw=0, color=line.get_color())
            axis.set(xlabel="angle (°)", title=heading, xlim=(0, 180), ylim=(0, None))
            if common:
                axis.legend(loc="best", fontsize=7)
            else:
                axis.text(0.5, 0.5, "none", transform=axis.transAxes, ha="center", color="0.5")
        axes[0].set_ylabel("probability per degree")


def _arrays(row: Mapping, *keys: str) -> list[np.ndarray]:
    return [np.array(row[key], dtype=float) for key in keys]
