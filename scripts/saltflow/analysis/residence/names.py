"""Names in residence.json that several modules share."""

# Classes that are no environment: all of them together, and the rare ones together.
ALL, OTHER = "all", "other"

# Quantities of a residence function.
TAU, STRETCHED, BETA, UNCORRECTED, CURVE = "tau_ps", "tau_stretched_ps", "beta", "tau_uncorrected_ps", "P"
INTERMITTENT = "intermittent"

OK = "ok"


def continuous_name(absence_ps: float) -> str:
    """Name of the continuous function with an allowed absence."""
    return f"continuous {absence_ps:g} ps"
