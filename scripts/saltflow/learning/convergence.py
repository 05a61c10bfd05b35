"""Convergence criteria of a generation, and why the active learning ended."""

from collections.abc import Mapping, Sequence

from saltflow.learning.diffusion_agreement import format_agreement

FORCE_ERROR, UNCERTAIN, DIFFUSION = "force_rmse_meV_A", "uncertain_fraction", "diffusion"


def uncertain_fraction(explored: Mapping[str, Mapping]) -> float:
    """Fraction of explored frames that are not accurate; 1 where nothing was explored.

    Args:
        explored: composition → counts, of `selection.count_explored`.
    """
    frames = sum(counts["frames"] for counts in explored.values())
    return sum(counts["frames"] - counts["accurate"] for counts in explored.values()) / frames if frames else 1.0


def check_criteria(
    *,
    force_rmse_meV_A: float,
    explored: Mapping[str, Mapping],
    convergence: Mapping,
    diffusion: Mapping | None = None,
) -> dict[str, dict]:
    """Each criterion with its value, its limit and whether it holds; all must hold.

    Args:
        force_rmse_meV_A: of held-out frames.
        explored: see `uncertain_fraction`.
        convergence: the section `learning.convergence`.
        diffusion: of `diffusion_agreement.compare_diffusion`; None without that criterion.
    """
    values = {FORCE_ERROR: force_rmse_meV_A, UNCERTAIN: uncertain_fraction(explored)}
    limits = {FORCE_ERROR: convergence["force_rmse_meV_A"], UNCERTAIN: convergence["max_uncertain_fraction"]}
    found = {
        name: {"value": value, "limit": limits[name], "holds": value <= limits[name]} for name, value in values.items()
    }
    return found | ({DIFFUSION: dict(diffusion)} if diffusion is not None else {})


def ended_because(assessments: Sequence[Mapping]) -> str:
    """A sentence for the release: the criteria that were met, or those missed when the budget ended.

    Args:
        assessments: of all generations, in order.
    """
    last = assessments[-1]
    criteria_text = "; ".join(_format_criterion(name, last) for name in (FORCE_ERROR, UNCERTAIN, DIFFUSION))
    if last["converged"]:
        return f"Converged at generation {last['generation']}: {criteria_text}."
    return (
        f"The budget ended with generation {len(assessments) - 1} (learning.generations), not converged: "
        f"{criteria_text}."
    )


def _format_criterion(name: str, assessment: Mapping) -> str:
    if name == DIFFUSION:
        compared = assessment["criteria"].get(DIFFUSION)
        return format_agreement(compared) if compared else "diffusion was not compared"
    criterion = assessment["criteria"][name]
    value, limit, relation = criterion["value"], criterion["limit"], "≤" if criterion["holds"] else ">"
    if name == FORCE_ERROR:
        return f"held-out force error {value:.3g} {relation} {limit:g} meV/Å"
    if limit >= 1:
        return "the fraction of uncertain frames has no limit"
    if not assessment["explored"]:
        return "nothing was explored"
    return f"{100 * value:.3g} % {relation} {100 * limit:g} % of the explored frames uncertain"
