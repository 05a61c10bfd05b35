"""Catastrophic-forgetting check: equations of state of crystals by the foundation and by the fine-tuned committee."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from ase import Atoms
from ase.eos import EquationOfState
from ase.units import GPa

from saltflow.base.provenance import pinned_hash
from saltflow.labels.reference.known_crystals import build_crystal
from saltflow.potentials.mace import Committee, load_committee
from saltflow.potentials.protocol import stack

log = logging.getLogger(__name__)

VOLUME_SCALES = np.linspace(0.91, 1.09, 7)
QUANTITIES = {"volume_A3_atom": "volume", "bulk_modulus_GPa": "bulk modulus"}


def compare_with_foundation(
    after: Committee, files: Mapping, *, foundation: Mapping, check: Mapping | None
) -> dict | None:
    """Equations of state by the foundation and by a committee that was fine-tuned from it.

    Args:
        after: the committee.
        files: names → paths, with the foundation and the record that pins it (foundation_release).
        foundation: as in `foundations.checked_foundation`. Neither has dispersion of the dynamics.
        check: the section `learning.forgetting_check`; None for no check.

    Returns:
        of `compare_crystals`, or None for no check.
    """
    if check is None:
        return None
    pinned = pinned_hash(foundation, release=files.get("foundation_release") or None)
    before = load_committee([files["foundation"]], sha256=[pinned], device=after.device.type, dtype="float64")
    return compare_crystals(before, after, **check)


def compare_crystals(
    before: Committee,
    after: Committee,
    *,
    crystals: Sequence[str],
    max_volume_change: float,
    max_bulk_modulus_change: float,
) -> dict:
    """Changes of the volume and bulk modulus of crystals, at 0 K and fixed fractional coordinates.

    Args:
        before: the foundation; its first model is evaluated.
        after: the fine-tuned committee; all models are evaluated.
        crystals: names or paths, of `known_crystals.build_crystal`.
        max_volume_change, max_bulk_modulus_change: relative changes above which a crystal is flagged.

    Returns:
        crystals: one row each, with status ("ok", or why nothing is compared) and, if ok, volume_A3_atom and
        bulk_modulus_GPa: before, after (mean of the committee), std (standard deviation between its models, 0 for one)
        and change (relative). flags: a sentence for each change above its limit and each lost minimum.
    """
    rows = [_row(name, before, after) for name in crystals]
    limits = dict(zip(QUANTITIES, (max_volume_change, max_bulk_modulus_change), strict=True))
    flags = [flag for row in rows for flag in _flags(row, limits)]
    for flag in flags:
        log.warning("%s", flag)
    return {"crystals": rows, "flags": flags}


def _row(name: str, before: Committee, after: Committee) -> dict:
    atoms = build_crystal(name)
    for committee, name_of_it in ((before, "the foundation"), (after, "the potential")):
        if missing := sorted(set(atoms.symbols[~np.isin(atoms.numbers, committee.table.zs)])):
            return {"crystal": name, "status": f"{name_of_it} does not know {', '.join(missing)}"}
    known = _equations(atoms, before)[0]
    if known is None:
        return {"crystal": name, "status": "the foundation has no minimum near this volume"}
    found = _equations(atoms, after)
    if None in found:
        return {"crystal": name, "status": "the potential has lost the minimum near this volume"}
    row: dict = {"crystal": name, "status": "ok"}
    for index, quantity in enumerate(QUANTITIES):
        values = np.array([each[index] for each in found])
        row[quantity] = {
            "before": known[index],
            "after": float(values.mean()),
            "std": float(values.std(ddof=1)) if len(values) > 1 else 0.0,
            "change": float(values.mean() / known[index] - 1),
        }
    return row


def _equations(atoms: Atoms, committee: Committee) -> list[tuple[float, float] | None]:
    """Of each model: volume in Å³ per atom and bulk modulus in GPa; None without a minimum in the scan."""
    frames = []
    for scale in VOLUME_SCALES:
        frame = atoms.copy()
        frame.set_cell(atoms.cell.array * scale ** (1 / 3), scale_atoms=True)
        frames.append(frame)
    numbers, system, *arrays = stack(frames)
    where = [torch.as_tensor(array, device=committee.device) for array in arrays]
    dtype = str(committee.dtype).removeprefix("torch.")
    found = []
    for model in committee.models:
        alone = Committee([model], device=committee.device.type, dtype=dtype).on(numbers, system)
        found.append(_equation([frame.cell.volume for frame in frames], alone.evaluate(*where).energies.cpu().numpy()))
    return [each and (each[0] / len(atoms), each[1]) for each in found]


def _equation(volumes_A3: Sequence[float], energies_eV: np.ndarray) -> tuple[float, float] | None:
    """Volume in Å³ and bulk modulus in GPa by Birch and Murnaghan."""
    lowest = int(np.argmin(energies_eV))  # a NaN counts as the lowest
    if not (0 < lowest < len(energies_eV) - 1 and np.isfinite(energies_eV).all()):
        return None
    try:
        volume_A3, _, modulus = EquationOfState(volumes_A3, energies_eV, eos="birchmurnaghan").fit(warn=False)
    except (RuntimeError, ValueError):  # the fit does not converge
        return None
    return float(volume_A3), float(modulus / GPa)


def _flags(row: Mapping, limits: Mapping[str, float]) -> list[str]:
    if row["status"].startswith("the potential has lost"):
        return [f"{row['crystal']}: {row['status']}"]
    return [
        f"{row['crystal']}: the {words} changed by {100 * row[quantity]['change']:+.1f} % from the foundation's "
        f"{row[quantity]['before']:.4g}, more than {100 * limits[quantity]:g} %"
        for quantity, words in QUANTITIES.items()
        if row["status"] == "ok" and abs(row[quantity]["change"]) > limits[quantity]
    ]
