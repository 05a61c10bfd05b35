"""What a campaign names is opened before anything runs: structures, models, and the elements that methods know."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from saltflow.base.errors import InputError, SaltflowError
from saltflow.base.provenance import check_hash, check_pinned, read_json
from saltflow.campaign.campaign import Campaign
from saltflow.campaign.crystal_view import CrystalView
from saltflow.campaign.potential_view import PotentialView
from saltflow.materials.formulas import ELEMENTS
from saltflow.potentials.model_files import check_model_file, elements_of
from saltflow.potentials.universal.environment import find_python


def check_inputs(campaign: Campaign) -> list[str]:
    """Read what the swept compositions and their potentials are made from; no model is loaded and no code started.

    Returns:
        what could not be checked on this machine, in sentences.

    Raises:
        InputError: a structure cannot be used, a model file is not the pinned one or no model, or a method or a
            foundation lacks an element; a sentence for each.
    """
    unchecked: list[str] = []
    potentials = [campaign.potential(name) for name in campaign.needed_potentials]
    problems = [*_of_cells(campaign, potentials, unchecked)]
    for potential in potentials:
        problems += [*_of_crystals(potential), *_of_sets(potential), *_of_foundation(potential, unchecked)]
    problems += _of_references(campaign, potentials, unchecked)
    crystals = [campaign.crystal(name) for name in campaign.crystals]
    problems += _of_studied(crystals, unchecked, where="barriers.structures_path")
    hosts = [campaign.electrode(name) for name in campaign.electrodes]
    problems += _of_studied(hosts, unchecked, where="electrodes.structures_path")
    family = [campaign.screened.view] if campaign.screened else []
    problems += _of_studied(family, unchecked, where="screening.family_path")
    if problems:
        raise InputError(list(dict.fromkeys(problems)))
    return unchecked


def _of_cells(campaign: Campaign, potentials: list[PotentialView], unchecked: list[str]) -> Iterator[str]:
    members = (member for potential in potentials for member in potential.compositions)
    used = map(campaign.composition, dict.fromkeys((*campaign.swept, *members)))
    crystals = [composition for composition in used if composition.structure_file]
    try:
        for composition in crystals:
            from saltflow.materials.cells.crystals import check_crystal  # with pymatgen, half a second

            row = composition.row
            try:
                check_crystal(row.start, row, atoms=composition.section("cells")["atoms"])
            except InputError as error:
                yield from error.problems
    except ImportError as error:
        unchecked.append(f"Structure files were not opened: the package {error.name} is not installed here.")


def _of_crystals(potential: PotentialView) -> Iterator[str]:
    where = f"Potential {potential.name}: learning.forgetting_check.crystals"
    for name in (potential.assessment.forgetting_check or {}).get("crystals", []):
        if name in ELEMENTS or ":" in name:  # an element or a prototype, no file
            continue
        from saltflow.materials.structure_files import read_structure  # with scipy

        try:
            read_structure(name)
        except InputError as error:
            yield from (f"{where}: {problem}" for problem in error.problems)


def _of_sets(potential: PotentialView) -> Iterator[str]:
    named = [("labels.imported", each) for each in potential.imported(0)]
    if structures := potential.fine_tuning.replay_structures:
        named.append(("learning.training.replay_structures", structures))
    for key, each in named:
        try:
            check_pinned(each["path"], each["sha256"], key=key)
        except SaltflowError as error:
            yield f"Potential {potential.name}: {error}"


def _of_foundation(potential: PotentialView, unchecked: list[str]) -> Iterator[str]:
    foundation, where = potential.foundation, f"Potential {potential.name}, column foundation"
    if potential.universal:
        try:
            find_python(potential.universal)
        except SaltflowError as error:
            unchecked.append(f"{where}: {error}")
    if foundation["kind"] != "file":
        return
    path = Path(foundation["path"])
    try:
        check_model_file(path)
        check_hash(path, pinned=foundation["sha256"])
    except SaltflowError as error:
        yield f"{where}: {error}"
        return
    known = elements_of(path)
    if known is None:
        unchecked.append(f"{where}: the elements of {path} were not checked: its file does not tell them.")
    elif missing := sorted(set(potential.elements) - known):
        yield (
            f"{where}: the model {path} does not know {', '.join(missing)}; choose one that does, or take the "
            "compositions with it out of the row."
        )


def _of_studied(views: Iterable[CrystalView], unchecked: list[str], *, where: str) -> Iterator[str]:
    """Potentials of structures of a study that potentials.tsv has not; structures are not opened."""
    for potential, view in {view.row.potential: view for view in views if view.release is None}.items():
        try:
            if view.universal:
                find_python(view.universal)
            else:
                check_model_file(Path(potential))
                check_hash(potential, pinned=read_json(view.release_record)["sha256"])
        except SaltflowError as error:
            problem = f"{where}, potential {potential}: {error}"
            if view.universal:
                unchecked.append(problem)
            else:
                yield problem
        except KeyError:
            yield f"{where}, potential {potential}: {view.release_record} holds no sha256; release the model again."


def _of_references(campaign: Campaign, potentials: list[PotentialView], unchecked: list[str]) -> Iterator[str]:
    for name in dict.fromkeys(potential.row.reference for potential in potentials if potential.is_trained):
        try:
            from saltflow.labels.reference.labelling import check_elements

            check_elements(campaign.settings.references[name], campaign.reference_elements(name))
        except InputError as error:
            yield from (f"Reference {name}: {problem}." for problem in error.problems)
        except (SaltflowError, ImportError) as error:
            unchecked.append(f"The elements of {name} were not checked: {str(error).rstrip('.')}.")
