"""Whether a generation is good enough by the numbers of the settings, and in words what ended the learning."""

from collections.abc import Mapping, Sequence

from saltflow.learning.diffusion_agreement import in_words

FORCE_ERROR, UNCERTAIN, DIFFUSION = "force_rmse_meV_A", "uncertain_fraction", "diffusion"


def uncertain_fraction(explored: Mapping[str, Mapping]) -> float:
    """Part of the explored frames that are not accurate; 1 where nothing was explored, for then nothing is known.

    Args:
        explored: composition → frames and accurate, as `selection.count_explored` has them.
    """
    frames = sum(counts["frames"] for counts in explored.values())
    return sum(counts["frames"] - counts["accurate"] for counts in explored.values()) / frames if frames else 1.0


def criteria(
    *,
    force_rmse_meV_A: float,
    explored: Mapping[str, Mapping],
    convergence: Mapping,
    diffusion: Mapping | None = None,
) -> dict[str, dict]:
    """Each criterion with its value, its limit and whether it holds; all must hold.

    Args:
        force_rmse_meV_A: of held-out frames.
        explored: by the committee of the generation before; see `uncertain_fraction`.
        convergence: the section `learning.convergence`.
        diffusion: of `agreement.compare_diffusion`; None where it is not asked for.
    """
    values = {FORCE_ERROR: force_rmse_meV_A, UNCERTAIN: uncertain_fraction(explored)}
    limits = {FORCE_ERROR: convergence["force_rmse_meV_A"], UNCERTAIN: convergence["max_uncertain_fraction"]}
    judged = {
        name: {"value": value, "limit": limits[name], "holds": value <= limits[name]} for name, value in values.items()
    }
    return judged | ({DIFFUSION: dict(diffusion)} if diffusion is not None else {})


def ended_because(assessments: Sequence[Mapping]) -> str:
    """One sentence for the release: which criteria ended the learning, or that the budget did and what was missed.

    Args:
        assessments: of all generations, in order.
    """
    last = assessments[-1]
    said = "; ".join(_said(name, last) for name in (FORCE_ERROR, UNCERTAIN, DIFFUSION))
    if last["converged"]:
        return f"Converged at generation {last['generation']}: {said}."
    return f"The budget ended with generation {len(assessments) - 1} (learning.generations), not converged: {said}."


def _said(name: str, assessment: Mapping) -> str:
    if name == DIFFUSION:
        compared = assessment["criteria"].get(DIFFUSION)
        return in_words(compared) if compared else "diffusion was not asked about"
    criterion = assessment["criteria"][name]
    value, limit, relation = criterion["value"], criterion["limit"], "≤" if criterion["holds"] else ">"
    if name == FORCE_ERROR:
        return f"held-out force error {value:.3g} {relation} {limit:g} meV/Å"
    if limit >= 1:
        return "the part of explored frames that are uncertain was not asked about"
    if not assessment["explored"]:
        return "nothing was explored, so the part of frames that are uncertain is unknown"
    return f"{100 * value:.3g} % {relation} {100 * limit:g} % of the explored frames uncertain"
