"""Defects put into a host: those of the seed, where they were planted, with the sites that they leave."""

import numpy as np
import pytest
from ase.geometry import find_mic
from click.testing import CliRunner
from electrode_models import SETTINGS, BondedHost, rock_salt
from layered_hosts import graphite, layered_oxide

from saltflow.base.errors import InputError
from saltflow.campaign.settings.electrodes import ElectrodeOptions
from saltflow.studies.electrodes.candidates import Candidates
from saltflow.studies.electrodes.command import command
from saltflow.studies.electrodes.defects import with_antisites, with_faults, with_vacancies
from saltflow.studies.electrodes.electrode_study import check_settings, study_electrode
from saltflow.studies.electrodes.host import host_of
from saltflow.studies.electrodes.staging import find_layers, registry


def test_vacancies_are_those_of_the_seed_and_break_symmetry():
    host = host_of(rock_salt(), "Li", repeats=(2, 1, 1))
    hosts = [with_vacancies(host, "Ti", 2, seed=seed) for seed in (1, 1, 2, 3)]
    assert all(len(each.framework) == 6 for each in hosts)
    assert np.array_equal(hosts[0].framework.positions, hosts[1].framework.positions)
    assert any(not np.array_equal(hosts[0].framework.positions, each.framework.positions) for each in hosts[2:])
    assert 1 <= len(hosts[0].permutations) < len(host.permutations)
    assert len(Candidates(hosts[0], count=99, seed=1).of(1)) > len(Candidates(host, count=99, seed=1).of(1)) == 1
    with pytest.raises(InputError, match="--vacancies: the supercell has 8 Ti in its framework"):
        with_vacancies(host, "Ti", 8, seed=1)


def test_isolated_vacancies_keep_their_distance():
    carbon = host_of(graphite([0.0, 1.0], filled=[0]), "Li", repeats=(1, 1, 1))
    for seed in range(5):
        found = with_vacancies(carbon, "C", 3, apart_A=3.0, seed=seed)
        assert (len(found.framework), len(found.vacancies_A)) == (33, 3)
        pairs = np.array([found.vacancies_A[0] - found.vacancies_A[1], found.vacancies_A[1] - found.vacancies_A[2]])
        assert find_mic(pairs, found.framework.cell)[1].min() >= 3.0
        left = found.framework.positions
        assert find_mic(left - found.vacancies_A[0], found.framework.cell)[1].min() > 1.4
    with pytest.raises(InputError, match="--apart 20 has room for 1 of 2 vacancies of C; lower it."):
        with_vacancies(carbon, "C", 2, apart_A=20.0, seed=1)


def test_sites_of_the_ion_may_be_vacant_for_good():
    host = host_of(rock_salt(), "Li", repeats=(2, 1, 1))
    found = with_vacancies(host, "Li", 3, seed=1)
    assert (found.sites, len(found.given), len(found.framework)) == (5, 5, 8)
    assert found.permutations.shape[1] == 5


@pytest.mark.parametrize("pair", [("Co", "Li"), ("Li", "Co")])
def test_an_antisite_is_an_atom_on_the_site_of_the_nearest_ion(pair):
    host = host_of(layered_oxide(), "Li", repeats=(2, 2, 1))
    found = with_antisites(host, *pair, 2, seed=3)
    assert (found.sites, str(found.framework.symbols)) == (host.sites, str(host.framework.symbols))
    moved = np.flatnonzero(np.abs(found.framework.positions - host.framework.positions).max(axis=1) > 0.1)
    assert [found.framework.symbols[index] for index in moved] == ["Co", "Co"]
    changed = np.flatnonzero(np.abs(found.sites_A - host.sites_A).max(axis=1) > 0.1)
    assert sorted(map(tuple, found.framework.positions[moved])) == sorted(map(tuple, host.sites_A[changed]))
    assert sorted(map(tuple, found.sites_A[changed])) == sorted(map(tuple, host.framework.positions[moved]))
    again, other = (with_antisites(host, *pair, 2, seed=seed) for seed in (3, 5))
    assert np.array_equal(again.framework.positions, found.framework.positions)
    assert not np.array_equal(other.framework.positions, found.framework.positions)


