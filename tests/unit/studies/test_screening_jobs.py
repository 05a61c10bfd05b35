"""A family dealt to jobs is judged as by one; phases without an energy are named; settings that are wrong."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from saltflow.base.errors import InputError
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.loading import load_campaign
from saltflow.studies.relaxation.relaxed_cells import RelaxedCell
from saltflow.studies.screening.built_family import PHASE, BuiltFamily, of_record
from saltflow.studies.screening.family_members import Member
from saltflow.studies.screening.family_screening import FamilyScreening
from saltflow.studies.screening.funnel import Funnel, Outcome, Study
from saltflow.studies.survivors.family_part import family_part

TINY = Path(__file__).resolve().parents[2] / "tiny"
CHARGES = {"Li": 1, "Cl": -1}
SETTINGS = {"force_eV_A": 0.03, "window_eV_atom": 0.05, "isolated_only": False, "potential": "planted"}


def built() -> BuiltFamily:
    salts = {name: bulk("LiCl", "rocksalt", a=edge) for name, edge in (("low", 5.1), ("high", 5.2))}
    members = {name: Member(name, cell, CHARGES, "") for name, cell in salts.items()}
    members["charged"] = Member("charged", None, {}, "its charges leave 1 e")
    chlorine = bulk("Cl", "fcc", a=4.0)
    phases = {"Li": bulk("Li"), "Cl": chlorine, "broken": bulk("Li", "fcc", a=4.3), "restless": chlorine}
    return BuiltFamily(members, phases, "Li", ())


def rested(family: BuiltFamily) -> dict[str, RelaxedCell]:
    """Planted energies per atom; one phase has none, one did not come to rest."""
    energies = {"low": -2.0, "high": -1.98, "Li": -0.5, "Cl": -0.7, "broken": np.nan, "restless": -9.0}
    found = {}
    for name, cell in family.cells.items():
        own = name.removeprefix(PHASE)
        force = 1.0 if own == "restless" else np.nan if own == "broken" else 0.01
        found[name] = RelaxedCell(cell, len(cell) * energies[own], 0.0, force, 0.0, 3)
    return found


def test_a_phase_without_an_energy_is_named_and_not_part_of_the_hull():
    family = built()
    screening = FamilyScreening(family, rested(family), seconds=2.0, settings=SETTINGS)
    funnel = screening.judge()
    record = screening.record(funnel)
    assert record["phases_left_out"] == {
        "broken": "not relaxed: it becomes unphysical",
        "restless": "not relaxed: 1.000 eV/Å and 0.00 GPa are left",
    }
    assert funnel.left == ["low", "high"]
    assert float(funnel.rows["low"]["formation_eV_atom"]) == pytest.approx(-2.0 + 0.6)
    assert float(funnel.rows["high"]["above_hull_eV_atom"]) == pytest.approx(0.02)
    assert record["stages"][1]["seconds"] >= 2.0


def test_a_family_and_a_funnel_survive_their_records():
    family = built()
    again = of_record(family.record())
    assert {name: each.problem for name, each in again.members.items()}["charged"] == "its charges leave 1 e"
    assert all(np.allclose(cell.positions, again.cells[name].positions) for name, cell in family.cells.items())
    screening = FamilyScreening(family, rested(family), seconds=0.0, settings=SETTINGS)
    funnel = screening.judge()
    record = screening.record(funnel)
    copied = Funnel.of_record(record["members"], record["stages"])
    assert (copied.text(), copied.record()) == (funnel.text(), funnel.record())
    study = Study("barriers", "low", (), lambda name, cell: Outcome({}, "too high" if name == "high" else "", 1.0))
    copied.pass_study(study, screening.cells)
    assert (copied.left, funnel.left) == (["low"], ["low", "high"])
    part = family_part(copied, record | {"evaluated_by": "planted"}, Path("absent"))
    assert part["title"] == "Screened family: 1 of 3 crystals pass"
    assert part["blocks"][0]["rows"][-1][:4] == ["barriers", "low", 2, 1]
    assert [row[-1] for row in part["blocks"][1]["rows"]] == [
        "below the hull",
        "too high",
        "not built: its charges leave 1 e",
    ]


def settings(tmp_path: Path, text: str | None, **changes) -> dict:
    configuration = copy.deepcopy(read_configuration([TINY / "config.yaml"]))
    family = tmp_path / "family.yaml"
    if text is not None:
        family.write_text(f"prototypes: {TINY / 'LiCl.cif'}\nmobile: Li\n{text}\n")
    configuration["screening"] |= {"family_path": str(family), "potential": "chgnet-pbe"} | changes
    return configuration


@pytest.mark.parametrize(
    ("text", "changes", "sentence"),
    [
        (None, {}, "screening.family_path: there is no file"),
        ("", {"potential": None}, "screening.potential: no potential is named; name a released model file, or take"),
        ("", {"potential": "absent"}, "screening.potential: 'absent' is no potential"),
        ("funnel: {window: 1}", {}, "funnel.window: it is unknown; the keys are window_eV_atom"),
        ("funnel: {phonons: 1}", {}, "funnel.phonons: it has to be true or false, not 1"),
        ("funnel: {temperatures_K: [600]}", {}, "funnel.temperatures_K: it has to list 3 temperatures or more"),
        ("funnel: {barrier_eV: -1}", {}, "funnel.barrier_eV: it has to be a number from 0 to 10, not -1"),
    ],
)
def test_a_family_of_a_sweep_that_is_wrong_is_one_sentence(tmp_path, text, changes, sentence):
    with pytest.raises(InputError) as error:
        load_campaign(settings(tmp_path, text, **changes))
    assert sentence in str(error.value)


def test_thousands_of_members_are_few_jobs(tmp_path):
    elements = "[Mg, Ca, Sr, Ba, Zn, Cd, Al, Ga, In, Y]"
    campaign = load_campaign(settings(tmp_path, f"substitutions: {{Cl: [F, Cl, Br, I], Li: {elements}}}\n"
                                      "funnel: {phonons: true}"))  # fmt: skip
    screened = campaign.screened
    assert (screened.family.most_members, screened.relaxations, screened.studies) == (40, 1, 8)
    many = replace(screened, family=replace(screened.family, prototypes=screened.family.prototypes * 100))
    assert (many.family.most_members, many.relaxations) == (4000, 20)
    assert campaign.screening_study["window_eV_atom"] == 0.05
