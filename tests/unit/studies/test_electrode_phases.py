"""Voltages and hulls of a host beside ASE's relaxation, pymatgen's electrode and closed forms."""

import json
from itertools import combinations

import numpy as np
import pytest
from ase.build import bulk
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS
from click.testing import CliRunner
from electrode_models import SETTINGS, BondedHost, rock_salt
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.apps.battery.insertion_battery import InsertionElectrode
from pymatgen.entries.computed_entries import ComputedEntry, ComputedStructureEntry
from pymatgen.io.ase import AseAtomsAdaptor

from saltflow.base.errors import InputError, SaltflowError
from saltflow.potentials.as_calculator import AsCalculator
from saltflow.studies.electrodes.candidates import Candidates
from saltflow.studies.electrodes.configurations import Configurations
from saltflow.studies.electrodes.electrode_study import check_settings, study_electrode
from saltflow.studies.electrodes.host import host_of
from saltflow.studies.electrodes.integrity import FrameworkBonds
from saltflow.studies.electrodes.metal import metal_at_rest, metal_of
from saltflow.studies.electrodes.thermodynamics import find_phases
from saltflow.studies.electrodes.voltages import voltage_curve
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation


def phases_of(folder, **changes):
    settings = SETTINGS | changes
    host = host_of(rock_salt(), "Li", repeats=settings["repeat"])
    evaluation = BatchedEvaluation(BondedHost())
    metal_eV = metal_at_rest(metal_of("Li", None), evaluation, settings=settings, folder=folder).energy_eV
    configurations = Configurations(host, evaluation, settings=settings, folder=folder)
    candidates = Candidates(host, count=settings["candidates"], seed=1)
    return find_phases(configurations, candidates, ions=range(host.sites + 1), metal_eV=metal_eV), metal_eV


@pytest.fixture(scope="module")
def relaxed(tmp_path_factory):
    return phases_of(tmp_path_factory.mktemp("host"))


def test_energies_are_those_of_ases_relaxation_of_every_occupation(relaxed):
    phases, metal_eV = relaxed
    for lowest in phases.lowest():
        found = []
        host = host_of(rock_salt(), "Li", repeats=(1, 1, 1))
        for chosen in combinations(range(4), lowest.ions):
            atoms = host.filled(np.isin(np.arange(4), chosen))
            atoms.calc = AsCalculator(BondedHost())
            BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=0.002, steps=300)
            found.append(atoms.get_potential_energy())
            if 0 < lowest.ions < 4:
                break  # by symmetry the others are the same
        assert lowest.energy_eV == pytest.approx(min(found), abs=1e-4)
    bcc = metal_of("Li", None)
    bcc.calc = AsCalculator(BondedHost())
    BFGS(FrechetCellFilter(bcc), logfile=None).run(fmax=0.001)
    assert metal_eV == pytest.approx(bcc.get_potential_energy() / 2, abs=1e-4)


def pymatgen_voltages(entries: list[tuple], metal_eV: float) -> list[tuple[float, float, float]]:
    """(lithium at the start, at the end, voltage) of each step, by pymatgen."""
    computed = [ComputedStructureEntry(AseAtomsAdaptor.get_structure(atoms), energy) for atoms, energy in entries]
    electrode = InsertionElectrode.from_entries(computed, ComputedEntry("Li", metal_eV))
    return sorted(
        (pair.entry_charge.composition["Li"], pair.entry_discharge.composition["Li"], pair.voltage)
        for pair in electrode.voltage_pairs
    )


