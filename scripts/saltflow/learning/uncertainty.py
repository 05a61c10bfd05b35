"""Calibrated force uncertainty: committee disagreement times a factor that is fitted to held-out errors.

Each component of an atom's force error is taken as normal with standard deviation a·s/√3. s is the committee
disagreement of that atom (norm of the standard deviation of its force vector), a the factor. The maximum-likelihood
factor is the root mean square of z = error/(s/√3), the z-score before calibration. a·s is the expected norm of the
force error in eV/Å. A factor is tested on lineages to which it was not fitted, by leaving out each in turn.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from saltflow.statistics.jackknife import jackknife_error

FEWEST_LINEAGES = 3  # fewer give no reliable factor: frames of one cell are correlated
SMALLEST_FORCE_STD_EV_A = 1e-4  # smaller ones are zero by symmetry, or below the precision of labels
Z_STD_RANGE = (0.85, 1.15)
RELIABILITY_BINS = 8
FEWEST_ATOMS_OF_BIN = 20


@dataclass(frozen=True)
class Lineage:
    """The held-out atoms of one lineage.

    force_std: (atoms,) eV/Å. errors: (atoms, 3) eV/Å, predicted less reference. excluded: atoms without disagreement.
    """

    name: str
    composition: str
    force_std: np.ndarray
    errors: np.ndarray
    excluded: int

    @property
    def z(self) -> np.ndarray:
        """(atoms, 3) z-scores before calibration."""
        return self.errors / (self.force_std[:, None] / np.sqrt(3))


def calibrate(predictions: Sequence[Mapping]) -> dict:
    """The factor of every composition and of all together, each tested on other lineages.

    A composition with too few held-out lineages takes the factor of all and has a flag.

    Args:
        predictions: of `predictions.predict`, on held-out frames.

    Returns:
        pooled and, under `compositions`, one entry each: factor (None without disagreement), its relative_error
        (jackknife over lineages), basis (composition, pooled or none), lineages, atoms, atoms_without_disagreement,
        z_std_before and z_std_after (root mean square about zero; after: on lineages left out, None for one lineage)
        and flags. pooled also has z_std_loco, on compositions left out. reliability: rows of atoms, predicted_meV_A and
        observed_meV_A (root mean squares of the norm of the force error); coverage: fractions of components within one
        and two standard deviations (0.683 and 0.954 if normal); both on lineages left out.
    """
    lineages = _lineages(predictions)
    names = sorted({each.composition for each in lineages})
    bases = {name: _basis([each for each in lineages if each.composition == name], lineages) for name in names}
    pooled = _entry(lineages, lineages, basis="pooled")
    pooled["z_std_loco"] = _tested(lineages, _factors_without_composition(lineages))
    entries = {}
    for name, (basis, fitted_to) in bases.items():
        entries[name] = _entry([each for each in lineages if each.composition == name], fitted_to, basis=basis)
    sigmas, errors = _leave_lineages_out(lineages, bases)
    return {
        "pooled": pooled,
        "compositions": entries,
        "reliability": _reliability(sigmas, errors),
        "coverage": _coverage(sigmas, errors),
    }


def factor_for(calibration: Mapping, composition: str) -> float:
    """The factor on the committee disagreement for a composition; 1 where none could be fitted.

    A composition that the committee does not know takes the largest factor of the others: an unnecessary label costs
    less than an underestimated error.
    """
    known = {name: entry["factor"] for name, entry in calibration["compositions"].items() if entry["factor"]}
    largest = max(known.values(), default=None)
    factor = known.get(composition) if composition in calibration["compositions"] else largest
    return factor or calibration["pooled"]["factor"] or 1.0


def z_std_by(calibration: Mapping, predictions: Sequence[Mapping]) -> float | None:
    """Root mean square of calibrated z-scores on other frames than those of the calibration; near 1 where it holds."""
    lineages = _lineages(predictions)
    return _tested(lineages, {each.name: factor_for(calibration, each.composition) for each in lineages})


def flagged(calibration: Mapping) -> list[str]:
    """Every flag of a calibration, with its composition."""
    entries = {"all compositions": calibration["pooled"], **calibration["compositions"]}
    return [f"{name}: {flag}" for name, entry in entries.items() for flag in entry["flags"]]


def _lineages(predictions: Sequence[Mapping]) -> list[Lineage]:
    frames: dict[tuple[str, str], list[Mapping]] = {}
    for prediction in predictions:
        frames.setdefault((prediction["lineage"], prediction["composition"]), []).append(prediction)
    return [_lineage(*name, members) for name, members in sorted(frames.items())]


def _lineage(name: str, composition: str, frames: Sequence[Mapping]) -> Lineage:
    force_std = np.concatenate([each["force_std_eV_A"] for each in frames])
    errors = np.concatenate([each["forces_eV_A"] - each["reference_forces_eV_A"] for each in frames])
    known = force_std > SMALLEST_FORCE_STD_EV_A
    return Lineage(name, composition, force_std[known], errors[known], int((~known).sum()))


def _basis(own: Sequence[Lineage], every: Sequence[Lineage]) -> tuple[str, Sequence[Lineage]]:
    """The lineages for the factor of a composition: its own where they are enough, else all."""
    enough = sum(len(each.force_std) > 0 for each in own) >= FEWEST_LINEAGES
    return ("composition", own) if enough else ("pooled", every)


def _entry(own: Sequence[Lineage], fitted_to: Sequence[Lineage], *, basis: str) -> dict:
    factor, without = _factor(fitted_to), _factors_without(fitted_to)
    before, after = _tested(own, dict.fromkeys((each.name for each in own), 1.0)), _tested(own, without)
    entry = {
        "factor": factor,
        "relative_error": _jackknife(without.values()),
        "basis": basis if factor else "none",
        "lineages": len(own),
        "atoms": sum(len(each.force_std) for each in own),
        "atoms_without_disagreement": sum(each.excluded for each in own),
        "z_std_before": before,
        "z_std_after": after,
    }
    return entry | {"flags": _flags(entry, fitted_to=sum(len(each.force_std) > 0 for each in fitted_to))}


def _factor(lineages: Iterable[Lineage]) -> float | None:
    """Root mean square of the z-scores; None without any."""
    squares = [each.z.ravel() ** 2 for each in lineages]
    squares = np.concatenate([np.empty(0), *squares])
    return float(np.sqrt(squares.mean())) if len(squares) and squares.any() else None


def _factors_without(lineages: Sequence[Lineage]) -> dict[str, float | None]:
    """Lineage → the factor of all the others."""
    return {each.name: _factor(other for other in lineages if other.name != each.name) for each in lineages}


def _factors_without_composition(lineages: Sequence[Lineage]) -> dict[str, float | None]:
    """Lineage → the largest factor of the other compositions, as `factor_for` takes for a new one."""
    names = {each.composition for each in lineages}
    factors = {name: _factor(each for each in lineages if each.composition == name) for name in names}
    largest = {
        name: max((factor for other, factor in factors.items() if other != name and factor), default=None)
        for name in names
    }
    return {each.name: largest[each.composition] for each in lineages}


def _tested(lineages: Sequence[Lineage], factors: Mapping[str, float | None]) -> float | None:
    """Root mean square of the z-scores over the factor of their lineage; None where one has no factor."""
    if any(factors[each.name] is None for each in lineages):
        return None
    squares = [(each.z.ravel() / factors[each.name]) ** 2 for each in lineages]
    squares = np.concatenate([np.empty(0), *squares])
    return float(np.sqrt(squares.mean())) if len(squares) else None


def _jackknife(factors: Iterable[float | None]) -> float | None:
    """Jackknife error of the logarithm of a factor."""
    logarithms = np.log([factor for factor in factors if factor])
    return jackknife_error(logarithms) if len(logarithms) > 1 else None


def _flags(entry: Mapping, *, fitted_to: int) -> list[str]:
    if entry["factor"] is None:
        return ["the committee has no disagreement or no error, so its uncertainty is not calibrated"]
    flags = []
    if fitted_to < FEWEST_LINEAGES:
        flags.append(
            f"the factor is from {fitted_to} held-out lineages, {FEWEST_LINEAGES} are needed; "
            "raise learning.initial_structures.heldout_cells"
        )
    elif entry["basis"] == "pooled" and entry["lineages"] < FEWEST_LINEAGES:
        flags.append(f"it has {entry['lineages']} held-out lineages and takes the factor of all compositions")
    after = entry["z_std_after"]
    if after is None:
        flags.append("the factor was not tested on other lineages")
    elif not Z_STD_RANGE[0] <= after <= Z_STD_RANGE[1]:
        low, high = Z_STD_RANGE
        flags.append(f"z-scores of other lineages have a standard deviation of {after:.2f}, outside {low} to {high}")
    return flags


def _leave_lineages_out(lineages: Sequence[Lineage], bases: Mapping[str, tuple]) -> tuple[np.ndarray, np.ndarray]:
    """(atoms,) uncertainty in eV/Å by the factor without the atom's lineage, and (atoms, 3) errors."""
    without = {name: _factors_without(fitted_to) for name, (_, fitted_to) in bases.items()}
    tested = [each for each in lineages if without[each.composition][each.name]]
    sigmas = [without[each.composition][each.name] * each.force_std for each in tested]
    return np.concatenate([np.empty(0), *sigmas]), np.concatenate([np.empty((0, 3)), *(each.errors for each in tested)])


def _reliability(sigmas: np.ndarray, errors: np.ndarray) -> list[dict]:
    """Bins with equal numbers of atoms, by uncertainty."""
    bins = min(RELIABILITY_BINS, len(sigmas) // FEWEST_ATOMS_OF_BIN)
    rows = []
    for members in np.array_split(np.argsort(sigmas), bins) if bins else []:
        predicted, observed = sigmas[members] ** 2, (errors[members] ** 2).sum(-1)
        rows.append(
            {
                "atoms": len(members),
                "predicted_meV_A": float(1000 * np.sqrt(predicted.mean())),
                "observed_meV_A": float(1000 * np.sqrt(observed.mean())),
            }
        )
    return rows


def _coverage(sigmas: np.ndarray, errors: np.ndarray) -> dict[str, float | None]:
    scores = np.abs(errors / (sigmas[:, None] / np.sqrt(3)))
    return {
        f"within_{count}_sigma": float((scores <= number).mean()) if scores.size else None
        for count, number in (("one", 1), ("two", 2))
    }
