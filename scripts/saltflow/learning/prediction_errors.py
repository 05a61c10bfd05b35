"""Errors of predicted energies, forces and stresses: of all frames, by element, temperature and selection."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from ase import Atoms
from ase.units import GPa

from saltflow.learning.selection import RANDOM, UNCERTAIN
from saltflow.materials.frame_info import FrameInfo
from saltflow.statistics.jackknife import jackknife_error

MPA = GPa / 1000  # in eV/Å³: 1 eV/Å³ is 160,217.66 MPa
COMPONENTS = np.triu_indices(3)  # the six that a symmetric tensor has
SMALLEST_FORCE_EV_A = 1e-4  # smaller forces vanish by symmetry and have no slope
RELAXATION = "relaxation"
LineageForces = tuple[str, np.ndarray, np.ndarray]  # lineage; predicted and reference forces of its atoms


def state_of(frame: Atoms) -> str:
    """The state of a frame: "600 K", "relaxation", or its origin.

    Frames of a heated cell have a temperature; those of the relaxation before it are a class of their own; all others
    (displaced, imported, …) are classed by origin.
    """
    info = FrameInfo.partial(frame)
    if info.temperature_K is None:
        return info.origin or "origin not recorded"
    is_heated = info.time_ps is None or info.time_ps > 0  # the last frame before a crash has no time
    return f"{info.temperature_K:g} K" if is_heated else RELAXATION


def errors(predictions: Sequence[Mapping], *, energy_offsets_eV_atom: Mapping[str, float] | None = None) -> dict:
    """Energy, force and stress errors over a set of predictions.

    Args:
        predictions: of `predictions.predict`, at least one.
        energy_offsets_eV_atom: composition → offset of the energy errors, removed before their root mean square; the
            mean over the set by default. Compositions without one are left out.

    Returns:
        frames; lineages; force_rmse_meV_A and force_mae_meV_A over components; force_rmse_relative_error, a jackknife
        over lineages (None for one); force_slope of predicted over reference forces (below 1: softened; None where
        symmetry forbids forces); energy_rmse_meV_atom without the offset (None for a single frame) and
        energy_offset_meV_atom, the mean; stress_rmse_MPa over xx, yy, zz, yz, xz and xy (None without a reference
        stress) and stress_frames, the number of frames with one.
    """
    return {
        "frames": len(predictions),
        **_force_errors(_forces(predictions)),
        **_energy_errors(predictions, energy_offsets_eV_atom),
        **_stress_errors(predictions),
    }


def errors_by_element(predictions: Sequence[Mapping]) -> dict[str, dict]:
    """Force errors of the atoms of each element, in alphabetical order.

    Returns:
        element → atoms, and of the forces on them as in `errors`.
    """
    found = {}
    for element in sorted({symbol for each in predictions for symbol in each["symbols"]}):
        masks = [np.array(each["symbols"]) == element for each in predictions]
        forces = [
            (each["lineage"], each["forces_eV_A"][mask], each["reference_forces_eV_A"][mask])
            for each, mask in zip(predictions, masks, strict=True)
            if mask.any()
        ]
        found[element] = {"atoms": int(sum(mask.sum() for mask in masks)), **_force_errors(forces)}
    return found


def errors_by_temperature(predictions: Sequence[Mapping]) -> dict[str, dict]:
    """Errors of the frames of each state of `state_of`: rising temperatures, then the others.

    The energy offset is that of all frames of the composition, so that an energy error of hot frames alone shows.

    Returns:
        state → as `errors`.
    """
    compositions = {each["composition"] for each in predictions}
    of = {name: [each for each in predictions if each["composition"] == name] for name in compositions}
    offsets = {name: float(np.mean(_energies(members))) for name, members in of.items() if len(members) > 1}
    states = sorted({each["state"] for each in predictions}, key=_warmth)
    return {
        state: errors([each for each in predictions if each["state"] == state], energy_offsets_eV_atom=offsets)
        for state in states
    }


def errors_by_selection(predictions: Sequence[Mapping]) -> dict:
    """Errors of the committee before on new labels, by what selected them.

    Args:
        predictions: of the generation before, on frames that this generation labelled.

    Returns:
        by_selection: uncertainty, random or heldout → as in `errors`; selected_over_random: ratio of the force errors
        of frames selected by uncertainty and of the random baseline, with its relative_error (from the scatter between
        frames), None where one has fewer than two frames. Above 1, the selection finds larger errors than chance.
    """
    groups = {
        name: [each for each in predictions if each["selected_by"] == name]
        for name in sorted({each["selected_by"] for each in predictions})
    }
    selected, baseline = groups.get(UNCERTAIN, []), groups.get(RANDOM, [])
    return {
        "by_selection": {name: errors(members) for name, members in groups.items()},
        "selected_over_random": _ratio(selected, baseline) if min(len(selected), len(baseline)) > 1 else None,
    }


def force_ratio(first: Sequence[Mapping], second: Sequence[Mapping]) -> tuple[float | None, float | None]:
    """Ratio of the force RMSE of two sets of predictions of the same frames, and its standard error.

    Args:
        first, second: of `predictions.predict`, in the same order.

    Returns:
        the ratio, None where an error is zero; its standard error, a jackknife over lineages of both sets at once, None
        for one lineage.
    """
    squares = [[(pair[0] - pair[1]) ** 2 for pair in _by_lineage(_forces(each))] for each in (first, second)]
    means = [float(np.mean(np.concatenate(each))) for each in squares]
    if not all(means):
        return None, None
    ratio, logarithms = float(np.sqrt(means[0] / means[1])), [_log_rms_without_each(each) for each in squares]
    if any(each is None for each in logarithms):
        return ratio, None
    return ratio, ratio * jackknife_error(np.subtract(*logarithms))


def _ratio(first: Sequence[Mapping], second: Sequence[Mapping]) -> dict[str, float]:
    """Ratio of the force RMSE of two sets; its relative error, to first order, from the frames' mean squares."""
    squares = [
        np.array([np.mean((each["forces_eV_A"] - each["reference_forces_eV_A"]) ** 2) for each in frames])
        for frames in (first, second)
    ]
    relative = [each.std(ddof=1) / np.sqrt(len(each)) / each.mean() / 2 for each in squares]
    ratio = errors(first)["force_rmse_meV_A"] / errors(second)["force_rmse_meV_A"]
    return {"ratio": ratio, "relative_error": float(np.hypot(*relative))}


