"""Bulk, shear and Young's modulus, Poisson's ratio and a hardness estimate, from an elastic tensor.

Averages: Hill, Proc. Phys. Soc. A 65, 349 (1952). Universal anisotropy: Ranganathan and Ostoja-Starzewski,
Phys. Rev. Lett. 101, 055504 (2008). Hardness: Chen et al., Intermetallics 19, 1275 (2011).
"""

from dataclasses import asdict, dataclass

import numpy as np

FACES = ((0, 1, 2), (1, 2, 0), (2, 0, 1))


@dataclass(frozen=True)
class Moduli:
    """Of an isotropic solid.

    Attributes:
        bulk_GPa, shear_GPa, youngs_GPa: K, G and E = 9KG / (3K + G).
        poissons_ratio: (3K − 2G) / (6K + 2G).
        chen_hardness_GPa: Vickers hardness estimated as 2 (G³/K²)^0.585 − 3, which was fitted to hard crystals;
            None where it is negative.
    """

    bulk_GPa: float
    shear_GPa: float

    @property
    def youngs_GPa(self) -> float:
        return 9 * self.bulk_GPa * self.shear_GPa / (3 * self.bulk_GPa + self.shear_GPa)

    @property
    def poissons_ratio(self) -> float:
        return (3 * self.bulk_GPa - 2 * self.shear_GPa) / (6 * self.bulk_GPa + 2 * self.shear_GPa)

    @property
    def chen_hardness_GPa(self) -> float | None:
        estimate = 2 * (self.shear_GPa**3 / self.bulk_GPa**2) ** 0.585 - 3
        return estimate if estimate > 0 else None

    def record(self) -> dict[str, float | None]:
        """All of them, JSON-able."""
        derived = {name: getattr(self, name) for name in ("youngs_GPa", "poissons_ratio", "chen_hardness_GPa")}
        return asdict(self) | derived


def bounds(constants_GPa: np.ndarray) -> tuple[Moduli, Moduli]:
    """Voigt's upper and Reuss' lower bound of a polycrystal of grains in all orientations.

    Args:
        constants_GPa: (6, 6), positive definite.
    """
    stiffness, compliance = constants_GPa, np.linalg.inv(constants_GPa)
    along, across, shears = _sums(stiffness)
    upper = Moduli((along + 2 * across) / 9, (along - across + 3 * shears) / 15)
    along, across, shears = _sums(compliance)
    lower = Moduli(1 / (along + 2 * across), 15 / (4 * along - 4 * across + 3 * shears))
    return upper, lower


def hill(constants_GPa: np.ndarray) -> Moduli:
    """The mean of both bounds."""
    upper, lower = bounds(constants_GPa)
    return Moduli((upper.bulk_GPa + lower.bulk_GPa) / 2, (upper.shear_GPa + lower.shear_GPa) / 2)


def universal_anisotropy(constants_GPa: np.ndarray) -> float:
    """5 G_Voigt/G_Reuss + K_Voigt/K_Reuss − 6; 0 where all directions are alike."""
    upper, lower = bounds(constants_GPa)
    return 5 * upper.shear_GPa / lower.shear_GPa + upper.bulk_GPa / lower.bulk_GPa - 6


def of_directions(constants_GPa: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What each direction says of an isotropic solid: three bulk and six shear moduli in GPa."""
    c = constants_GPa
    bulk = [(c[i, i] + c[i, j] + c[i, k]) / 3 for i, j, k in FACES]
    shear = [c[3, 3], c[4, 4], c[5, 5]] + [(c[i, i] - c[i, j]) / 2 for i, j, _ in FACES]
    return np.array(bulk), np.array(shear)


def _sums(tensor: np.ndarray) -> tuple[float, float, float]:
    """Sums over the diagonal of normal components, over those between them, and over the diagonal of shears."""
    normal = tensor[:3, :3]
    along = float(np.trace(normal))
    return along, float(normal.sum() - along) / 2, float(np.trace(tensor[3:, 3:]))
