"""Whether production has a fixed length or ends when its results are known."""

from collections.abc import Mapping


def judged_by(production: Mapping) -> Mapping | None:
    """Its `until_known`, of the section `dynamics.production`; None where it is fixed or no longer than the least."""
    wanted = production["until_known"]
    return None if wanted is None or wanted["least_ps"] >= production["duration_ps"] else wanted


def wanted_errors(wanted: Mapping, temperature_K: float) -> tuple[float, float]:
    """Largest relative errors of D and of σ_E with which a state point is known.

    Args:
        wanted: `until_known`, with `error_factors` where they are not those at every temperature.
        temperature_K: of the state point.
    """
    factor = wanted.get("error_factors", {}).get(f"{temperature_K:g}", 1.0)
    return factor * wanted["D_relative_error"], factor * wanted["sigma_E_relative_error"]
