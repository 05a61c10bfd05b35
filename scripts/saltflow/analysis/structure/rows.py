"""The quantities that are counted frame by frame as JSON."""

from collections.abc import Hashable, Mapping

from saltflow.analysis.structure.angles import angle_rows
from saltflow.analysis.structure.network import SHAPES
from saltflow.analysis.structure.polyhedra import SHARING
from saltflow.analysis.structure.roles import Roles
from saltflow.statistics.estimate import Estimate

Estimates = Mapping[Hashable, Estimate]


def local_rows(estimates: Estimates, roles: Roles, cutoffs_A: Mapping[tuple[str, str], float]) -> dict:
    """Density, polyhedra, network, polyanions, angles, order and phases as JSON.

    Args:
        estimates: of `local_quantities`.
        roles: of the elements.
        cutoffs_A: (cation, anion) → longest bond.
    """
    return {
        "roles": {
            "mobile_ion": roles.mobile,
            "metals": list(roles.metals),
            "anions": list(roles.anions),
            "polyanions": [each.name for each in roles.polyanions],
        },
        "bond_cutoffs_A": {f"{cation}-{anion}": float(cutoff) for (cation, anion), cutoff in cutoffs_A.items()},
        "density": estimates["density",].row(unit="g/cm3"),
        "polyhedra": {
            metal: _polyhedra(estimates, metal, roles) for metal in roles.metals if ("regular", metal) in estimates
        },
        "mobile_coordination": _scalars(estimates, "mean coordination", roles.mobile),
        "network": _network(estimates) if ("linked",) in estimates else {},
        "anions": {
            anion: rows
            for anion in (*roles.anions, "X")
            if (rows := _scalars(estimates, "anion", anion))
        },
        "polyanions": {
            name: {"whole": row, "broken_per_cell": estimates["broken", name].row(unit="1")}
            for name, row in _scalars(estimates, "whole").items()
        },
        "angles": angle_rows(estimates),
        "order": {
            name: estimates[f"q{name[1]}", name[3:]].row(unit="1")
            for name in (f"q{degree}_{of}" for degree in (4, 6) for of in ("anions", "metals", "mobile"))
        },
        "phases": _phases(estimates),
    }  # fmt: skip


def _scalars(estimates: Estimates, *prefix: str) -> dict:
    """Rows of all quantities with a name prefix, by the last part of their name, the largest first."""
    depth = len(prefix) + 1
    found = {name[-1]: each for name, each in estimates.items() if len(name) == depth and name[:-1] == prefix}
    order = sorted(found, key=lambda last: (-float(found[last].value), str(last)))
    return {str(last): found[last].row(unit="1") for last in order}


def _polyhedra(estimates: Estimates, metal: str, roles: Roles) -> dict:
    numbers = _scalars(estimates, "coordination", metal)
    return {
        "classes": _scalars(estimates, "class", metal),
        "coordination_numbers": {number: numbers[number] for number in sorted(numbers, key=int)},
        "mean_coordination": {
            anion: estimates["mean coordination", metal, anion].row(unit="1") for anion in roles.anions
        },
        "angle_variance": estimates["angle variance", metal].row(unit="deg2"),
        "regular_fraction": estimates["regular", metal].row(unit="1"),
    }


def _network(estimates: Estimates) -> dict:
    return {
        "sharing_per_metal": {kind: estimates["sharing", kind].row(unit="1") for kind in SHARING.values()},
        "bridges_per_metal": _scalars(estimates, "bridges"),
        "linked_metals": estimates["linked",].row(unit="1"),
        "fragments": {name[1]: _fragments(estimates, name[1]) for name in estimates if name[0] == "mean length"},
    }


def _fragments(estimates: Estimates, via: str) -> dict:
    lengths = {name[2]: each for name, each in estimates.items() if name[:2] == ("length", via)}
    return {
        "metals_by_length": {str(length): lengths[length].row(unit="1") for length in sorted(lengths)},
        "metals_by_shape": {
            shape: estimates["shape", via, shape].row(unit="1")
            for shape in SHAPES
            if ("shape", via, shape) in estimates
        },
        "mean_length": estimates["mean length", via].row(unit="1"),
        "weight_mean_length": estimates["weight mean length", via].row(unit="1"),
    }


def _phases(estimates: Estimates) -> dict:
    rows = {
        "free_volume": estimates["free volume",].row(unit="1"),
        "largest_hole": estimates["largest hole",].row(unit="A"),
        "crystalline_anions": estimates["crystalline",].row(unit="1"),
        "largest_crystal": estimates["crystal",].row(unit="1"),
    }
    if ("salt-like",) in estimates:
        rows["salt_like_mobile"] = estimates["salt-like",].row(unit="1")
        rows["largest_salt_cluster"] = estimates["salt cluster",].row(unit="1")
    return rows
