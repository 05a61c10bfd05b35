"""First minima of g(r): how far the first shell of one element around another reaches."""

from collections.abc import Mapping, Sequence
from itertools import product

from saltflow.base.errors import SaltflowError


def first_minima_A(structure: Mapping) -> dict[str, float | None]:
    """ "A-B" → first minimum of g(r); None where g(r) has none.

    Args:
        structure: result of `analyse_structure` or `pair_distributions`.
    """
    return {name: pair["first_minimum_A"] for name, pair in structure["pairs"].items()}


def shell_radii_A(
    minima_A: Mapping[str, float | None], species: Sequence[str], *, longest_A: float
) -> dict[str, float | None]:
    """ "A-B" → first minimum of g(r) of every two species; None where there is none up to a distance.

    Args:
        minima_A: of `first_minima_A`.
        species: elements.
        longest_A: a first minimum farther out than this bounds no shell.

    Raises:
        SaltflowError: two species are missing.
    """
    names = [f"{first}-{second}" for first, second in product(species, repeat=2)]
    if missing := [name for name in names if name not in minima_A]:
        raise SaltflowError(
            f"No first minimum of g(r) is given for {', '.join(missing)}; take it from the structure of the same state "
            "point."
        )
    return {name: minima_A[name] if (minima_A[name] or 0.0) <= longest_A else None for name in names}
