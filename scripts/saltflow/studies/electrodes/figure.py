"""Voltage, stable phases and shape of a host over the number of its ions."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from saltflow.base.plotting import COLOURS, figure_of, legend
from saltflow.studies.electrodes.configurations import OK
from saltflow.studies.electrodes.cycling import CHARGE, DISCHARGE

HULL = COLOURS[0]


def plot_electrode(record: Mapping, path: Path, *, title: str) -> None:
    """Voltage on the left, with what cycles and Monte Carlo say; formation energies; volume and edges on the right.

    Args:
        record: of `electrode_study.study_electrode`.
        path: of the figure.
        title: of the figure.
    """
    moves = record.get("transport", [])
    with figure_of(path, columns=4 if moves else 3, title=title, size=(14.0 if moves else 11.0, 4.0)) as axes:
        voltages, energies, shapes, *diffusion = axes
        _plot_voltages(voltages, record)
        _plot_energies(energies, record["compositions"])
        _plot_shapes(shapes, record["compositions"])
        for axis in diffusion:
            _plot_diffusion(axis, moves)
        for axis in axes:
            axis.set_xlabel(f"x, fraction of the sites of {record['ion']}")
        legend(voltages, place="lower left", ncols=4)
        legend(shapes, place="lower right", ncols=4)
        for axis in diffusion:
            legend(axis, place="lower center", ncols=4)


def _plot_voltages(axis: Axes, record: Mapping) -> None:
    steps = record["plateaus"]
    edges = [steps[0]["x_from"], *(step["x_to"] for step in steps)]
    axis.stairs([step["voltage_V"] for step in steps], edges, baseline=None, color=HULL, linewidth=2, label="hull, 0 K")
    rows = record.get("cycling", {}).get("steps", [])
    for direction, colour in ((CHARGE, COLOURS[1]), (DISCHARGE, COLOURS[2])):
        steps = [(before["x"], row) for before, row in pairwise(rows) if row["direction"] == direction]
        if steps:
            volts, starts, ends = zip(*((row["voltage_V"], x, row["x"]) for x, row in steps), strict=True)
            axis.hlines(volts, starts, ends, color=colour, label=f"{direction}, steps")
    filled = [row for row in record.get("monte_carlo", {}).get("rows", []) if row["status"] == OK]
    if filled:
        x, errors, volts = ([row[name] for row in filled] for name in ("x", "x_error", "voltage_V"))
        axis.errorbar(x, volts, xerr=errors, fmt="D", color=COLOURS[3], markersize=4, label="Monte Carlo")
    axis.set_ylabel("voltage (V)")


def _plot_energies(axis: Axes, rows: list[Mapping]) -> None:
    x = np.array([row["x"] for row in rows])
    meV = 1000 * np.array([row["formation_energy_eV_per_site"] for row in rows])
    stable = np.array([row["above_hull_eV_per_site"] for row in rows]) < 1e-9
    axis.plot(x[stable], meV[stable], "o-", color=HULL)
    axis.plot(x[~stable], meV[~stable], "o", color=HULL, markerfacecolor="none")
    axis.set_ylabel("formation energy (meV per site)")


def _plot_shapes(axis: Axes, rows: list[Mapping]) -> None:
    x = [row["x"] for row in rows]
    for number, name in enumerate("abc"):
        edges = np.array([row["edges_A"][number] for row in rows])
        axis.plot(x, 100 * (edges / edges[0] - 1), "o-", color=COLOURS[4 + number], markersize=3, label=name)
    volumes = np.array([row["volume_A3_per_site"] for row in rows])
    axis.plot(x, 100 * (volumes / volumes[0] - 1), "s--", color=COLOURS[7], markersize=3, label="volume")
    axis.set_ylabel(f"change since x = {x[0]:.2g} (%)")


def _plot_diffusion(axis: Axes, rows: list[Mapping]) -> None:
    """D over x at each temperature; open where it is not diffusive."""
    temperatures_K = sorted({point["temperature_K"] for row in rows for point in row["points"]})
    for number, kelvin in enumerate(temperatures_K):
        colour, points = COLOURS[number % len(COLOURS)], _points_at(rows, kelvin)
        for is_known, face in ((True, colour), (False, "none")):
            if known := [point[:3] for point in points if point[3] == is_known]:
                x, values, errors = zip(*known, strict=True)
                axis.errorbar(x, values, errors, fmt="o", color=colour, markerfacecolor=face)
        axis.plot([], [], "o", color=colour, label=f"{kelvin:g} K")
    axis.set_yscale("log")
    axis.set_ylabel("D (cm²/s); open: not diffusive")


def _points_at(rows: list[Mapping], temperature_K: float) -> list[tuple[float, float, float, bool]]:
    """x, D, the error that a logarithmic axis can show, and whether it is ok."""
    return [
        (row["x"], point["D_cm2_s"], min(point["error"] or 0.0, 0.9 * point["D_cm2_s"]), point["status"] == OK)
        for row in rows
        for point in row["points"]
        if point["temperature_K"] == temperature_K and (point["D_cm2_s"] or 0) > 0
    ]
