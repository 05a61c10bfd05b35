"""Energy above the convex hull of crystals, at 0 K and by one reference."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms

from saltflow.base.errors import SaltflowError
from saltflow.campaign.settings.references import Reference
from saltflow.labels.frames import read_frames
from saltflow.materials.frame_info import FrameInfo

SMALLEST_PART = 1e-6


def energy_above_hull(
    counts: Mapping[str, float], energy_eV_atom: float, crystals: Sequence[Mapping]
) -> tuple[float, dict[str, float]]:
    """Energy in eV per atom above the cheapest mixture of crystals with the same atoms, and that mixture.

    A linear program: amounts x_i ≥ 0 of the crystals minimise Σ x_i E_i with Σ x_i n_i = n. A missing crystal makes the
    energy above the hull too small, never too large.

    Args:
        counts: element → atoms of the composition.
        crystals: each with its name, `counts` and `energy_eV_atom`.

    Returns:
        The energy, negative below all mixtures, and name → fraction of the atoms of each crystal in the mixture.

    Raises:
        SaltflowError: no mixture of the crystals has these atoms.
    """
    from scipy.optimize import linprog

    elements = sorted({*counts, *(symbol for each in crystals for symbol in each["counts"])})
    parts = np.array([[_fraction(each["counts"], symbol) for each in crystals] for symbol in elements])
    wanted = [_fraction(counts, symbol) for symbol in elements]
    found = linprog([each["energy_eV_atom"] for each in crystals], A_eq=parts, b_eq=wanted) if crystals else None
    if found is None or not found.success:
        raise SaltflowError(
            f"No mixture of {', '.join(each['name'] for each in crystals) or 'nothing'} has the atoms of "
            f"{_formula(counts)}: add crystals, for instance the elements."
        )
    mixture = {each["name"]: float(part) for each, part in zip(crystals, found.x, strict=True) if part > SMALLEST_PART}
    return energy_eV_atom - float(found.fun), mixture


def _fraction(counts: Mapping[str, float], symbol: str) -> float:
    return counts.get(symbol, 0) / sum(counts.values())


def _formula(counts: Mapping[str, float]) -> str:
    return "".join(f"{symbol}{count:g}" for symbol, count in counts.items())


def format_above_hull(frame: Atoms, crystals: Sequence[Mapping]) -> str:
    """How far a labelled frame lies above the hull of crystals: "100 meV/atom above 100% LiCl (parts of the atoms)"."""
    above_eV, mixture = energy_above_hull(frame.symbols.formula.count(), _energy_eV_atom(frame), crystals)
    shown = " + ".join(f"{part:.0%} {name}" for name, part in mixture.items())
    return f"{1000 * above_eV:.0f} meV/atom above {shown} (parts of the atoms)"


def lowest_frames(paths: Sequence[Path], reference: Reference) -> dict[str, Atoms]:
    """Reduced formula → the labelled frame of the lowest energy per atom.

    Raises:
        SaltflowError: a frame has no label of these settings.
    """
    lowest: dict[str, Atoms] = {}
    for path in paths:
        for frame in read_frames(path):
            if FrameInfo.partial(frame).reference_digest != reference.digest():
                raise SaltflowError(
                    f"{path} holds labels of other settings than this reference's; they cannot be compared."
                )
            formula = str(frame.symbols.formula.reduce()[0])
            if formula not in lowest or _energy_eV_atom(frame) < _energy_eV_atom(lowest[formula]):
                lowest[formula] = frame
    return lowest


def _energy_eV_atom(frame: Atoms) -> float:
    return FrameInfo.of(frame).reference_energy_eV / len(frame)