def test_voltages_are_those_of_pymatgen(relaxed):
    phases, metal_eV = relaxed
    found = pymatgen_voltages([(each.atoms, each.energy_eV) for each in phases.usable], metal_eV)
    assert [pair[:2] for pair in found] == list(zip(phases.curve.ions, phases.curve.ions[1:], strict=False))
    assert [pair[2] for pair in found] == pytest.approx(phases.curve.voltages_V, abs=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_hulls_of_drawn_energies_are_those_of_pymatgen(seed, relaxed):
    random = np.random.default_rng(seed)
    energies_eV = {each.ions: float(random.normal(-20 - 4 * each.ions, 0.5)) for each in relaxed[0].lowest()}
    atoms = {each.ions: each.atoms for each in relaxed[0].lowest()}
    curve = voltage_curve(energies_eV, -1.9)
    # pymatgen has its own sign of stability against the metal: ends are phases here as there.
    found = pymatgen_voltages([(atoms[ions], energy) for ions, energy in energies_eV.items()], -1.9)
    assert [pair[2] for pair in found] == pytest.approx(curve.voltages_V, abs=1e-3)
    assert curve.mean_V() == pytest.approx(-(energies_eV[4] - energies_eV[0]) / 4 - 1.9)
    assert np.all(np.diff(curve.voltages_V) < 0)
    steps = curve.steps(4)
    assert curve.at(4 * (steps[0]["x_from"] + steps[0]["x_to"]) / 2) == pytest.approx(steps[0]["voltage_V"])


def test_occupations_that_symmetry_makes_of_each_other_are_one():
    host = host_of(rock_salt(), "Li", repeats=(1, 1, 1))
    assert [len(Candidates(host, count=99, seed=1).of(ions)) for ions in range(5)] == [1, 1, 1, 1, 1]
    double = host_of(rock_salt(), "Li", repeats=(2, 1, 1))
    everything = [np.isin(np.arange(8), chosen) for chosen in combinations(range(8), 3)]
    structures = [AseAtomsAdaptor.get_structure(double.filled(each)) for each in everything]
    by_pymatgen = StructureMatcher(attempt_supercell=False, primitive_cell=False).group_structures(structures)
    assert len(Candidates(double, count=99, seed=1).of(3)) == len(by_pymatgen) > 2
    drawn = Candidates(double, count=2, seed=1).of(4)
    assert len(drawn) == 2
    assert _distances(double.filled(drawn[0])).min() > _distances(double.filled(drawn[1])).min() - 1e-6


def _distances(atoms):
    ions = atoms[[symbol == "Li" for symbol in atoms.symbols]]
    return ions.get_all_distances(mic=True)[np.triu_indices(len(ions), 1)]


def test_configurations_that_are_there_are_not_relaxed_again(tmp_path):
    first, _ = phases_of(tmp_path)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("000*.json")}
    assert len(kept) == len(first.configurations) == 5
    gone = sorted(kept)[2]
    gone.unlink()  # as if it had been stopped before
    again, _ = phases_of(tmp_path)
    assert [each.energy_eV for each in again.configurations] == [each.energy_eV for each in first.configurations]
    assert {path: path.stat().st_mtime_ns for path in kept if path != gone} == {
        path: time for path, time in kept.items() if path != gone
    }
    phases_of(tmp_path, potential_sha256="of another model")
    assert all(path.stat().st_mtime_ns > time for path, time in kept.items())


class Weak(BondedHost):
    """The full host has no energy."""

    def on(self, numbers, system):
        bound = super().on(numbers, system)
        crowded = (np.asarray(numbers) == 3).sum() > 3 and 22 in numbers
        bound.depth = bound.depth * np.nan if crowded else bound.depth
        return bound


def test_a_composition_without_a_configuration_is_told(tmp_path):
    record = study_electrode(rock_salt(), Weak(), ion="Li", settings=SETTINGS, folder=tmp_path)
    assert record["status"] == "ends left out"
    assert record["left_out"] == ["unphysical"]
    assert record["plateaus"][-1]["x_to"] == 0.75
    kept = [json.loads(path.read_text())["numbers"] for path in (tmp_path / "configurations").glob("0004_*.json")]
    assert [(each["energy_eV"], each["status"]) for each in kept] == [(None, "unphysical")]


