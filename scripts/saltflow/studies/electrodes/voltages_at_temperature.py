"""How many ions a host holds at given voltages, by Monte Carlo with the energies of its configurations."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from saltflow.base.provenance import digest
from saltflow.potentials.protocol import MDPotential
from saltflow.studies.electrodes.configurations import CELLS, OK, POSITIONS, Configurations, configurations_of
from saltflow.studies.electrodes.grand_canonical import all_at_once, sample_voltage
from saltflow.studies.electrodes.host import Host
from saltflow.studies.electrodes.ion_tries import Reservoir
from saltflow.studies.electrodes.moving_host import fill_moving_host
from saltflow.studies.electrodes.voltages import VoltageCurve
from saltflow.studies.kept_numbers import kept_numbers
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation

log = logging.getLogger(__name__)


def fill_at_voltages(
    host: Host,
    evaluation: BatchedEvaluation,
    curve: VoltageCurve,
    *,
    metal_eV: float,
    settings: Mapping,
    folder: Path,
) -> dict:
    """x at each voltage, with its distance from the hull.

    Args:
        host: framework and sites.
        evaluation: of the potential.
        curve: of the hull at 0 K.
        metal_eV: energy of an atom of the bulk metal.
        settings: voltages, sweeps, seed, temperature_K, energies (what is relaxed), fixed_cell, and those of
            `Configurations`.
        folder: of the study; energies of cells are shared with the hull.

    Returns:
        energies, temperature_K, note (of `all_at_once`) and rows (of `sample_voltage`), with occupations that were
        tried, those refused because they did not come to rest, hull_V, the voltage of the hull at that x, and
        difference_V.
    """
    is_fixed = settings["fixed_cell"] and settings["energies"] == CELLS
    relaxed = POSITIONS if is_fixed else settings["energies"]
    place = configurations_of(folder, relaxed)
    configurations = Configurations(host, evaluation, settings=settings, folder=place, relaxed=relaxed)
    known: dict[bytes, float] = {}

    def energy_eV(occupation: np.ndarray) -> float:
        name = occupation.tobytes()
        if name not in known:
            (found,) = configurations.of([occupation])
            known[name] = found.energy_eV if found.status == OK else np.inf
        return known[name]

    chosen = {name: settings[name] for name in ("sweeps", "seed", "temperature_K")}
    rows = []
    for voltage_V in settings["voltages"]:

        def sample(voltage_V: float = voltage_V) -> dict:
            met: dict[bytes, float] = {}

            def noted(occupation: np.ndarray) -> float:
                met[occupation.tobytes()] = found = energy_eV(occupation)
                return found

            row = sample_voltage(noted, host.sites, voltage_V=voltage_V, metal_eV=metal_eV, settings=chosen)
            return row | {"occupations": len(met), "refused": int(np.isinf(list(met.values())).sum())}

        key = digest([configurations.key, chosen, metal_eV, voltage_V])
        rows.append(kept_numbers(folder / "monte_carlo" / f"{voltage_V:.4f}V.json", sample, key=key))
        log.info("%.3f V: x %.3f ± %.3f, %s.", voltage_V, rows[-1]["x"], rows[-1]["x_error"], rows[-1]["status"])
    return record_of(rows, curve, sites=host.sites, settings=settings)


def fill_with_dynamics(
    host: Host, potential: MDPotential, curve: VoltageCurve, metal: Reservoir, *, settings: Mapping, folder: Path
) -> dict:
    """x at each voltage in a host that moves; as `fill_at_voltages`, whose rows have accepted instead of occupations.

    Args:
        potential: of the engine.
        metal: what the ions come from.
        settings: of `fill_moving_host`, energies.
        (the others as of `fill_at_voltages`)
    """
    rows = fill_moving_host(host, potential, metal, settings=settings, folder=folder / "monte_carlo_dynamics")
    return record_of(rows, curve, sites=host.sites, settings=settings)


def record_of(rows: Sequence[Mapping], curve: VoltageCurve, *, sites: int, settings: Mapping) -> dict:
    """Rows beside the hull, with what made them."""
    beside = []
    for row in rows:
        hull_V = curve.at(row["x"] * sites)
        has_hull = row["status"] == OK and np.isfinite(hull_V)
        between = {"hull_V": hull_V, "difference_V": row["voltage_V"] - hull_V} if has_hull else {}
        beside.append({**row, "hull_V": None, "difference_V": None} | between)
    return {
        "energies": settings["energies"],
        "temperature_K": settings["temperature_K"],
        "rows": beside,
        "note": all_at_once(beside),
    }
