"""Two planes that share a lattice: which supercells, and how far each crystal is strained.

Supercells are those of Zur and McGill (J. Appl. Phys. 55, 378, 1984) as pymatgen finds them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from saltflow.base.errors import InputError

BEYOND = 0.25  # mismatch up to which the best is named where none is within the limit
SLACK = 1.5  # of the search; the exact strain decides


@dataclass(frozen=True)
class LatticeMatch:
    """A lattice that both planes take.

    Attributes:
        zsl: pymatgen's record of the two supercells.
        cell_A: shared lattice, a along x, (2, 2).
        mismatch: largest principal strain that would bring the upper plane onto the lower one.
        lower_strain, upper_strain: of each crystal in the shared lattice, the principal strain that is largest.
        area_A2: of the shared lattice.
    """

    zsl: object
    cell_A: np.ndarray
    mismatch: float
    lower_strain: float
    upper_strain: float
    area_A2: float

    def record(self) -> dict:
        """JSON-able."""
        return {
            "area_A2": self.area_A2,
            "mismatch": self.mismatch,
            "lower_strain": self.lower_strain,
            "upper_strain": self.upper_strain,
            "lower_supercell": supercell_of(self.zsl.substrate_vectors, self.zsl.substrate_sl_vectors),
            "upper_supercell": supercell_of(self.zsl.film_vectors, self.zsl.film_sl_vectors),
        }


def matcher(*, most_strain: float, most_area_A2: float):
    """pymatgen's search for common supercells, with tolerances that miss none within the strain."""
    from pymatgen.analysis.interfaces.zsl import ZSLGenerator

    tolerance = SLACK * most_strain
    return ZSLGenerator(
        max_area_ratio_tol=2 * tolerance,
        max_area=most_area_A2,
        max_length_tol=tolerance,
        max_angle_tol=tolerance,
        bidirectional=True,
    )


def choose_match(found: Iterable, *, share: float, most_strain: float) -> LatticeMatch | None:
    """The match of the smallest area whose mismatch is within a limit, of equal ones that with the smallest mismatch.

    Args:
        found: pymatgen's matches.
        share: fraction of the mismatch that the lower crystal takes, 0 to 1.
        most_strain: limit of the mismatch.
    """
    within = [each for each in (shared_lattice(zsl, share=share) for zsl in found) if abs(each.mismatch) <= most_strain]
    return min(within, key=lambda each: (round(each.area_A2, 2), abs(each.mismatch)), default=None)


def refuse_without_match(found: Iterable, *, share: float, most_strain: float, most_area_A2: float) -> None:
    """Name the best match where none is within the limit.

    Raises:
        InputError: always.
    """
    best = min((shared_lattice(zsl, share=share) for zsl in found), key=lambda each: abs(each.mismatch), default=None)
    found_text = (
        f"the best has {100 * best.mismatch:+.1f} % on {best.area_A2:.0f} Å²"
        if best
        else f"nor within {100 * BEYOND:.0f} %"
    )
    raise InputError(
        [
            f"No common lattice within {100 * most_strain:g} % strain and {most_area_A2:g} Å²: {found_text}; "
            "raise --strain or --area, or choose other planes."
        ]
    )


def shared_lattice(zsl, *, share: float) -> LatticeMatch:
    """The lattice between those of two supercells."""
    lower, upper = _flat(zsl.substrate_sl_vectors), _flat(zsl.film_sl_vectors)
    cell = lower + share * (upper - lower)
    return LatticeMatch(
        zsl=zsl,
        cell_A=cell,
        mismatch=_strain(upper, lower),
        lower_strain=_strain(lower, cell),
        upper_strain=_strain(upper, cell),
        area_A2=float(abs(np.linalg.det(cell))),
    )


def _flat(vectors) -> np.ndarray:
    """Two vectors in space as two in their plane, the first along x, the second above it."""
    one, other = np.asarray(vectors, dtype=float)
    length = np.linalg.norm(one)
    return np.array([[length, 0.0], [one @ other / length, np.linalg.norm(np.cross(one, other)) / length]])


def _strain(start: np.ndarray, end: np.ndarray) -> float:
    """The principal strain that is largest, without rotation."""
    stretches = np.linalg.svd(np.linalg.solve(start, end), compute_uv=False) - 1
    return float(stretches[np.argmax(np.abs(stretches))])


def supercell_of(vectors, of_supercell) -> list[list[int]]:
    """A supercell as whole multiples of the vectors of its cell, (2, 2)."""
    return np.round(np.asarray(of_supercell) @ np.linalg.pinv(np.asarray(vectors, dtype=float))).astype(int).tolist()
