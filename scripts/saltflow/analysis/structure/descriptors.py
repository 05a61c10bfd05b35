"""Structural descriptors of one state point, for the relation of order with conductivity."""

from collections.abc import Hashable, Mapping
from typing import NamedTuple

from saltflow.statistics.estimate import Estimate


class Descriptor(NamedTuple):
    """The quantity behind a descriptor, its unit, and the reason where it is missing."""

    source: Hashable
    unit: str
    missing: str


NO_METAL = "no metal with a shell of anions"
NO_NEIGHBOURS = "a cell too small for the 12 nearest anions"
NO_MOBILE_SHELL = "g(r) of the mobile ion shows no shell"
LOCAL = {
    "polymerisation": Descriptor(("linked",), "1", NO_METAL),
    "bridges_O": Descriptor(("bridges other than X",), "1", NO_METAL),
    "fragment_length": Descriptor(("weight mean length", "any"), "1", f"{NO_METAL}, or all fragments percolate"),
    "percolating_metals": Descriptor(("shape", "any", "percolating"), "1", NO_METAL),
    "terminal_X": Descriptor(("anion", "X", "terminal"), "1", "no halide, or no metal with a shell"),
    "free_X": Descriptor(("anion", "X", "free"), "1", "no halide, or no metal with a shell"),
    "angle_variance_deg2": Descriptor(("angle variance",), "deg2", f"{NO_METAL}, or none with four or six anions"),
    "q4_metals": Descriptor(("q4", "metals"), "1", NO_METAL),
    "q6_metals": Descriptor(("q6", "metals"), "1", NO_METAL),
    "q4_mobile": Descriptor(("q4", "mobile"), "1", NO_MOBILE_SHELL),
    "q6_mobile": Descriptor(("q6", "mobile"), "1", NO_MOBILE_SHELL),
    "q4_anions": Descriptor(("q4", "anions"), "1", NO_NEIGHBOURS),
    "q6_anions": Descriptor(("q6", "anions"), "1", NO_NEIGHBOURS),
    "density_g_cm3": Descriptor(("density",), "g/cm3", ""),
    "free_volume": Descriptor(("free volume",), "1", ""),
}
FSDP = {"fsdp_position_per_A": "position", "fsdp_height": "height", "fsdp_width_per_A": "width"}
NAMES = ("s2_k", *FSDP, *LOCAL)
# Descriptors that need a metal: without one, every halide would count as free.
OF_METALS = ("terminal_X", "free_X")


def descriptor_rows(
    local: Mapping[Hashable, Estimate],
    scattering: Mapping[Hashable, Estimate],
    entropy: Estimate,
    *,
    weighting: str,
) -> dict[str, dict]:
    """Descriptor → value, error and unit; without a value, the reason.

    Args:
        local: of `local_quantities`.
        scattering: of `scattering_quantities`.
        entropy: of `pair_entropy`.
        weighting: of the structure factor whose first sharp peak is used.
    """
    rows = {"s2_k": entropy.row(unit="k per atom")}
    for name, part in FSDP.items():
        row = scattering[f"fsdp {part}", weighting].row(unit="1" if part == "height" else "1/A")
        rows[name] = _reasoned(
            row, f"S(q) with {weighting} weighting has no peak before its principal one, or the cell is too small"
        )
    has_metals = ("linked",) in local
    for name, descriptor in LOCAL.items():
        found = local.get(descriptor.source)
        if found is None or (name in OF_METALS and not has_metals):
            rows[name] = _reasoned({"value": None, "error": None, "unit": descriptor.unit}, descriptor.missing)
        else:
            rows[name] = _reasoned(found.row(unit=descriptor.unit), descriptor.missing)
    return rows


def _reasoned(row: dict, reason: str) -> dict:
    return row if row["value"] is not None else row | {"reason": reason}
