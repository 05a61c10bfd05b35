"""A value with its error, unit, and where the error comes from, as it stands in a JSON file."""

from saltflow.statistics.jackknife import Estimate
from saltflow.statistics.replicas import number


def estimate_row(estimate: Estimate, index: tuple[int, ...], *, unit: str) -> dict:
    """One value of an estimate by counting: its error is never below that of as many independent events.

    Args:
        estimate: values and errors.
        index: which of the values.
        unit: of the value.
    """
    basis = str(estimate.basis[index])
    return {
        "value": number(estimate.value[index]),
        "error": number(estimate.error[index]),
        "unit": unit,
        "degrees_of_freedom": int(estimate.degrees_of_freedom[index]),
        "basis": "counting" if basis == "brownian" else basis,
    }
