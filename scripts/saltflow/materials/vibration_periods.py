"""How fast atoms vibrate, estimated from their elements; the time step of dynamics follows from it."""

from collections.abc import Iterable, Sequence

# Highest stretching wavenumbers in cm⁻¹ where all of these elements are present (K. Nakamoto, Infrared and Raman
# Spectra of Inorganic and Coordination Compounds, 6th ed., Wiley 2009): O–H, C≡N, N–O of nitrate, C–O and B–O, then P–O
# and S–O, Si–O, P–F, and M=O of metals.
STRETCHES_PER_CM: Sequence[tuple[str, int]] = (
    ("H", 3700),
    ("C", 2200),
    ("N", 1450),
    ("B", 1450),
    ("P O", 1300),
    ("S O", 1300),
    ("Si O", 1100),
    ("F", 1100),
    ("O", 1050),
)
OTHER_STRETCH_PER_CM = 800  # Li–O, Li–Cl, Al–Cl, P–S and all others
FS_PER_PERIOD_CM = 33_356.4  # 10¹⁵ / (100 c): the period in fs is this over the wavenumber in cm⁻¹


def fastest_period_fs(symbols: Iterable[str]) -> float:
    """Estimated period of the fastest vibration of a set of elements, in fs.

    >>> round(fastest_period_fs(["Li", "O", "H"]), 1)
    9.0
    """
    present = set(symbols)
    stretches = [wavenumber for elements, wavenumber in STRETCHES_PER_CM if present.issuperset(elements.split())]
    return FS_PER_PERIOD_CM / max(stretches, default=OTHER_STRETCH_PER_CM)


def timestep_key(symbols: Iterable[str]) -> str:
    """The key of `dynamics.timestep_fs` that holds for a set of elements."""
    present = set(symbols)
    if "H" in present:
        return "with_H"
    return "with_O_or_F" if present & {"O", "F"} else "default"
