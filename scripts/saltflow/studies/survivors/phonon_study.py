"""Whether a crystal rests in a minimum: its phonons, with imaginary modes where it does not."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from ase import Atoms

from saltflow.base.errors import SaltflowError
from saltflow.base.plotting import COLOURS, figure_of
from saltflow.base.provenance import digest
from saltflow.potentials.protocol import MDPotential
from saltflow.studies.barriers.endpoints import repeats_for
from saltflow.studies.kept_numbers import kept_numbers
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation
from saltflow.studies.relaxation.relaxed_cells import relax_cells
from saltflow.studies.survivors.force_constants import force_constants

EDGE_A = 10.0  # least height of the supercell
FORCE_eV_A, STEPS = 0.002, 500
IMAGINARY_THz = -0.3  # what lies above is noise of a potential in single precision
POINTS = 120  # along the path


def study_phonons(cell: Atoms, potential: MDPotential, *, settings: Mapping, path: Path) -> dict:
    """Phonons at the wave vectors of a supercell, and bands along the path of its Bravais lattice.

    Args:
        cell: relaxed; it is relaxed further.
        potential: of the engine.
        settings: what tells one potential from another (potential, potential_sha256).
        path: of the JSON file that keeps the numbers; the figure lies beside it.

    Returns:
        lowest_THz (negative: imaginary), at (its wave vector), imaginary and modes (how many of how many), repeats, and
        the bands: THz (points, modes), along (points,), ticks and labels.

    Raises:
        SaltflowError: the crystal does not come to rest.
    """
    made_by = {name: settings[name] for name in ("potential", "potential_sha256")}
    key = digest([made_by, str(cell.symbols), *(each.round(4).tolist() for each in (cell.cell.array, cell.positions))])
    numbers = kept_numbers(path, lambda: _phonons(cell, potential), key=key)
    plot_bands(numbers, path.with_suffix(".svg"), title=f"{cell.symbols.formula.reduce()[0]}: {verdict(numbers)}")
    return numbers


def verdict(numbers: Mapping) -> str:
    """What the modes say, such as "3 of 192 modes imaginary, to 1.20i THz at (½ 0 0)"."""
    if numbers["lowest_THz"] >= IMAGINARY_THz:
        return "no imaginary mode"
    at = " ".join(f"{each:.3g}" for each in numbers["at"])
    lowest = f"{-numbers['lowest_THz']:.2f}i THz at ({at})"
    return f"{numbers['imaginary']} of {numbers['modes']} modes imaginary, to {lowest}"


def plot_bands(numbers: Mapping, path: Path, *, title: str) -> None:
    """Frequencies along a path of wave vectors; imaginary ones lie below zero.

    Args:
        numbers: of `study_phonons`.
        path: of the figure.
        title: of the figure.
    """
    along, frequencies = np.array(numbers["along"]), np.array(numbers["THz"])
    breaks = np.flatnonzero(np.diff(along) == 0) + 1  # where the path goes on elsewhere
    along, frequencies = np.insert(along, breaks, np.nan), np.insert(frequencies, breaks, np.nan, axis=0)
    with figure_of(path, title=title, size=(6.5, 3.6)) as (axis,):
        axis.plot(along, frequencies, color=COLOURS[0], linewidth=0.8)
        axis.plot(along, np.where(frequencies < IMAGINARY_THz, frequencies, np.nan), color=COLOURS[1], linewidth=1.4)
        axis.axhline(0, color="0.4", linewidth=0.8)
        for tick in numbers["ticks"]:
            axis.axvline(tick, color="0.85", linewidth=0.8, zorder=0)
        labels: dict[float, str] = {}
        for tick, label in zip(numbers["ticks"], numbers["labels"], strict=True):
            labels[tick] = f"{labels[tick]}|{label}" if tick in labels else label
        axis.set_xticks(list(labels), list(labels.values()))
        axis.set_xlim(along[0], along[-1])
        axis.set_ylabel("frequency (THz); imaginary below 0")


def _phonons(cell: Atoms, potential: MDPotential) -> dict:
    evaluation = BatchedEvaluation(potential)
    (rest,) = relax_cells([cell], evaluation, force_eV_A=FORCE_eV_A, steps=STEPS)
    if not rest.is_physical or not rest.is_converged(FORCE_eV_A):
        raise SaltflowError(f"it does not come to rest, {rest.force_eV_A:.4f} eV/Å are left")
    repeats = repeats_for(rest.atoms.cell.array, smallest_edge_A=EDGE_A)
    constants = force_constants(rest.atoms, evaluation, repeats=repeats)
    wave_vectors = constants.commensurate
    exact = constants.frequencies_THz(wave_vectors)
    path = rest.atoms.cell.bandpath(npoints=POINTS)
    along, ticks, labels = path.get_linear_kpoint_axis()
    return {
        "lowest_THz": float(exact.min()),
        "at": wave_vectors[int(exact.min(axis=1).argmin())].tolist(),
        "imaginary": int((exact < IMAGINARY_THz).sum()),
        "modes": exact.size,
        "repeats": list(repeats),
        "THz": constants.frequencies_THz(path.kpts).round(4).tolist(),
        "along": along.tolist(),
        "ticks": ticks.tolist(),
        "labels": [label.replace("G", "Γ") for label in labels],
    }
