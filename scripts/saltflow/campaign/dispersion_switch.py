"""The switch `dynamics.dispersion`: whether dispersion is added where a potential drives atoms.

Where the labels hold dispersion, the potential has learned it and nothing is added; adding it would count it twice.
Rules get the switch with the functional of the labels, whose damping parameters are used: "D3(BJ) of PBE"
(`added_dispersion.with_functional`).
"""

from collections.abc import Mapping

from saltflow.base.errors import SaltflowError

NONE = "none"
CUTOFF_A = 14.0  # of the distance of two atoms


def functional_of(dispersion: str) -> str | None:
    """The functional of what `completed` wrote; None where nothing is added."""
    return None if dispersion == NONE else dispersion.partition(" of ")[2]


def method_of(release: Mapping, dynamics: Mapping) -> dict:
    """What drives a trajectory, for its provenance.

    Args:
        release: record of the potential.
        dynamics: the section `dynamics` as rules get it.

    Returns:
        reference: that of the labels. dispersion: what the labels have and what the dynamics adds (none, or the name
        of the correction), and cutoff_A where it does.
    """
    dispersion = {"labels": release["dispersion"], "dynamics": dynamics["dispersion"]}
    if functional_of(dynamics["dispersion"]):
        dispersion["cutoff_A"] = CUTOFF_A
    return {"reference": release["reference"], "dispersion": dispersion}


def method_name(release: Mapping, dispersion: str) -> str:
    """What made the numbers of a potential, for tables and figures: "pbe-d3", "pbe + D3(BJ) in MD".

    A universal potential is never taken for DFT: "diep-r2scan → mace" where a model learned from it, "zero-shot
    diep-r2scan (r2SCAN)" where it drives the dynamics itself.

    Args:
        release: record of the potential.
        dispersion: added by the dynamics, or none.
    """
    reference, correction = release["reference"], dispersion.partition(" of ")[0]
    name = f"{reference['name']} → mace" if reference.get("code") == "universal" else reference["name"]
    return name if correction == NONE else f"{name} + {correction} in MD"


def check_apart(release: Mapping, dispersion: str, *, potential: str) -> None:
    """Refuse to add dispersion to a potential that has learned it.

    Args:
        release: record of the potential.
        dispersion: that is to be added, or none.
        potential: for the message.

    Raises:
        SaltflowError: its labels have some.
    """
    learned = release["dispersion"]
    if dispersion != NONE and learned != NONE:
        raise SaltflowError(
            f"{potential}: its labels hold {learned}, which {dispersion} in the dynamics would count twice; write none "
            "into dynamics.dispersion."
        )
