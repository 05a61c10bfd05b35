"""One row per electrolyte: conductivity, diffusion, and structural descriptors."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from saltflow.analysis.arrhenius.fit import MOST_DECADES, decades

TARGETS = {
    "log10_sigma": "log10 of the Einstein conductivity (mS/cm) at the temperature of comparison",
    "log10_D": "log10 of the self-diffusion of the mobile ion (cm²/s) at the temperature of the descriptors",
}
KNOWN_BEFORE = ("composition", "host", "mobile_ion", "temperature_K", *TARGETS)
PERCOLATION = ("threshold_3D_eV", "barrier_3D_eV")


@dataclass(frozen=True)
class Electrolyte:
    """Results of one composition.

    Args:
        composition: its id.
        host: compositions of one host are left out together when predictions are tested.
        arrhenius: content of arrhenius.json.
        transport: content of transport.json at the temperature of the descriptors.
        structure: content of structure.json there.
        pathways: content of pathways.json there.
    """

    composition: str
    host: str
    arrhenius: Mapping
    transport: Mapping
    structure: Mapping
    pathways: Mapping


def collect(electrolytes: list[Electrolyte]) -> pd.DataFrame:
    """A table with the columns of `KNOWN_BEFORE` and one per descriptor; nan where a value is unknown or flagged."""
    return pd.DataFrame([_row(each) for each in electrolytes])


def descriptors_of(table: pd.DataFrame) -> list[str]:
    """The descriptor columns of a table of `collect`."""
    return [name for name in table.columns if name not in KNOWN_BEFORE]


def _row(electrolyte: Electrolyte) -> dict:
    transport = electrolyte.transport
    diffusive = transport["status"] == "ok"
    diffusion = _value(transport["quantities"].get("D_cm2_s")) if diffusive else np.nan
    prediction = electrolyte.arrhenius["fits"]["sigma_E_mS_cm"].get("prediction")
    sigma = _value(prediction) if prediction and decades(prediction) <= MOST_DECADES else np.nan
    return {
        "composition": electrolyte.composition,
        "host": electrolyte.host,
        "mobile_ion": transport.get("mobile_ion"),
        "temperature_K": transport["temperature_K"],
        "log10_sigma": _logarithm(sigma),
        "log10_D": _logarithm(diffusion),
        **_of_structure(electrolyte.structure),
        **_of_pathways(electrolyte.pathways),
    }


def _of_structure(structure: Mapping) -> dict[str, float]:
    return {name: _value(row) for name, row in structure.get("descriptors", {}).items()}


def _of_pathways(pathways: Mapping) -> dict[str, float]:
    return {name: _value(pathways["quantities"].get(name)) for name in PERCOLATION}


def _value(row: Mapping | None) -> float:
    value = (row or {}).get("value")
    return np.nan if value is None else float(value)


def _logarithm(value: float) -> float:
    return float(np.log10(value)) if value > 0 else np.nan
