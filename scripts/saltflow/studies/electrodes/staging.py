"""Stages and stacking of layered hosts such as graphite: in which galleries the ions are, and how layers lie.

Stages: order parameter as of Dresselhaus and Dresselhaus, Adv. Phys. 30, 139 (1981): in stage n every n-th gallery is
filled. Registry: the shift between neighbouring layers, by the phases of their first reciprocal vectors.
"""

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from saltflow.base.errors import SaltflowError

LAYER_GAP_A = 1.5  # along the normal; atoms of a layer are closer
HIGHEST_STAGE = 4
ORDERED = 0.9
STACKED_AA, STACKED_AB = 0.75, -0.3  # registries beyond which a layer lies as AA or AB on the next
HEXAGON = 6  # first reciprocal vectors of a layer


def layered_measures(atoms: Atoms, ion: str, layer_of: str) -> dict:
    """Stage and stacking of one structure, JSON-able.

    Args:
        atoms: layers across c.
        ion: element between them.
        layer_of: element of the layers.

    Returns:
        stage_order (of `stage_order`), stage (the highest whose order is above 0.9; None without ions),
        ions_of_galleries, registry (of each layer on the next), stacking (AA, AB, or sliding between both), spacings_A.
    """
    layers = find_layers(atoms, layer_of)
    ions = ions_of_galleries(atoms, ion, layers)
    order = stage_order(ions)
    return {
        "stage_order": {str(stage): value for stage, value in order.items()},
        "stage": max(stage for stage, value in order.items() if value > ORDERED) if ions.any() else None,
        "ions_of_galleries": ions.tolist(),
        "registry": (lie := registry(atoms, layers)).tolist(),
        "stacking": [_stacking(each) for each in lie],
        "spacings_A": layers.spacings_A.tolist(),
    }


@dataclass(frozen=True)
class Layers:
    """Layers of one structure, stacked along c.

    Attributes:
        members: indices of the atoms of each layer, from the lowest up.
        heights_A: of each layer along the normal of a and b, ascending.
        period_A: height of the cell along it.
    """

    members: list[np.ndarray]
    heights_A: np.ndarray
    period_A: float

    @property
    def spacings_A(self) -> np.ndarray:
        """From each layer to the next, the last across the cell, shape (layers,)."""
        return np.diff(self.heights_A, append=self.heights_A[0] + self.period_A)


def find_layers(atoms: Atoms, layer_of: str) -> Layers:
    """Layers of an element, divided by gaps along the normal of a and b.

    Args:
        atoms: any cell whose c crosses the layers.
        layer_of: element.

    Raises:
        SaltflowError: the element makes no layers across c.
    """
    heights, period_A = _heights_A(atoms)
    own = np.flatnonzero([symbol == layer_of for symbol in atoms.symbols])
    order = own[np.argsort(heights[own])]
    gaps = np.diff(heights[order], append=heights[order[0]] + period_A) if len(own) else np.array([])
    ends = np.flatnonzero(gaps > LAYER_GAP_A)
    if not len(ends):
        raise SaltflowError(f"{layer_of} makes no layers across c; give a cell whose c crosses them.")
    rolled = np.roll(order, -(ends[-1] + 1))
    cuts = np.cumsum(np.diff(ends, prepend=ends[-1] - len(order)))[:-1]
    members = np.split(rolled, cuts)
    means = np.array([_mean_height(heights[each], period_A) for each in members])
    ascending = np.argsort(means)
    return Layers([members[index] for index in ascending], means[ascending], period_A)


def ions_of_galleries(atoms: Atoms, ion: str, layers: Layers) -> np.ndarray:
    """Ions between each layer and the next, shape (galleries,)."""
    heights, period_A = _heights_A(atoms)
    own = heights[[symbol == ion for symbol in atoms.symbols]]
    above = (own - layers.heights_A[0]) % period_A
    gallery = np.searchsorted(layers.heights_A - layers.heights_A[0], above, side="right") - 1
    return np.bincount(gallery, minlength=len(layers.members))


