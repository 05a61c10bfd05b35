"""Cycles of an electrode on the results page: voltages, what steps change, charge beside discharge, a movie."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from saltflow.analysis.sweep_results import page_blocks as blocks
from saltflow.analysis.sweep_results.viewer_frames import frames_of_steps
from saltflow.materials.structure_files import read_structures
from saltflow.studies.drawn_bonds import bonds_A
from saltflow.studies.electrodes.configurations import OK

COLOURS, MOST_SPECIES = 8, 20
DEGRADATION = ("displaced_fraction", "cation_disorder", "broken_bonds", "oxygen_dimers", "bare_oxygen")


def cycle_blocks(record: Mapping, folder: Path, *, structures: int) -> list[dict]:
    """Blocks of the cycles of a host.

    Args:
        record: of `study_electrode`, with cycling.
        folder: of the study; cycles.extxyz has the states.
        structures: that share the page.
    """
    cycling = record["cycling"]
    table = [
        [number, row["cycle"], *(blocks.shortened(row[name], digits=5) for name in
         ("charge_V", "discharge_V", "hysteresis_V", "irreversible_eV_per_site", "displaced_fraction"))]
        for number, replica in enumerate(cycling["replicas"], 1)
        for row in replica["cycles"]
    ]  # fmt: skip
    columns = ["replica", "cycle", "charge (V)", "discharge (V)", "hysteresis (V)", "did not come back (eV per site)",
               "displaced fraction"]  # fmt: skip
    stopped = [each["status"] for each in cycling["replicas"] if each["status"] != OK]
    return [
        blocks.table("Cycles", columns, table, note="; ".join(stopped)),
        blocks.plots("What the cycles do", _over_steps(cycling["steps"]), empty="No step was made."),
        *_species(cycling["steps"]),
        *_stages(cycling),
        *_asymmetry(cycling["asymmetry"]),
        *_movie(record, folder, structures=structures),
    ]


def _over_steps(steps: Sequence[Mapping]) -> list[dict]:
    """Panels over the steps of the first replica: each has what some step has."""
    numbers = [row["step"] for row in steps]

    def panel(y: str, lines: Mapping[str, Sequence]) -> dict | None:
        traces = [
            blocks.trace(name, numbers, values, colour=colour % COLOURS)
            for colour, (name, values) in enumerate(lines.items())
            if any(value is not None for value in values)
        ]
        return blocks.panel("", x="step", y=y, traces=traces) if traces else None

    def each(name: str, part: int) -> list:
        return [row[name] and row[name][part] for row in steps]

    layered = bool(steps) and "stage_order" in steps[0]
    degraded = {name.replace("_", " "): [row[name] for row in steps] for name in DEGRADATION if _any(steps, name)}
    stresses = {
        f"{part}, {when}": each(f"stress_{name}_GPa", place)
        for when, name in (("ions changed", "changed"), ("at rest", "relaxed"))
        for place, part in enumerate(("xx", "yy", "zz"))
        if _any(steps, f"stress_{name}_GPa")
    }
    edges = np.array([np.linalg.norm(row["cell_A"], axis=1) for row in steps]).reshape(-1, 3)
    found = [
        panel("cell edges, change (%)", {
            name: (100 * (edges[:, place] / edges[0, place] - 1)).tolist() for place, name in enumerate("abc")
        } if len(edges) else {}),
        panel("stress (GPa), tension > 0", stresses),
        panel("degradation", degraded),
        panel("stage order", {
            f"stage {stage}": [row["stage_order"][stage] for row in steps] for stage in steps[0]["stage_order"]
        } if layered else {}),
        panel("registry: AA 1, AB −0.5", {
            f"gallery {place + 1}": each("registry", place) for place in range(len(steps[0]["registry"]))
        } if layered else {}),
        panel("trapping, even spread: 1", {"trapping": [row["trapping"] for row in steps]}
              if _any(steps, "trapping") else {}),
    ]  # fmt: skip
    return [one for one in found if one]


def _any(steps: Sequence[Mapping], name: str) -> bool:
    return any(row.get(name) for row in steps)


def _species(steps: Sequence[Mapping]) -> list[dict]:
    """Units of nonmetals at the first and the last step, where any changed."""
    counts = [row["species"] for row in steps]
    formulas = list(dict.fromkeys(formula for each in counts for formula in each))
    rows = []
    for formula in formulas:
        numbers = [each.get(formula, 0) for each in counts]
        rows.append([formula, numbers[0], numbers[-1], max(numbers), int(np.flatnonzero(numbers)[0])])
    columns = ["unit", "at first", "at last", "most", "first at step"]
    note = "Nonmetals connected by bonds shorter than 1.25 × the sum of covalent radii."
    return [blocks.table("Species", columns, rows[:MOST_SPECIES], note=note)] if rows else []


def _stages(cycling: Mapping) -> list[dict]:
    rows = [
        [direction, each["cycle"], each["stage"] or "no ions", *(blocks.shortened(each[end], digits=4) for end in
         ("x_from", "x_to"))]
        for direction, sequence in cycling["stages"].items()
        for each in sequence
    ]  # fmt: skip
    columns = ["direction", "cycle", "stage", "from x", "to x"]
    return [blocks.table("Sequence of stages", columns, rows)] if rows else []


def _asymmetry(rows: Sequence[Mapping]) -> list[dict]:
    table = [
        [row["measure"], blocks.shortened(row["x"], digits=4), blocks.shortened(row["charge"], digits=4),
         blocks.shortened(row["discharge"], digits=4), blocks.cell(row["difference"], error=row["error"]),
         row["replicas"]]
        for row in rows
    ]  # fmt: skip
    columns = ["measure", "x", "charge", "discharge", "difference", "replicas"]
    note = "At the same x; errors over replicas."
    return [blocks.table("Charge less discharge", columns, table, note=note)] if table else []


def _movie(record: Mapping, folder: Path, *, structures: int) -> list[dict]:
    """Every step of the first replica."""
    path = folder / "cycles.extxyz"
    if not path.is_file() or not record["cycling"]["steps"]:
        return []
    states = read_structures(path)
    bonds = bonds_A(max(states, key=len))
    frames = frames_of_steps(states, structures=structures, bonds_A=bonds, mobile_ion=record["ion"])
    note = f"The state after each step, in the cell of the first. Large: {record['ion']}."
    return [
        blocks.structure("Movie of the cycles", f"cycles of {folder.name}", frames.facts, note=note, data=frames.data)
    ]
