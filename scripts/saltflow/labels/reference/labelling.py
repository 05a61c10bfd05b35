"""Label structures with energies, forces and stresses by any code.

Units are eV, eV/Å and eV/Å³ with ASE's signs. A structure that fails gets a label with status and reason, and the next
one is tried. What would fail for every structure (a missing program, an element without a potential) is an error,
raised before anything runs.
"""

import time
from collections import defaultdict
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
from ase import Atoms

from saltflow.base.errors import InputError, SaltflowError
from saltflow.campaign.settings.references import Reference
from saltflow.labels.reference.label import Backend, Label, LabelFailure, Processes, Result
from saltflow.labels.reference.program import disk_is_full
from saltflow.materials.frame_info import FrameInfo

__all__ = ["Label", "check_elements", "label_frames", "label_isolated_atoms", "within_limit"]

# Closer nuclei are an unphysical structure (H2: 0.74 Å).
OVERLAP_A = 0.4


def check_elements(reference: Reference, elements: Iterable[str]) -> None:
    """Make sure that the reference can label some elements.

    Raises:
        InputError: one sentence per element without parameters, potential or basis.
        SaltflowError: the program or its data files are missing.
    """
    problems = _element_problems(reference, sorted(set(elements)))
    if problems:
        raise InputError(list(problems.values()))


def label_frames(
    frames: Sequence[Atoms],
    reference: Reference,
    *,
    max_force_eV_A: float,
    workdir: Path,
    processes: Processes = Processes(),  # noqa: B008 - frozen
) -> Generator[Label, None, None]:
    """Label structures one after another, in the order given.

    Args:
        frames: periodic structures; messages name their composition.
        max_force_eV_A: a frame with a larger force on any atom fails ("force_limit").
        workdir: folder for the files of the code.
        processes: MPI ranks and threads of the code.

    Yields:
        One label per frame, as soon as it is computed. Closing the generator ends the code.

    Raises:
        SaltflowError: before anything runs, if the code is missing or does not support an element.
    """
    _check_frames(frames, reference)
    return _labels(frames, reference, max_force_eV_A, workdir, processes)


def label_isolated_atoms(elements: Iterable[str], reference: Reference, *, workdir: Path) -> dict[str, float]:
    """Energies in eV of isolated atoms by the reference: the E0s of a potential.

    Offsets consistent with the labels, not references for cohesive energies: a short-ranged basis leaves H 1 eV too
    high, and xTB has no spin polarisation.

    Raises:
        SaltflowError: an element is not supported, or its atom does not converge.
    """
    elements = sorted(set(elements))
    check_elements(reference, elements)
    with closing(_backend(reference, workdir, Processes())) as backend:
        return {element: _isolated_energy(backend, element) for element in elements}


def _labels(frames, reference, max_force_eV_A, workdir, processes) -> Generator[Label, None, None]:
    with closing(_backend(reference, workdir, processes)) as backend:
        for index, atoms in enumerate(frames):
            yield within_limit(_label(backend, index, atoms, workdir), max_force_eV_A=max_force_eV_A)


def within_limit(label: Label, *, max_force_eV_A: float) -> Label:
    """The label itself, or a failure ("force_limit") where the force on an atom is larger than allowed."""
    if label.status != "ok":
        return label
    largest_eV_A = np.linalg.norm(label.forces_eV_A, axis=1).max()
    if largest_eV_A <= max_force_eV_A:
        return label
    reason = f"largest force {largest_eV_A:.1f} eV/Å is above the limit of {max_force_eV_A:g} eV/Å"
    return Label(label.index, "force_limit", reason, label.seconds, label.attempts, details=label.details)


def _label(backend: Backend, index: int, atoms: Atoms, workdir: Path) -> Label:
    start = time.perf_counter()
    try:
        _check_geometry(atoms)
        result = backend.compute(atoms)
        _check_result(result)
    except LabelFailure as failure:
        full = failure.status == "crashed" and disk_is_full(workdir)
        return Label(
            index,
            "disk_full" if full else failure.status,
            failure.reason,
            time.perf_counter() - start,
            failure.attempts,
            details=failure.details,
        )
    return Label(
        index,
        "ok",
        "",
        time.perf_counter() - start,
        result.attempts,
        result.energy_eV,
        result.forces_eV_A,
        result.stress_eV_A3,
        result.details,
    )


def _check_geometry(atoms: Atoms) -> None:
    # Imports scipy, which the settings do without.
    from ase.neighborlist import neighbor_list

    if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all()):
        raise LabelFailure("nan", "a position or a cell vector is not a number", attempts=0)
    if not atoms.pbc.all() or atoms.cell.volume < 1e-3 * len(atoms):
        raise LabelFailure("crashed", "the structure is not periodic in three directions", attempts=0)
    first, second, distance_A = neighbor_list("ijd", atoms, OVERLAP_A)
    if len(distance_A):
        closest = distance_A.argmin()
        reason = (
            f"atoms {first[closest]} and {second[closest]} are {distance_A[closest]:.2f} Å apart (below {OVERLAP_A} Å)"
        )
        raise LabelFailure("overlap", reason, attempts=0)


def _check_result(result: Result) -> None:
    numbers = [[result.energy_eV], result.forces_eV_A.ravel(), result.stress_eV_A3.ravel()]
    if not np.isfinite(np.concatenate(numbers)).all():
        raise LabelFailure(
            "nan",
            "the energy, a force or the stress is not a number",
            attempts=result.attempts,
            details=result.details,
        )


def _check_frames(frames: Sequence[Atoms], reference) -> None:
    compositions = defaultdict(set)
    for atoms in frames:
        for element in set(atoms.get_chemical_symbols()):
            compositions[element].add(FrameInfo.partial(atoms).composition or atoms.get_chemical_formula())
    problems = _element_problems(reference, sorted(compositions))
    if problems:
        raise InputError([f"{', '.join(sorted(compositions[element]))}: {text}" for element, text in problems.items()])


def _isolated_energy(backend: Backend, element: str) -> float:
    try:
        return backend.isolated_atom(element)
    except LabelFailure as failure:
        raise SaltflowError(
            f"The isolated atom of {element} has no energy ({failure.reason}): "
            "raise the iteration limit of the reference."
        ) from failure


def _element_problems(reference: Reference, elements: Sequence[str]) -> dict[str, str]:
    return _adapter(reference).element_problems(reference, elements)


def _backend(reference: Reference, workdir: Path, processes: Processes) -> Backend:
    workdir.mkdir(parents=True, exist_ok=True)
    return _adapter(reference).start_backend(reference, workdir, processes)


def _adapter(reference: Reference) -> ModuleType:
    """The module of a code, imported when it is used."""
    return import_module(f"saltflow.labels.reference.{reference.code.replace('-', '_')}")
