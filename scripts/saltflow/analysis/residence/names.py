"""Names in residence.json."""

# Classes that are no environment: the sum over all classes, and the rare classes.
ALL, OTHER = "all", "other"

# Quantities of a residence function.
TAU, STRETCHED, BETA, UNCORRECTED, CURVE = "tau_ps", "tau_stretched_ps", "beta", "tau_uncorrected_ps", "P"
INTERMITTENT = "intermittent"

OK = "ok"


def continuous_name(absence_ps: float) -> str:
    """Name of the continuous function with an allowed absence."""
    return f"continuous {absence_ps:g} ps"
