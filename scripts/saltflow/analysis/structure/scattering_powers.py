"""Scattering powers of atoms: neutron scattering lengths and X-ray form factors, from dynasor."""

import warnings
from collections.abc import Sequence

import numpy as np

# Elements that dynasor refuses because it lacks the incoherent length of a rare isotope; coherent lengths in fm from
# Sears, Neutron News 3(3), 26 (1992).
NATURAL_LENGTHS_FM = {
    "K": 3.67, "Ca": 4.70, "V": -0.3824, "Fe": 9.45, "Rb": 7.09, "Sr": 7.02, "Mo": 6.715, "Sn": 6.225, "Ba": 5.07,
    "La": 8.24, "Ta": 6.91, "W": 4.86,
}  # fmt: skip


def scattering_powers(species: Sequence[str], q_per_A: np.ndarray) -> dict[str, np.ndarray]:
    """Scattering powers: 1, neutron length in fm, X-ray form factor in electrons, (shells, species) each.

    Neutrons: natural isotopes, coherent (Sears, Neutron News 3(3), 26, 1992). X-rays: neutral atoms (Waasmaier &
    Kirfel, Acta Cryst. A51, 416, 1995), hydrogen 0. nan where there is no value.

    Args:
        species: elements.
        q_per_A: lengths of the wave vectors, (shells,).
    """
    lengths_fm = np.array([_neutron_length_fm(element) for element in species])
    return {
        "number": np.ones((len(q_per_A), len(species))),
        "neutron": np.broadcast_to(lengths_fm, (len(q_per_A), len(species))),
        "x-ray": np.stack([_form_factor(element, q_per_A) for element in species], axis=1),
    }


def _neutron_length_fm(element: str) -> float:
    from dynasor.post_processing import NeutronScatteringLengths  # takes two seconds

    if element in NATURAL_LENGTHS_FM:
        return NATURAL_LENGTHS_FM[element]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas, that dynasor reads its table in an old way
        try:
            return float(np.real(NeutronScatteringLengths([element]).get_weight_coh(element)))
        except ValueError:
            return np.nan


def _form_factor(element: str, q_per_A: np.ndarray) -> np.ndarray:
    from dynasor.post_processing import XRayFormFactors

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that hydrogen counts as 0
        try:
            factors = XRayFormFactors([element])
        except ValueError:
            return np.full(len(q_per_A), np.nan)
    return np.array([factors.get_weight_coh(element, q) for q in q_per_A])
