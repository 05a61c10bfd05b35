"""What may be said about order and conductivity, in plain words: only what survived."""

from collections.abc import Mapping

from saltflow.analysis.order.association import FALSE_DISCOVERY_RATE
from saltflow.analysis.order.electrolytes import TARGETS
from saltflow.analysis.order.regression import SIGNIFICANCE

CAVEAT = (
    "A correlation over simulated electrolytes is no cause, and descriptors, diffusion and conductivity come from the "
    "same trajectories: an error of the potential is in all of them. Electrolytes of one host count as independent in "
    "the intervals; what is to hold for a new host must also predict hosts that were left out."
)


def design_note(relations: Mapping[str, Mapping]) -> str:
    """The relations in words.

    Args:
        relations: of `relate`.
    """
    parts = [_of_target(target, relation) for target, relation in relations.items()]
    return "\n\n".join([*parts, CAVEAT]) + "\n"


def _of_target(target: str, relation: Mapping) -> str:
    heading = f"{TARGETS[target]}: known of {relation['electrolytes']} of {relation['of']} electrolytes"
    if relation["status"] != "ok":
        return f"{heading}. Too few: {relation['needed']} are needed before order can be related with it."
    lines = [f"{heading}, of {relation['hosts']} hosts.", *_associations(relation["associations"])]
    return "\n".join([*lines, *(_model(name, model) for name, model in relation["models"].items())])


def _associations(rows: list[Mapping]) -> list[str]:
    survivors = [row for row in rows if row["survives"]]
    if not survivors:
        return [f"- None of {len(rows)} descriptors alone is related with it (q < {FALSE_DISCOVERY_RATE})."]
    return [
        f"- It {'rises' if row['rho'] > 0 else 'falls'} with {row['descriptor'].replace('_', ' ')}: Spearman's rho "
        f"{row['rho']:.2f} [{row['low']:.2f}, {row['high']:.2f}], q = {row['q']:.2g}, {row['electrolytes']} "
        "electrolytes."
        for row in survivors
    ]


def _model(name: str, model: Mapping) -> str:
    if model["status"] != "ok":
        return f"- {name}: {model['status']}."
    told = f"Q2 = {model['Q2']:.2f} (shuffled {model['control_Q2']['mean']:.2f}, p = {model['p_value']:.2g})"
    if model["control_Q2"]["mean"] > 0:
        return f"- {name}: the control with shuffled values did not fail, so this says nothing; {told}."
    if not model["survives"]:
        return f"- {name}: it cannot predict a host that it has not seen (p < {SIGNIFICANCE} is asked); {told}."
    first = [descriptor.replace("_", " ") for descriptor, loss in model["importance"].items() if loss > 0][:3]
    return f"- {name}: predicts hosts that it has not seen, {told}; it uses mostly {', '.join(first)}."
