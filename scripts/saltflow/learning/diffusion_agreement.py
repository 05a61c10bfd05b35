"""Compare diffusion in the explorations of two consecutive generations."""

import math
from collections.abc import Mapping, Sequence

from saltflow.base.provenance import read_json

AGREES, DIFFERS, UNDECIDED = "agrees", "differs", "not decided"


def compare_files(files: Mapping, *, packed: Sequence[str], limits: Mapping | None) -> dict | None:
    """`compare_diffusion` of the files `previous_diffusion` (empty without one) and `diffusion`.

    Args:
        files: names → paths.
        packed: see `compare_diffusion`.
        limits: `learning.convergence.diffusion`; None compares nothing.
    """
    if limits is None:
        return None
    paths = [files.get(name) for name in ("previous_diffusion", "diffusion")]
    pair = [read_json(path)["compositions"] if path else {} for path in paths]
    return compare_diffusion(*pair, packed=packed, **limits)


def compare_diffusion(
    before: Mapping[str, Mapping],
    now: Mapping[str, Mapping],
    *,
    packed: Sequence[str],
    max_deviation_sigmas: float,
    max_relative_error: float,
) -> dict:
    """Compare D at every state point that both generations explored.

    A state point is decided if both relative errors are below `max_relative_error`. The criterion holds if no decided
    one differs and every packed composition has a decided one; the ions of a crystal may not move. With crystals alone,
    each needs a decided one.

    Args:
        before, now: of `exploration_diffusion.measure_diffusion`, for the generation before and this one.
        packed: compositions whose cells are packed, not crystals.
        max_deviation_sigmas: largest |Δ ln D| over its standard error.
        max_relative_error: largest relative error of D.

    Returns:
        holds; value (largest deviation of a decided state point in standard errors, None without one) and limit;
        state_points: composition, temperature_K, verdict, why, and where both values are known D_cm2_s, relative_errors
        (of the generation before and this one) and sigmas; undecided: compositions that lack a decided state point.
    """
    state_points = [
        _compare(
            (before.get(name, {}).get(kelvin), now[name].get(kelvin)),
            max_deviation_sigmas=max_deviation_sigmas,
            max_relative_error=max_relative_error,
        )
        | {"composition": name, "temperature_K": float(kelvin)}
        for name in sorted(now)
        for kelvin in sorted({*before.get(name, {}), *now[name]}, key=float)
    ]
    decided = [point for point in state_points if point["verdict"] != UNDECIDED]
    needed = [name for name in sorted(now) if name in packed] or sorted(now)
    undecided = [name for name in needed if name not in {point["composition"] for point in decided}]
    return {
        "value": max((abs(point["sigmas"]) for point in decided), default=None),
        "limit": max_deviation_sigmas,
        "holds": bool(decided) and not undecided and all(point["verdict"] == AGREES for point in decided),
        "undecided": undecided,
        "state_points": state_points,
    }


def _compare(pair: Sequence[Mapping | None], *, max_deviation_sigmas: float, max_relative_error: float) -> dict:
    for row, when in zip(pair, ("the generation before", "this generation"), strict=True):
        if row is None:
            return {"verdict": UNDECIDED, "why": f"{when} has not explored it"}
        if row["status"] != "ok":
            return {"verdict": UNDECIDED, "why": f"{when}: {row['status']}"}
    errors = [row["relative_error"] for row in pair]
    values = [row["D_cm2_s"] for row in pair]
    sigmas = math.log(values[1] / values[0]) / math.hypot(*errors)
    found = {"D_cm2_s": values, "relative_errors": errors, "sigmas": sigmas}
    if max(errors) > max_relative_error:
        why = f"D is known to within {100 * max(errors):.0f} %, not {100 * max_relative_error:g} %"
        return found | {"verdict": UNDECIDED, "why": why}
    agrees = abs(sigmas) <= max_deviation_sigmas
    return found | {"verdict": AGREES if agrees else DIFFERS, "why": None}


def format_agreement(compared: Mapping) -> str:
    """The result of `compare_diffusion` as part of a sentence."""
    points = compared["state_points"]
    counts = {word: sum(point["verdict"] == word for point in points) for word in (AGREES, DIFFERS, UNDECIDED)}
    if worst := [point for point in points if point["verdict"] == DIFFERS]:
        point = max(worst, key=lambda each: abs(each["sigmas"]))
        return (
            f"D in the last two explorations differs at {counts[DIFFERS]} of {len(points)} state points, most for "
            f"{point['composition']} at {point['temperature_K']:g} K "
            f"({abs(point['sigmas']):.2g} > {compared['limit']:g} errors)"
        )
    if not counts[AGREES]:
        return "whether D agrees in two explorations is not decided"
    text = f"D in the last two explorations agrees within {compared['limit']:g} errors at {counts[AGREES]} of "
    text += f"{len(points)} state points" + (", the others are not decided" if counts[UNDECIDED] else "")
    if compared["undecided"]:
        text += f", none of them of {', '.join(compared['undecided'])}"
    return text
