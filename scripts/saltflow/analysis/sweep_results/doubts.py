"""Why a number of the results page is unreliable: the status words that it is shown with, in grey."""

from collections.abc import Mapping

ACROSS_TG = "across Tg"
WIDE = "interval beyond a decade"
NOT_CONVERGED, ZERO_SHOT = "not converged", "zero-shot"
OUT_OF_DOMAIN = "out of domain"
LARGE = "above 1 S/cm"
LARGEST_SIGMA_MS_CM = 1000.0  # no solid or molten salt conducts that well near room temperature
WIDEST_RATIO = 10.0

MEANING = {
    ACROSS_TG: "the fit reaches from a melt into a glass or back, where it does not hold",
    WIDE: "the 95 % interval spans more than a factor of ten",
    NOT_CONVERGED: "the held-out errors of the potential are above the set limit",
    ZERO_SHOT: "a foundation drives MD as it is; its errors here are not known",
    OUT_OF_DOMAIN: "simulated environments lie outside the training set of the potential",
    LARGE: "no electrolyte conducts that well at this temperature",
}


def of_potential(row: Mapping) -> list[str]:
    """Doubts about everything that a potential gave.

    Args:
        row: of the ranking: potential_status and domain.
    """
    status = row["potential_status"] or ""
    found = [word for word in (NOT_CONVERGED, ZERO_SHOT) if status.startswith(word)]
    return found + ([OUT_OF_DOMAIN] if row["domain"] == OUT_OF_DOMAIN else [])


def of_prediction(prediction: Mapping | None) -> list[str]:
    """Doubts about a value at the temperature of comparison.

    Args:
        prediction: of `fit_arrhenius`: value, low, high, unit, crosses_Tg.
    """
    if not prediction or prediction.get("value") is None:
        return []
    found = [ACROSS_TG] if prediction.get("crosses_Tg") is True else []
    if prediction["high"] > WIDEST_RATIO * prediction["low"]:
        found.append(WIDE)
    if prediction["unit"] == "mS/cm" and prediction["value"] > LARGEST_SIGMA_MS_CM:
        found.append(LARGE)
    return found


def of_estimate(estimate: Mapping | None) -> list[str]:
    """The status word of a quantity of transport.json, where it has one of its own that is not ok."""
    status = (estimate or {}).get("status", "ok")
    return [] if status == "ok" else [status]
