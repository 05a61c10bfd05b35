"""Ordered supercells of a disordered crystal: of lowest electrostatic energy, or random."""

from collections.abc import Iterator
from dataclasses import dataclass

from ase import Atoms

from saltflow.base.errors import InputError
from saltflow.base.provenance import derive_seed
from saltflow.materials.ordering.annealing import Arrangement
from saltflow.materials.ordering.occupation import DisorderedSupercell
from saltflow.materials.ordering.ordering_plan import OrderingPlan

SWEEPS = 200  # exchanges tried for each site
FAST_SWEEPS = 5
CROWDED = 0.75  # × the exclusion distance: a closer pair is refused, a longer one is what relaxation mends
MOST_TRIALS = 5  # times the annealings


@dataclass(frozen=True)
class OrderedCell:
    """One arrangement.

    Attributes:
        atoms: the periodic supercell.
        energy_eV: Ewald energy of its formal charges.
        close_pairs: ions nearer than their exclusion distance, but not by a quarter.
        fingerprint: equal for arrangements that are the same by symmetry.
    """

    atoms: Atoms
    energy_eV: float
    close_pairs: int
    fingerprint: tuple[float, ...]


def order_crystal(plan: OrderingPlan, *, seed: int, lowest: bool = True) -> OrderedCell:
    """One arrangement, annealed from random occupants.

    Args:
        plan: supercell and counts.
        seed: of the random numbers; the same seed gives the same arrangement.
        lowest: of low electrostatic energy; otherwise random, with distances that ions allow.

    Raises:
        InputError: ions that exclude each other cannot be kept apart.
    """
    return next(_arrangements(plan, seeds=[seed], lowest=lowest))


def order_replicas(plan: OrderingPlan, *, replicas: int, seed: int, lowest: bool = True) -> list[OrderedCell]:
    """Different arrangements, by rising energy.

    With `lowest`, those of lowest energy among twice as many annealings and two more; where they find too few that
    differ, as many fast ones and then random arrangements follow.

    Returns:
        At most as many as wanted; fewer where annealing finds fewer that differ.
    """
    annealed = 2 * replicas + 2
    seeds = [derive_seed(seed, "ordering", number) for number in range(MOST_TRIALS * annealed)]
    found: dict[tuple[float, ...], OrderedCell] = {}
    for number, cell in enumerate(_arrangements(plan, seeds=seeds, lowest=lowest, annealed=annealed), start=1):
        found.setdefault(cell.fingerprint, cell)
        if len(found) >= replicas and (number >= annealed or not lowest):
            break
    return sorted(found.values(), key=lambda cell: (cell.close_pairs, cell.energy_eV))[:replicas]


def _arrangements(plan: OrderingPlan, *, seeds: list[int], lowest: bool, annealed: int = 1) -> Iterator[OrderedCell]:
    """One for each seed: the first ones annealed slowly, as many fast, the rest at random."""
    supercell = DisorderedSupercell(plan.crystal, matrix=plan.matrix, charges=plan.charges)
    for number, seed in enumerate(seeds):
        is_guided = lowest and number < 2 * annealed
        arrangement = Arrangement(supercell, plan.counts, electrostatic=is_guided, seed=seed)
        arrangement.anneal(sweeps=SWEEPS if lowest and number < annealed else FAST_SWEEPS)
        occupants, close_pairs = arrangement.occupants, arrangement.conflicts
        if close_pairs:
            _check_distance(plan, *supercell.closest_conflict(occupants))
        yield OrderedCell(
            supercell.atoms(occupants), supercell.energy_eV(occupants), close_pairs, supercell.fingerprint(occupants)
        )


def _check_distance(plan: OrderingPlan, one: str, other: str, distance_A: float, limit_A: float) -> None:
    if distance_A < CROWDED * limit_A:
        raise InputError(
            [
                f"'{plan.crystal.path}': at these occupancies {one} and {other} stay {distance_A:.2f} Å apart, which "
                f"ions cannot (from {CROWDED * limit_A:.2f} Å on); lower the occupancies of these sites."
            ]
        )
