"""Nudged elastic bands with a climbing image, all images of all bands as one batch.

Improved tangents: Henkelman & Jónsson, J. Chem. Phys. 113, 9978 (2000). Climbing image: Henkelman, Uberuaga & Jónsson,
J. Chem. Phys. 113, 9901 (2000).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation
from saltflow.studies.relaxation.fire import Fire

SPRING_eV_A2 = 2.0
CLIMB_FROM = 5.0  # × the force limit: below it the highest image climbs


@dataclass
class Band:
    """A path between two minima.

    Attributes:
        template: elements and cell.
        positions: of all images in Å, not wrapped, ends included, shape (images + 2, atoms, 3).
        energies_eV: of all images, shape (images + 2,); those of the ends are given.
        is_converged: whether the largest perpendicular force is below the limit, with the highest image at its saddle.
        largest_force_eV_A: at the end.
        steps: taken.
    """

    template: Atoms
    positions: np.ndarray
    energies_eV: np.ndarray
    is_converged: bool = False
    largest_force_eV_A: float = float("nan")
    steps: int = 0

    def __post_init__(self):
        self._minimiser, self._climbs = Fire(), False
        # One object for each image, so that a batch knows when it is the same again.
        self._images = [self.template.copy() for _ in self.positions[1:-1]]

    @property
    def length_A(self) -> np.ndarray:
        """Length of the path up to each image, shape (images + 2,)."""
        steps = np.linalg.norm(np.diff(self.positions, axis=0), axis=(1, 2))
        return np.concatenate([[0.0], np.cumsum(steps)])


def relax_bands(bands: Sequence[Band], evaluation: BatchedEvaluation, *, force_eV_A: float, steps: int) -> None:
    """Relax bands in place until the largest force on each is below a limit.

    A band that is done, or whose numbers are no longer finite, leaves the batch.
    """
    active = list(bands)
    for step in range(steps + 1):
        images = [image for band in active for image in band._images]
        energies, forces = evaluation(images, [place for band in active for place in band.positions[1:-1]])
        left, first = [], 0
        for band in active:
            last = first + len(band._images)
            band.energies_eV[1:-1], band.steps = energies[first:last], step
            force = _band_forces(band, np.array(forces[first:last]))
            band.largest_force_eV_A = float(np.linalg.norm(force, axis=2).max())
            first = last
            if not np.isfinite(band.largest_force_eV_A) or not np.isfinite(band.energies_eV).all():
                continue
            if band.largest_force_eV_A < force_eV_A and band._climbs:
                band.is_converged = True
                continue
            if band.largest_force_eV_A < CLIMB_FROM * force_eV_A and not band._climbs:
                band._climbs, band._minimiser = True, Fire()
            band.positions[1:-1] += band._minimiser.move(force)
            left.append(band)
        active = left
        if not active:
            break


def _band_forces(band: Band, forces: np.ndarray) -> np.ndarray:
    """Forces on the images between the ends, shape (images, atoms, 3)."""
    energies, positions = band.energies_eV, band.positions
    highest = int(np.argmax(energies))
    total = np.empty_like(forces)
    for image in range(1, len(positions) - 1):
        ahead, behind = positions[image + 1] - positions[image], positions[image] - positions[image - 1]
        tangent = _tangent(ahead, behind, energies[image - 1 : image + 2])
        along = float(np.vdot(forces[image - 1], tangent))
        if band._climbs and image == highest:
            total[image - 1] = forces[image - 1] - 2 * along * tangent
        else:
            stretch = np.linalg.norm(ahead) - np.linalg.norm(behind)
            total[image - 1] = forces[image - 1] + (SPRING_eV_A2 * stretch - along) * tangent
    return total


def _tangent(ahead: np.ndarray, behind: np.ndarray, energies: np.ndarray) -> np.ndarray:
    before, here, after = energies
    if after > here > before:
        tangent = ahead
    elif after < here < before:
        tangent = behind
    else:
        most, least = max(abs(after - here), abs(before - here)), min(abs(after - here), abs(before - here))
        tangent = ahead * most + behind * least if after > before else ahead * least + behind * most
    return tangent / max(float(np.linalg.norm(tangent)), 1e-12)
