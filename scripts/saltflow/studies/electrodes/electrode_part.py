"""The part of an electrode on the results page: voltage, phases, shape, diffusion, cycles, and its ions in motion."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from saltflow.analysis.sweep_results import page_blocks as blocks
from saltflow.analysis.sweep_results.viewer_frames import frames_of_trajectory
from saltflow.materials.structure_files import read_structures
from saltflow.studies.drawn_bonds import bonds_A
from saltflow.studies.electrodes.configurations import OK
from saltflow.studies.electrodes.cycling import CHARGE, DISCHARGE
from saltflow.studies.electrodes.ion_transport import trajectory_path

SHOWN_STRUCTURES = 4  # pages share their space among so many
DEGRADATION = ("displaced_fraction", "cation_disorder", "broken_bonds", "oxygen_dimers", "bare_oxygen")


def results_part(record: Mapping, folder: Path) -> dict:
    """Title and blocks, JSON-able.

    Args:
        record: of `study_electrode`.
        folder: of the study, with its structures and trajectories.
    """
    x = f"x, fraction of the sites of {record['ion']}"
    by = f"{record['mean_voltage_V']:.3f} V by {record['potential']}, {record['status']}"
    return {
        "title": f"Electrode {record['host']}, {record['ion']}: {by}",
        "blocks": [
            _voltages(record, x),
            _compositions(record),
            *(_diffusion(record["transport"], x) if record.get("transport") else []),
            *_moving(record, folder),
            *(_cycles(record["cycling"]) if record.get("cycling") else []),
        ],
    }


def _voltages(record: Mapping, x: str) -> dict:
    hull_x, hull_V = [], []
    for step in record["plateaus"]:
        hull_x += [step["x_from"], step["x_to"]]
        hull_V += [step["voltage_V"]] * 2
    traces = [blocks.trace("hull, 0 K", hull_x, hull_V)]
    rows = record.get("cycling", {}).get("steps", [])
    for colour, direction in enumerate((CHARGE, DISCHARGE), 1):
        own = [((before["x"] + row["x"]) / 2, row["voltage_V"]) for before, row in pairwise(rows)
               if row["direction"] == direction]  # fmt: skip
        if own:
            traces.append(blocks.trace(direction, *zip(*own, strict=True), mode="markers", colour=colour))
    filled = record.get("monte_carlo", {}).get("rows", [])
    for doubtful in (False, True):
        own = [(row["x"], row["voltage_V"]) for row in filled if (row["status"] != OK) == doubtful]
        if own:
            name = "Monte Carlo" + ", not ok" * doubtful
            traces.append(blocks.trace(name, *zip(*own, strict=True), mode="markers", colour=3, doubtful=doubtful))
    compositions = record["compositions"]
    at = [row["x"] for row in compositions]
    energies = blocks.trace(
        "lowest", at, [1000 * row["formation_energy_eV_per_site"] for row in compositions], mode="lines+markers"
    )
    volumes = blocks.trace("volume", at, [row["volume_A3_per_site"] for row in compositions], mode="lines+markers")
    return blocks.plots(
        "Voltage, phases and volume",
        [
            blocks.panel("", x=x, y="voltage (V)", traces=traces),
            blocks.panel("", x=x, y="formation energy (meV per site)", traces=[energies]),
            blocks.panel("", x=x, y="volume (Å³ per site)", traces=[volumes]),
        ],
        note=record["note"],
    )


def _compositions(record: Mapping) -> dict:
    rows = [
        [blocks.shortened(row["x"], digits=4), row["formula"], blocks.cell(row["energy_eV"]),
         blocks.shortened(1000 * row["above_hull_eV_per_site"], digits=4),
         blocks.shortened(row["volume_A3_per_site"], digits=5), row["candidates"], row["left_out"]]
        for row in record["compositions"]
    ]  # fmt: skip
    columns = ["x", "formula", "energy (eV)", "above the hull (meV per site)", "volume (Å³ per site)", "candidates",
               "left out"]  # fmt: skip
    return blocks.table("Compositions", columns, rows)


def _diffusion(rows: Sequence[Mapping], x: str) -> list[dict]:
    temperatures_K = sorted({point["temperature_K"] for row in rows for point in row["points"]})
    traces = []
    for colour, kelvin in enumerate(temperatures_K):
        for doubtful in (False, True):
            own = [
                (row["x"], point["D_cm2_s"], point["error"])
                for row in rows
                for point in row["points"]
                if point["temperature_K"] == kelvin and point["D_cm2_s"] and (point["status"] != OK) == doubtful
            ]
            if own:
                at, values, errors = zip(*own, strict=True)
                name = f"{kelvin:g} K" + ", not diffusive" * doubtful
                marks = {"mode": "markers", "colour": colour, "doubtful": doubtful}
                traces.append(blocks.trace(name, at, values, error=errors, **marks))
    panels = [blocks.panel("", x=x, y="D (cm²/s)", traces=traces, log="y")] if traces else []
    table = [[blocks.shortened(row["x"], digits=4), _energy(row["Ea_eV"]), row["status"]] for row in rows]
    return [
        blocks.plots("Diffusion over x", panels, empty="No x has a D; the table says why."),
        blocks.table("Activation energies", ["x", "Ea (eV)", "status"], table),
    ]


def _energy(energy: Mapping | None) -> dict | None:
    return energy and blocks.cell(energy["value"], error=energy["error"])


def _moving(record: Mapping, folder: Path) -> list[dict]:
    """The ions at the hottest temperature, at the x nearest to a half that has such a run."""
    rows = [row for row in record.get("transport", []) if row["points"]]
    if not rows:
        return []
    row = min(rows, key=lambda each: abs(each["x"] - 0.5))
    kelvin = max(point["temperature_K"] for point in row["points"])
    path = trajectory_path(folder, row["ions"], kelvin, 1)
    if not path.is_file():
        return []
    bonds = bonds_A(read_structures(folder / "phases.extxyz")[-1])
    frames = frames_of_trajectory(path, structures=SHOWN_STRUCTURES, bonds_A=bonds, mobile_ion=record["ion"])
    note = f"Large: {record['ion']}. x = {row['x']:.3f}, {kelvin:g} K, the first replica."
    key = f"{record['host']} {record['ion']} {path.stem}"
    return [blocks.structure("Ions in motion", key, frames.facts, note=note, data=frames.data)]


def _cycles(cycling: Mapping) -> list[dict]:
    table = [
        [row["cycle"], *(blocks.shortened(row[name], digits=5) for name in
         ("charge_V", "discharge_V", "hysteresis_V", "irreversible_eV_per_site", "displaced_fraction"))]
        for row in cycling["cycles"]
    ]  # fmt: skip
    columns = ["cycle", "charge (V)", "discharge (V)", "hysteresis (V)", "did not come back (eV per site)",
               "displaced fraction"]  # fmt: skip
    steps = cycling["steps"]
    numbers = [row["step"] for row in steps]
    traces = [
        blocks.trace(name.replace("_", " "), numbers, [row[name] for row in steps], colour=colour)
        for colour, name in enumerate(DEGRADATION)
        if any(row.get(name) for row in steps)
    ]
    orders = [
        blocks.trace(f"stage {stage}", numbers, [row["stage_order"][stage] for row in steps], colour=colour)
        for colour, stage in enumerate(steps[0].get("stage_order", {}) if steps else {})
    ]
    panels = [blocks.panel("", x="step", y="degradation", traces=traces)] if traces else []
    if orders:
        panels.append(blocks.panel("", x="step", y="stage order", traces=orders))
    return [
        blocks.table("Cycles", columns, table, note="" if cycling["status"] == OK else cycling["status"]),
        blocks.plots("What the cycles leave", panels, empty="Nothing degraded."),
    ]