def _forces(predictions: Iterable[Mapping]) -> Iterator[LineageForces]:
    return ((each["lineage"], each["forces_eV_A"], each["reference_forces_eV_A"]) for each in predictions)


def _by_lineage(forces: Iterable[LineageForces]) -> list[np.ndarray]:
    """Predicted and reference components of each lineage, (2, components) in eV/Å, in the order of appearance."""
    lineages: dict[str, list[np.ndarray]] = {}
    for lineage, predicted, reference in forces:
        lineages.setdefault(lineage, []).append(np.stack([predicted.ravel(), reference.ravel()]))
    return [np.concatenate(members, axis=1) for members in lineages.values()]


def _force_errors(forces: Iterable[LineageForces]) -> dict:
    """Force errors; see `errors`."""
    pairs = _by_lineage(forces)
    predicted, reference = np.concatenate(pairs, axis=1)
    deviation = predicted - reference
    return {
        "lineages": len(pairs),
        "force_rmse_meV_A": 1000 * _rms(deviation),
        "force_rmse_relative_error": _relative_error([(predicted - reference) ** 2 for predicted, reference in pairs]),
        "force_mae_meV_A": float(1000 * np.mean(np.abs(deviation))),
        "force_slope": _slope(predicted, reference),
    }


def _slope(predicted: np.ndarray, reference: np.ndarray) -> float | None:
    return float(predicted @ reference / (reference @ reference)) if _rms(reference) > SMALLEST_FORCE_EV_A else None


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _relative_error(squares: Sequence[np.ndarray]) -> float | None:
    """Standard error of the logarithm of a root mean square, by a jackknife over the sets; None for one set."""
    logarithms = _log_rms_without_each(squares)
    return None if logarithms is None else jackknife_error(logarithms)


def _log_rms_without_each(squares: Sequence[np.ndarray]) -> np.ndarray | None:
    """(sets,) logarithm of the root mean square without each set in turn; None for one set, or without errors."""
    sums, counts = (np.array([function(each) for each in squares], float) for function in (np.sum, len))
    if len(squares) < 2 or not np.all(sums.sum() > sums):
        return None
    return 0.5 * np.log((sums.sum() - sums) / (counts.sum() - counts))


def _energies(predictions: Sequence[Mapping]) -> np.ndarray:
    """(frames,) predicted less reference energy in eV/atom."""
    return np.array([each["energy_eV_atom"] - each["reference_energy_eV_atom"] for each in predictions])


def _energy_errors(predictions: Sequence[Mapping], offsets_eV_atom: Mapping[str, float] | None) -> dict:
    found = _energies(predictions)
    if offsets_eV_atom is None:
        rest = found - found.mean() if len(found) > 1 else np.empty(0)
    else:
        names = [each["composition"] for each in predictions]
        rest = np.array(
            [
                energy - offsets_eV_atom[name]
                for energy, name in zip(found, names, strict=True)
                if name in offsets_eV_atom
            ]
        )
    return {
        "energy_rmse_meV_atom": 1000 * _rms(rest) if len(rest) else None,
        "energy_offset_meV_atom": float(1000 * found.mean()),
    }


def _stress_errors(predictions: Sequence[Mapping]) -> dict:
    known = [each for each in predictions if each["reference_stress_eV_A3"] is not None]
    deviations = [np.subtract(each["stress_eV_A3"], each["reference_stress_eV_A3"])[COMPONENTS] for each in known]
    return {
        "stress_rmse_MPa": _rms(deviations) / MPA if known else None,
        "stress_frames": len(known),
    }


def _warmth(state: str) -> tuple[float, bool, str]:
    """Sort key of states: rising temperatures, the relaxation, then the others by name."""
    number, _, unit = state.partition(" ")
    return (float(number) if unit == "K" else np.inf), state != RELAXATION, state
