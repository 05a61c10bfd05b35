"""The transport analysis with settings for short walks, and how its values compare with the truth."""

from itertools import product

from walkers import RULE, STATE_POINT

from saltflow.analysis.transport.analysis import analyse_transport

EXTRAS = {"cluster_frames": 5, "cutoff_sweep_A": 0.2, "correlation_origins": 5, "correlation_bin_A": 0.5}
# Walkers have no shells.
FIRST_MINIMA_A = {f"{first}-{second}": 3.0 for first, second in product(("Cl", "Li", "Zr"), repeat=2)}


def analyse(trajectories, **changes):
    """The transport of some replicas."""
    return analyse_transport(
        trajectories, **{**STATE_POINT, **RULE, **EXTRAS, "first_minima_A": FIRST_MINIMA_A, **changes}
    )


def within(row, expected, *, sigmas=4.0):
    """Whether a value is as close to the truth as its error says."""
    return abs(row["value"] - expected) < sigmas * row["error"]