def test_atoms_of_the_framework_change_places_too():
    host = host_of(layered_oxide(), "Li", repeats=(2, 1, 1))
    found = with_antisites(host, "Co", "O", 1, seed=1)
    assert np.array_equal(found.sites_A, host.sites_A)
    moved = np.abs(found.framework.positions - host.framework.positions).max(axis=1) > 0.1
    assert sorted(np.array(found.framework.symbols)[moved]) == ["Co", "O"]
    with pytest.raises(InputError, match="--antisites: the supercell has 6 Co and 6 Li; 7 pairs are too many"):
        with_antisites(host, "Co", "Li", 7, seed=1)
    with pytest.raises(InputError, match="Co cannot change places with itself"):
        with_antisites(host, "Co", "Co", 1, seed=1)


@pytest.mark.parametrize(("shifts", "expected"), [([0.0] * 4, 1.0), ([0.0, 1.0, 0.0, 1.0], -0.5)])
def test_a_stacking_fault_changes_one_gallery_of_a_stack(shifts, expected):
    """AA turns into AB in one gallery; in AB, the layer after next is no longer where it was."""
    host = host_of(graphite(shifts, filled=[0, 2]), "Li", repeats=(1, 1, 1))
    assert registry(host.framework, find_layers(host.framework, "C")) == pytest.approx([expected] * 4, abs=1e-6)
    for seed in range(4):
        found = with_faults(host, "C", 1, seed=seed)
        order = registry(found.framework, find_layers(found.framework, "C"))
        assert sorted(order) == pytest.approx(sorted([expected] * 3 + [-0.5]), abs=1e-6)
        assert _of_every_other(host.framework) == pytest.approx([1.0, 1.0], abs=1e-6)
        assert _of_every_other(found.framework) == pytest.approx([-0.5, 1.0], abs=1e-6)
        assert found.framework.get_volume() == pytest.approx(host.framework.get_volume())
        moved = np.linalg.norm(found.sites_A - host.sites_A, axis=1).round(2).reshape(2, 3)
        assert (moved == moved[:, :1]).all(), "the sites of a gallery stay together"
    two = with_faults(host, "C", 4, seed=1)
    assert registry(two.framework, find_layers(two.framework, "C")) == pytest.approx([-0.5] * 4, abs=1e-6)
    with pytest.raises(InputError, match="--faults: the supercell has 4 galleries between its layers; 5 are too many"):
        with_faults(host, "C", 5, seed=1)


def _of_every_other(framework) -> list[float]:
    """Registry of every other layer of four on the next of these."""
    layers = find_layers(framework, "C")
    two = framework[np.concatenate([layers.members[0], layers.members[2]])]
    return sorted(registry(two, find_layers(two, "C")))


def test_a_study_has_its_defects(tmp_path):
    settings = SETTINGS | {"vacancies": {"Ti": 1}, "repeat": [2, 1, 1], "points": 2, "candidates": 1}
    record = study_electrode(rock_salt(), BondedHost(), ion="Li", settings=settings, folder=tmp_path)
    assert record["compositions"][-1]["formula"] == "Li8Ti7"


def test_options_of_a_sweep_are_those_of_the_command():
    shipped = ElectrodeOptions().model_dump()
    written = {
        "repeat": "1,1,1", "range": "0.0,1.0", "vacancies": "", "antisites": "", "voltages": "", "transport": "",
    }  # fmt: skip
    apart = {"name", "ion", "model", "sha256", "device", "out"}
    context = command.make_context("electrode", ["host.cif", "--ion", "Li", "--potential", "x"])
    given = {name: value for name, value in context.params.items() if name not in apart}
    given["range"] = given.pop("bounds").replace("0,1", "0.0,1.0")
    assert given == shipped | written


def test_defects_that_mean_nothing_are_refused():
    with pytest.raises(InputError, match="--faults are of layers; give the element of these by --layers"):
        check_settings(SETTINGS | {"faults": 1})
    said = CliRunner().invoke(command, ["a.cif", "--ion", "Li", "--potential", "x", "--antisites", "Co:1"])
    assert "--antisites is no list of pairs of elements with counts; give such as Co-Li:1." in said.output
