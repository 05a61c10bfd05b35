"""The table of hosts: voltage, volume, and what cycles leave."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from saltflow.base.plotting import COLOURS, figure_of, legend, say

COLUMNS = (
    "electrode", "host", "mobile_ion", "status", "mean_voltage_V", "lowest_V", "highest_V", "volume_change_percent",
    "hysteresis_V", "irreversible_eV_per_site", "Ea_lowest_eV", "potential", "seconds",
)  # fmt: skip
MOST_DRAWN = 8


def host_rows(records: Mapping[str, Mapping], hosts: Mapping[str, Mapping[str, str]]) -> list[dict[str, str]]:
    """A row for each host, as text, in the order of its table.

    Args:
        records: host → of `study_host_file`.
        hosts: host → what the table says of it (mobile_ion, potential).
    """
    return [dict.fromkeys(COLUMNS, "") | _row(name, record) | hosts[name] for name, record in records.items()]


def table_text(rows: Sequence[Mapping[str, str]]) -> str:
    """The rows as a tab-separated table."""
    lines = [COLUMNS, *([row[name] for name in COLUMNS] for row in rows)]
    return "".join("\t".join(line) + "\n" for line in lines)


def _row(name: str, record: Mapping) -> dict[str, str]:
    row = {"electrode": name, "status": record["status"], "seconds": f"{record['seconds']:.1f}"}
    if record["mean_voltage_V"] is None:
        return row
    voltages = [step["voltage_V"] for step in record["plateaus"]]
    energies = [each["Ea_eV"]["value"] for each in record.get("transport", []) if each["Ea_eV"]]
    cycles = record.get("cycling", {}).get("cycles", [])
    row |= {
        "host": record["host"],
        "mean_voltage_V": f"{record['mean_voltage_V']:.4f}",
        "lowest_V": f"{min(voltages):.4f}",
        "highest_V": f"{max(voltages):.4f}",
        "volume_change_percent": f"{100 * record['volume_change']:.2f}",
    }
    if energies:
        row["Ea_lowest_eV"] = f"{min(energies):.4f}"
    if cycles:
        row |= {key: f"{cycles[-1][key]:.4f}" for key in ("hysteresis_V", "irreversible_eV_per_site")}
    return row


def plot_hosts(records: Mapping[str, Mapping], path: str | Path) -> None:
    """Voltage of the hull over x, of the first hosts that have one."""
    drawn = [(name, record) for name, record in records.items() if record["plateaus"]][:MOST_DRAWN]
    with figure_of(path, title="Electrodes", size=(6.5, 4.2)) as (axis,):
        if not drawn:
            say([axis], "No host has a voltage; voltages.tsv has the reasons.")
            return
        for colour, (name, record) in zip(COLOURS, drawn, strict=False):
            steps = record["plateaus"]
            edges = [steps[0]["x_from"], *(step["x_to"] for step in steps)]
            label = name if record["status"] == "ok" else f"{name}: {record['status']}"
            axis.stairs([step["voltage_V"] for step in steps], edges, baseline=None, color=colour, label=label)
        rest = len(records) - len(drawn)
        axis.set_xlabel("x, fraction of the sites" + (f"; not shown: {rest}" if rest else ""))
        axis.set_ylabel("voltage (V)")
        legend(axis, place="lower center", ncols=2)