def stage_order(ions: np.ndarray) -> dict[int, float]:
    """Stage n → |Σ_g ρ_g exp(2πi g/n)| / Σ_g ρ_g over the galleries g, from 1 on; 1 where that stage is perfect.

    A stage is given where its period fits into the cell. Stage 1 is 1 for any ions, and a perfect stage 4 is also seen
    by 2, whose period it contains: the highest stage that is ordered counts.

    Args:
        ions: of each gallery, shape (galleries,).
    """
    galleries = np.arange(len(ions))
    total = max(float(np.sum(ions)), 1e-12)
    stages = [stage for stage in range(1, HIGHEST_STAGE + 1) if len(ions) % stage == 0]
    return {stage: float(abs(np.sum(ions * np.exp(2j * np.pi * galleries / stage)))) / total for stage in stages}


def registry(atoms: Atoms, layers: Layers) -> np.ndarray:
    """How each layer lies on the next: 1 for AA, −1/2 for AB, between them while they slide, shape (layers,).

    The mean of cos(G · d) over the six first reciprocal vectors G of a hexagonal layer, d the shift between layers.
    """
    waves = _hexagon(atoms, layers.members[0])
    normal = np.cross(*atoms.cell.array[:2])
    across = atoms.cell.array[2] @ normal
    factors = []
    for members, height_A in zip(layers.members, layers.heights_A, strict=True):
        # The images of the atoms that lie at the height of their layer.
        raised = atoms.positions[members] @ normal / across - height_A / layers.period_A
        places = atoms.positions[members] - np.round(raised)[:, None] * atoms.cell.array[2]
        factors.append(np.exp(1j * places @ waves.T).sum(axis=0))
    factors = np.array(factors)
    after = np.roll(factors, -1, axis=0)
    # The last layer lies under the first one of the next cell.
    after[-1] = factors[0] * np.exp(1j * waves @ atoms.cell.array[2])
    return np.cos(np.angle(after / factors)).mean(axis=1)


def _stacking(order: float) -> str:
    if order > STACKED_AA:
        return "AA"
    return "AB" if order < STACKED_AB else "sliding"


def _hexagon(atoms: Atoms, members: np.ndarray) -> np.ndarray:
    """The six first reciprocal vectors of a hexagonal layer of two atoms per cell, shape (6, 3), 1/Å."""
    a, b = atoms.cell.array[:2]
    area = np.linalg.norm(np.cross(a, b))
    length = 4 * np.pi / np.sqrt(3) / np.sqrt(4 * area / np.sqrt(3) / len(members))
    reciprocal = 2 * np.pi * np.linalg.pinv(np.array([a, b])).T
    most = int(np.ceil(1.3 * length * max(np.linalg.norm(a), np.linalg.norm(b)) / (2 * np.pi)))
    grid = np.stack(np.meshgrid(*[np.arange(-most, most + 1)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    waves = grid @ reciprocal
    waves = waves[np.abs(np.linalg.norm(waves, axis=1) / length - 1) < 0.2]
    strength = abs(np.exp(1j * atoms.positions[members] @ waves.T).sum(axis=0))
    return waves[np.argsort(-strength, kind="stable")[:HEXAGON]]


def _heights_A(atoms: Atoms) -> tuple[np.ndarray, float]:
    a, b, c = atoms.cell.array
    normal = np.cross(a, b) / np.linalg.norm(np.cross(a, b))
    period_A = abs(float(c @ normal))
    return (atoms.positions @ normal * np.sign(c @ normal)) % period_A, period_A


def _mean_height(heights: np.ndarray, period_A: float) -> float:
    """Of a layer that the face of the cell may cut."""
    offsets = (heights - heights[0] + period_A / 2) % period_A - period_A / 2
    return float((heights[0] + offsets.mean()) % period_A)
