"""What the section `barriers` of the settings does to the study of a crystal."""

import copy
from pathlib import Path

import pytest
from ase.build import bulk
from barrier_models import BARRIERS_eV, SaltOfBonds, Washboard, crystal

from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.loading import load_campaign
from saltflow.studies.barriers.crystal_study import study_file
from saltflow.studies.given_potential import load_given

QUICK = {"temperatures_K": [500.0], "jumps": 500, "images": 1, "end_force_eV_A": 0.01, "band_force_eV_A": 0.01}


def study_settings(changes: dict) -> dict:
    """Those that a job gets, with the shipped settings changed."""
    configuration = copy.deepcopy(read_configuration([]))
    assert changes.keys() <= configuration["barriers"].keys()
    configuration["barriers"] |= changes
    return load_campaign(configuration).barrier_study


def record(atoms, model, folder: Path, **changes) -> dict:
    """The study of a crystal by a job of a sweep."""
    atoms.write(folder / "crystal.vasp")
    return study_file(
        str(folder / "crystal.vasp"), model, mobile="Li", settings=study_settings(QUICK | changes), folder=folder
    )


def test_the_cheapest_hops_get_paths_and_vibrations_give_their_rates(tmp_path):
    found = record(crystal(), Washboard(), tmp_path, r_max_A=6.0, cheapest=1, prefactor_radius_A=1.0)
    assert found["status"] == "ok"
    computed = [hop for hop in found["hops"] if not hop["status"].startswith("not computed")]
    assert 0 < len(computed) < len(found["hops"])
    assert all("vibrations" in hop for hop in computed)
    assert found["attempt_frequencies"] == "vibrations"
    assert found["percolation"]["3D"]["barrier_eV"] == pytest.approx(max(BARRIERS_eV), abs=1e-3)


def test_without_them_all_hops_have_paths_and_the_usual_rate(tmp_path):
    found = record(crystal(), Washboard(), tmp_path, r_max_A=5.0)
    assert {hop["status"] for hop in found["hops"]} == {"ok"}
    assert found["attempt_frequencies"] == "1e13 per s"


def test_an_ion_is_knocked_off(tmp_path):
    salt = bulk("LiCl", "rocksalt", a=SaltOfBonds.edge_A)
    found = record(salt, SaltOfBonds(), tmp_path, mechanism="knock-off", r_max_A=2.3, edge_A=5.0)
    assert (found["status"], found["mechanism"]) == ("ok", "knock-off")
    assert {len(hop["legs_A"]) for hop in found["hops"]} == {2}


def test_universal_potentials_that_are_like_another_are_known_by_name():
    potential, _ = load_given("sevennet-l3i5", sha256=None, device="cpu")
    assert potential.reference.package == "sevenn"
