"""The jobs that a screened family is dealt to: what each takes and what it leaves, JSON-able."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from ase import Atoms

from saltflow.potentials.protocol import MDPotential
from saltflow.studies.kept_numbers import numbers_of, structure_of
from saltflow.studies.relaxation.relaxed_crystals import numbers_of_relaxed, relaxed_of
from saltflow.studies.screening.built_family import BuiltFamily, relax_family
from saltflow.studies.screening.family_screening import FamilyScreening
from saltflow.studies.screening.funnel import Funnel, Outcome
from saltflow.studies.survivors.stages import runnable, studies_of


def relaxed_part(
    built: BuiltFamily, potential: MDPotential, *, part: int, parts: int, settings: Mapping, folder: Path
) -> dict:
    """Relax every parts-th crystal of a family, from the part-th on.

    Args:
        built: of the family.
        potential: of the engine.
        part, parts: which of how many jobs.
        settings: of `relax_family`.
        folder: where it keeps each crystal.
    """
    began = time.perf_counter()
    cells = dict(list(built.cells.items())[part::parts])
    found = relax_family(cells, potential, settings=settings, folder=folder)
    crystals = {name: numbers_of_relaxed(cell) for name, cell in found.items()}
    return {"crystals": crystals, "seconds": time.perf_counter() - began}


def judged(built: BuiltFamily, parts: Sequence[Mapping], *, settings: Mapping) -> tuple[FamilyScreening, Funnel]:
    """The family up to its anions.

    Args:
        built: of the family.
        parts: of `relaxed_part`.
        settings: of `FamilyScreening` and of `studies_of`.
    """
    cells = built.cells
    relaxed = {name: relaxed_of(cells[name], numbers) for part in parts for name, numbers in part["crystals"].items()}
    seconds = sum(part["seconds"] for part in parts)
    screening = FamilyScreening(built, {name: relaxed[name] for name in cells}, seconds=seconds, settings=settings)
    return screening, screening.judge(studies_of(settings))


def survivors_of(record: Mapping) -> dict[str, Atoms]:
    """Name → relaxed cell of the crystals that a judged family leaves."""
    return {name: structure_of(cell) for name, cell in record["cells"].items()}


def cells_of(screening: FamilyScreening, names: Iterable[str]) -> dict[str, dict]:
    """Relaxed cells, JSON-able."""
    return {name: numbers_of(screening.cells[name]) for name in names}


def studied_part(
    record: Mapping, potential: MDPotential, *, part: int, parts: int, mobile: str, settings: Mapping, folder: Path
) -> dict[str, dict]:
    """Pass every parts-th survivor, from the part-th on, through the stages after the hull.

    Args:
        record: of the judged family.
        potential: of the engine.
        part, parts: which of how many jobs.
        mobile: element.
        settings: of `runnable`.
        folder: where numbers are kept.

    Returns:
        crystal → stage → `Outcome`, up to the one that excludes it.
    """
    studies = runnable(potential, mobile=mobile, settings=settings, folder=folder)
    found: dict[str, dict] = {}
    for name, cell in list(survivors_of(record).items())[part::parts]:
        found[name] = {}
        for study in studies:
            outcome = study.run(name, cell)
            found[name][study.name] = asdict(outcome)
            if outcome.reason:
                break
    return found


def ranked(record: Mapping, parts: Sequence[Mapping], *, settings: Mapping) -> Funnel:
    """The funnel of a judged family with all stages passed.

    Args:
        record: of the judged family: members and stages.
        parts: of `studied_part`.
        settings: of `studies_of`.
    """
    funnel = Funnel.of_record(record["members"], record["stages"])
    found = {name: stages for part in parts for name, stages in part.items()}
    cells = survivors_of(record)
    for study in studies_of(settings):

        def read(name: str, _: Atoms, stage: str = study.name) -> Outcome:
            return Outcome(**found[name][stage])

        funnel.pass_study(replace(study, run=read), cells)
    return funnel
