"""The part of an electrode on the results page: voltage, phases, shape, diffusion, cycles, and its ions in motion."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from saltflow.analysis.sweep_results import page_blocks as blocks
from saltflow.analysis.sweep_results.viewer_frames import frames_of_trajectory
from saltflow.materials.structure_files import read_structures
from saltflow.studies.drawn_bonds import bonds_A
from saltflow.studies.electrodes.configurations import OK
from saltflow.studies.electrodes.cycles_part import cycle_blocks
from saltflow.studies.electrodes.cycling import CHARGE, DISCHARGE
from saltflow.studies.electrodes.ion_transport import trajectory_path

STRUCTURES_OF_A_HOST = 4  # share the space of the page, with those of other hosts


def results_part(record: Mapping, folder: Path, *, structures: int = 1) -> dict:
    """Title and blocks, JSON-able.

    Args:
        record: of `study_electrode`.
        folder: of the study, with its structures and trajectories.
        structures: hosts that share the page.
    """
    x = f"x, fraction of the sites of {record['ion']}"
    shared = STRUCTURES_OF_A_HOST * structures
    by = f"{record['mean_voltage_V']:.3f} V by {record['potential']}, {record['status']}"
    return {
        "title": f"Electrode {record.get('electrode', record['host'])}, {record['ion']}: {by}",
        "blocks": [
            _voltages(record, x),
            _compositions(record),
            *(_diffusion(record["transport"], x) if record.get("transport") else []),
            *_barriers(record, x),
            *_moving(record, folder, structures=shared),
            *_trap(record),
            *(cycle_blocks(record, folder, structures=shared) if record.get("cycling") else []),
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
    edges = [
        blocks.trace(
            name,
            at,
            [100 * (row["edges_A"][place] / compositions[0]["edges_A"][place] - 1) for row in compositions],
            mode="lines+markers",
            colour=place,
        )
        for place, name in enumerate("abc")
    ]
    return blocks.plots(
        "Voltage, phases and volume",
        [
            blocks.panel("", x=x, y="voltage (V)", traces=traces),
            blocks.panel("", x=x, y="formation energy (meV per site)", traces=[energies]),
            blocks.panel("", x=x, y="volume (Å³ per site)", traces=[volumes]),
            blocks.panel("", x=x, y="cell edges, change (%)", traces=edges),
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


def _barriers(record: Mapping, x: str) -> list[dict]:
    """Of nudged elastic bands at each x, beside the activation energies of dynamics."""
    if not (rows := record.get("barriers")):
        return []
    at = [row["x"] for row in rows]
    traces = [
        blocks.trace(f"path in {name}", at, [row[f"barrier_{name}_eV"] for row in rows], mode="markers", colour=colour)
        for colour, name in enumerate(("1D", "2D", "3D"))
    ]
    known = [row for row in record.get("transport", []) if row["Ea_eV"]]
    if known:
        values, errors = ([row["Ea_eV"][name] for row in known] for name in ("value", "error"))
        traces.append(
            blocks.trace("Ea of dynamics", [row["x"] for row in known], values, error=errors, mode="markers", colour=3)
        )
    table = [[blocks.shortened(row["x"], digits=4), row["status"]] for row in rows]
    return [
        blocks.plots("Barriers over x", [blocks.panel("", x=x, y="barrier (eV)", traces=traces)]),
        blocks.table("Paths over x", ["x", "status"], table),
    ]


def _energy(energy: Mapping | None) -> dict | None:
    return energy and blocks.cell(energy["value"], error=energy["error"])


def _moving(record: Mapping, folder: Path, *, structures: int) -> list[dict]:
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
    frames = frames_of_trajectory(path, structures=structures, bonds_A=bonds, mobile_ion=record["ion"])
    note = f"Large: {record['ion']}. x = {row['x']:.3f}, {kelvin:g} K, the first replica."
    key = f"{folder.name} {record['ion']} {path.stem}"
    return [blocks.structure("Ions in motion", key, frames.facts, note=note, data=frames.data)]


def _trap(record: Mapping) -> list[dict]:
    """What a vacancy does to a single ion."""
    if not (trap := record.get("trap")):
        return []
    found = trap["status"] if trap["trap_eV"] is None else f"{trap['trap_eV']:+.3f} eV"
    where = f"at {trap['nearest_A']:.2f} Å from a vacancy less at {trap['farthest_A']:.2f} Å"
    return [blocks.text("A single ion next to a vacancy", f"{found}: {where}; negative where it is held.")]
