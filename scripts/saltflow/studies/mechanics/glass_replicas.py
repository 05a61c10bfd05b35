"""Moduli of a glass over its replicas."""

from collections.abc import Mapping, Sequence

from saltflow.base.errors import SaltflowError
from saltflow.statistics.jackknife import mean_and_error

QUANTITIES = ("bulk_GPa", "shear_GPa", "youngs_GPa", "poissons_ratio")


def over_replicas(records: Sequence[Mapping]) -> dict:
    """Means over replicas with the half widths of their 68 % intervals; those whose status is not ok are left out.

    Args:
        records: of `mechanics_study.study_mechanics`, of one composition.

    Raises:
        SaltflowError: the records are of different compositions, or fewer than two are ok.
    """
    formulas = sorted({record["formula"] for record in records})
    if len(formulas) > 1:
        raise SaltflowError(
            f"{' and '.join(formulas)} are no replicas of one glass; give one composition with --glass."
        )
    ok = [record for record in records if record["status"] == "ok"]
    if len(ok) < 2:
        raise SaltflowError(f"{len(ok)} of {len(records)} replicas of {formulas[0]} are ok; a mean needs two.")
    found = {
        "density_g_cm3": mean_and_error([record["density_g_cm3"] for record in ok]),
        **{name: mean_and_error([record["moduli"][name] for record in ok]) for name in QUANTITIES},
    }
    return {
        "formula": formulas[0],
        "replicas": len(ok),
        "left_out": len(records) - len(ok),
        **{name: {"value": float(value), "error": float(error)} for name, (value, error) in found.items()},
    }
