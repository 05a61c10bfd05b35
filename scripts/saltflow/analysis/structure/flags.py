"""Flags of a structure that is not one homogeneous amorphous phase, with the evidence."""

from collections.abc import Iterator, Mapping

from saltflow.analysis.structure.roles import Roles

# Packed cells start at a packing fraction of 0.52 of Shannon spheres and become denser; a gas is below 0.6 of that.
GAS_FREE_VOLUME = 1 - 0.6 * 0.52
LARGEST_HOLE_A = 5.0
# A block of 2 × 2 × 2 mobile ions, each with a shell of anions that are bonded to no metal.
SALT_CLUSTER, SALT_FRACTION = 8.0, 0.1
CRYSTALLINE_FRACTION = 0.3
# Wave vectors of a cell are 2π/L apart; a peak at 1 Å⁻¹ needs several of them.
SHORTEST_CELL_A = 20.0


def flags_of(result: Mapping, roles: Roles) -> list[dict]:
    """Flags with their evidence.

    Args:
        result: of `analyse_structure`, without flags.
        roles: of the elements.
    """
    found = (*_phase_flags(result["phases"]), *_polyanion_flags(result["polyanions"]), *_data_flags(result, roles))
    return [{"flag": flag, "evidence": evidence} for flag, evidence in found]


def _phase_flags(phases: Mapping) -> Iterator[tuple[str, str]]:
    free, hole = phases["free_volume"]["value"], phases["largest_hole"]["value"]
    if free > GAS_FREE_VOLUME:
        yield "gas", f"{free:.0%} of the cell is outside all ionic spheres, above {GAS_FREE_VOLUME:.0%}"
    if hole > LARGEST_HOLE_A:
        yield "cavity", f"there is a hole of {hole:.1f} Å radius, above {LARGEST_HOLE_A:g} Å"
    if "salt_like_mobile" in phases:
        share, size = phases["salt_like_mobile"]["value"], phases["largest_salt_cluster"]["value"]
        if size >= SALT_CLUSTER and share >= SALT_FRACTION:
            yield (
                "separated salt",
                f"{share:.0%} of the mobile ions have only anions bonded to no metal, up to {size:.0f} in one cluster",
            )
    ordered = phases["crystalline_anions"]["value"]
    if ordered is not None and ordered > CRYSTALLINE_FRACTION:
        yield "crystalline", f"{ordered:.0%} of the anions are solid-like, above {CRYSTALLINE_FRACTION:.0%}"


def _polyanion_flags(polyanions: Mapping) -> Iterator[tuple[str, str]]:
    for name, row in polyanions.items():
        if row["whole"]["value"] is not None and row["whole"]["value"] < 1:
            yield "broken anion", f"{row['broken_per_cell']['value']:.3g} {name} of a cell lack a ligand"


def _data_flags(result: Mapping, roles: Roles) -> Iterator[tuple[str, str]]:
    bonded = {pair.split("-")[0] for pair in result["bond_cutoffs_A"]}
    for cation in roles.cations:
        if cation not in bonded:
            yield "no shell", f"g(r) of {cation} has no first peak with a minimum for any anion"
    if result["note"]:
        yield "short g(r)", result["note"]
    if result["cell_width_A"] < SHORTEST_CELL_A:
        yield "small cell", f"{result['cell_width_A']:.1f} Å wide: S(q) has few wave vectors at its first peak"
