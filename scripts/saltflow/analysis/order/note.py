"""The significant relations of order with conductivity, as text."""

from collections.abc import Mapping

from saltflow.analysis.order.association import FALSE_DISCOVERY_RATE
from saltflow.analysis.order.electrolytes import TARGETS
from saltflow.analysis.order.regression import SIGNIFICANCE

CAVEAT = (
    "A correlation is no cause. Descriptors, diffusion and conductivity come from the same trajectories and share the "
    "errors of the potential. The intervals take electrolytes of one host as independent; a relation that is to hold "
    "for a new host must also predict hosts that were left out."
)


def design_note(relations: Mapping[str, Mapping]) -> str:
    """The relations as text.

    Args:
        relations: of `relate`.
    """
    parts = [_of_target(target, relation) for target, relation in relations.items()]
    return "\n\n".join([*parts, CAVEAT]) + "\n"


def _of_target(target: str, relation: Mapping) -> str:
    heading = f"{TARGETS[target]}: known for {relation['electrolytes']} of {relation['of']} electrolytes"
    if relation["status"] != "ok":
        return f"{heading}. Too few: {relation['needed']} are needed to relate it with order."
    lines = [f"{heading}, of {relation['hosts']} hosts.", *_associations(relation["associations"])]
    return "\n".join([*lines, *(_model(name, model) for name, model in relation["models"].items())])


def _associations(rows: list[Mapping]) -> list[str]:
    significant = [row for row in rows if row["significant"]]
    if not significant:
        return [f"- None of {len(rows)} descriptors correlates with it by itself (q < {FALSE_DISCOVERY_RATE})."]
    return [
        f"- It {'rises' if row['rho'] > 0 else 'falls'} with {row['descriptor'].replace('_', ' ')}: Spearman's rho "
        f"{row['rho']:.2f} [{row['low']:.2f}, {row['high']:.2f}], q = {row['q']:.2g}, {row['electrolytes']} "
        "electrolytes."
        for row in significant
    ]


def _model(name: str, model: Mapping) -> str:
    if model["status"] != "ok":
        return f"- {name}: {model['status']}."
    scores = f"Q2 = {model['Q2']:.2f} (shuffled {model['shuffled_Q2']['mean']:.2f}, p = {model['p_value']:.2g})"
    if model["shuffled_Q2"]["mean"] > 0:
        return f"- {name}: inconclusive, the shuffled baseline is predicted as well; {scores}."
    if not model["significant"]:
        return f"- {name}: does not predict hosts left out (p < {SIGNIFICANCE} is required); {scores}."
    first = [descriptor.replace("_", " ") for descriptor, loss in model["importance"].items() if loss > 0][:3]
    return f"- {name}: predicts hosts left out, {scores}; most important: {', '.join(first)}."