def test_a_host_that_swells_is_told(tmp_path):
    dense = rock_salt()
    dense.set_cell(dense.cell * 0.9, scale_atoms=True)
    record = study_electrode(dense, BondedHost(), ion="Li", settings=SETTINGS | {"points": 2}, folder=tmp_path)
    assert record["status"] == "volume out of range"


def test_an_empty_host_takes_its_ions_into_its_octahedra(tmp_path, relaxed):
    empty = rock_salt()
    empty = empty[[symbol == "Ti" for symbol in empty.symbols]]
    record = study_electrode(empty, BondedHost(), ion="Li", settings=SETTINGS | {"voids": True}, folder=tmp_path)
    assert (record["sites"], record["status"]) == (4, "ok")
    assert record["mean_voltage_V"] == pytest.approx(relaxed[0].curve.mean_V(), abs=1e-3)
    assert record["volume_change"] > 0
    assert json.dumps(record)


def test_a_host_that_falls_apart_is_told_from_one_that_breathes():
    cell = rock_salt()
    framework = cell[[symbol == "Ti" for symbol in cell.symbols]]
    bonds = FrameworkBonds.of(framework)
    breathing = framework.copy()
    breathing.set_cell(framework.cell * 1.1, scale_atoms=True)
    assert bonds.why_broken(breathing) is None
    apart = framework.copy()
    apart.set_cell(framework.cell * 2, scale_atoms=True)
    assert bonds.why_broken(apart) == "fell apart: 100 % of the bonds of the framework are broken"
    cell.positions[0] = cell.positions[1] + [1.0, 0, 0]
    assert bonds.why_broken(cell).startswith("fell apart: ")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"range": [1.0, 0.0]}, "--range has to be two fractions"),
        ({"range": [0.5, 1.5]}, "--range has to be two fractions"),
        ({"points": 1}, "--points has to be above 1"),
        ({"force_eV_A": 0.0}, "--force has to be above 0"),
    ],
)
def test_settings_that_mean_nothing_are_refused(changes, sentence):
    with pytest.raises(InputError, match=sentence):
        check_settings(SETTINGS | changes)


def test_bad_hosts_and_metals_are_refused(tmp_path):
    def refused(given, ion="Li", **changes):
        with pytest.raises(SaltflowError) as error:
            study_electrode(given, BondedHost(), ion=ion, settings=SETTINGS | changes, folder=tmp_path)
        return str(error.value)

    empty = rock_salt()
    empty = empty[[symbol == "Ti" for symbol in empty.symbols]]
    assert refused(empty).startswith("There is no Li in Ti; name the ion with --ion, or")
    assert "--voids is for a host without Li" in refused(rock_salt(), voids=True)
    assert refused(bulk("Ti", "fcc", a=2.9), voids=True).startswith("The crystal has no void of 1.6 Å; give a file")
    assert refused(rock_salt(), ion="Li+").startswith("--ion: 'Li+' is no element; a potential knows no charges")
    assert refused(rock_salt(), ion="Mg") == "--metal: Mg is no bcc metal; give a file with the crystal of Mg."
    assert refused(rock_salt(), layers="C").startswith("C makes no layers across c; give a cell")
    assert "--range holds one composition of 4 sites" in refused(rock_salt(), range=[0.0, 0.1])
    assert refused(rock_salt(), steps=1).startswith("The metal Li does not come to rest")


def test_options_are_checked_before_a_potential_is_loaded():
    from saltflow.studies.electrodes.command import command

    for options, sentence in (
        (["--repeat", "2,2"], "--repeat is no list of 3 numbers; give such as 2,2,1."),
        (["--vacancies", "C"], "--vacancies is no list of elements with counts; give such as C:1 or O:2,Co:1."),
        (["--range", "a,b"], "--range is no list of 2 numbers; give such as 0,1."),
    ):
        said = CliRunner().invoke(command, ["host.cif", "--ion", "Li", "--potential", "x", *options])
        assert said.exit_code == 1
        assert sentence in said.output
