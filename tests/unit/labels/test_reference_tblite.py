"""GFN-xTB labels: the derivatives belong to the energy, in eV and Å, and failures are data."""

import numpy as np
import pytest
from ase import Atoms
from reference_cases import GFN1, displaced, lithium_chloride, strained, unit_strain

from saltflow.base.errors import InputError
from saltflow.campaign.settings.references import TbliteReference
from saltflow.labels.reference.labelling import check_elements, label_frames, label_isolated_atoms


def label_all(frames, tmp_path, reference=GFN1, max_force_eV_A=50.0):
    return list(label_frames(frames, reference, max_force_eV_A=max_force_eV_A, workdir=tmp_path))


def test_forces_are_minus_the_gradient_of_the_energy(tmp_path):
    atoms = lithium_chloride()
    step_A = 1e-3
    for atom, axis in ((0, 0), (3, 2), (5, 1)):
        move = np.zeros((8, 3))
        move[atom, axis] = step_A
        base, forward, backward = label_all([atoms, displaced(atoms, move), displaced(atoms, -move)], tmp_path)
        expected = -(forward.energy_eV - backward.energy_eV) / (2 * step_A)
        assert abs(expected) > 0.02
        assert base.forces_eV_A[atom, axis] == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize(("first", "second"), [(0, 0), (2, 2), (1, 2), (0, 1)])
def test_stress_is_the_strain_derivative_per_volume(tmp_path, first, second):
    atoms = strained(lithium_chloride(), 0.03 * unit_strain(0, 1) + 0.04 * unit_strain(1, 2))
    step = 5e-4 * unit_strain(first, second)
    base, forward, backward = label_all([atoms, strained(atoms, step), strained(atoms, -step)], tmp_path)
    expected = (forward.energy_eV - backward.energy_eV) / (2 * 5e-4) / atoms.cell.volume
    assert abs(expected) > 5e-4
    assert base.stress_eV_A3[first, second] == pytest.approx(expected, rel=5e-3, abs=1e-5)


def test_compression_is_negative_and_tension_positive(tmp_path):
    small, large = (lithium_chloride(lattice_A=lattice_A, rattle_A=0.0) for lattice_A in (4.9, 6.5))
    compressed, stretched = label_all([small, large], tmp_path)
    assert np.trace(compressed.stress_eV_A3) < 0 < np.trace(stretched.stress_eV_A3)


def test_label_depends_on_the_frame_alone(tmp_path):
    first, other = lithium_chloride(seed=1), lithium_chloride(seed=2)
    alone, _, after = label_all([first, other, first], tmp_path)
    # To rounding: with several threads sums differ in their last bit. A warm start would differ by 1e-6.
    np.testing.assert_allclose(after.energy_eV, alone.energy_eV, rtol=1e-13)
    np.testing.assert_allclose(after.forces_eV_A, alone.forces_eV_A, rtol=0, atol=1e-12)


def test_failures_have_a_reason_and_the_rest_goes_on(tmp_path):
    good = lithium_chloride()
    coincident, undefined = good.copy(), good.copy()
    coincident.positions[1] = coincident.positions[0]
    undefined.positions[2, 0] = np.nan
    labels = label_all([coincident, undefined, good], tmp_path)
    assert [label.status for label in labels] == ["overlap", "nan", "ok"]
    assert "atoms 0 and 1 are 0.00 Å apart" in labels[0].reason
    assert labels[0].energy_eV is None
    assert [label.index for label in labels] == [0, 1, 2]


def test_atoms_that_meet_through_the_boundary_overlap(tmp_path):
    atoms = Atoms("LiCl", positions=[[0.05, 3, 3], [5.95, 3, 3]], cell=[6, 6, 6], pbc=True)
    (label,) = label_all([atoms], tmp_path)
    assert label.status == "overlap"


def test_a_molecule_is_refused_because_it_has_no_stress(tmp_path):
    (label,) = label_all([Atoms("HCl", positions=[[0, 0, 0], [0, 0, 1.3]])], tmp_path)
    assert (label.status, label.energy_eV) == ("crashed", None)
    assert "not periodic" in label.reason


def test_large_forces_are_refused(tmp_path):
    (label,) = label_all([lithium_chloride()], tmp_path, max_force_eV_A=0.01)
    assert label.status == "force_limit"
    assert "0.01 eV/Å" in label.reason


def test_every_scf_attempt_is_counted(tmp_path):
    impatient = TbliteReference(**{**GFN1.model_dump(), "max_iterations": 1})
    (label,) = label_all([lithium_chloride()], tmp_path, reference=impatient)
    assert (label.status, label.attempts) == ("not_converged", 2)


def test_unsupported_elements_are_refused_together():
    with pytest.raises(InputError) as refusal:
        check_elements(GFN1, ["Li", "U", "Fr"])
    assert len(refusal.value.problems) == 2
    assert "U" in str(refusal.value)


def test_an_unsupported_element_names_its_composition_before_anything_runs(tmp_path):
    frame = Atoms("U", cell=[5, 5, 5], pbc=True, info={"composition": "UraniumSalt"})
    with pytest.raises(InputError, match="UraniumSalt: GFN1-xTB has no parameters for U"):
        label_frames([lithium_chloride(), frame], GFN1, max_force_eV_A=50.0, workdir=tmp_path)


def test_isolated_atoms_are_above_the_crystal(tmp_path):
    energies_eV = label_isolated_atoms(["Cl", "Li", "Li"], GFN1, workdir=tmp_path)
    (crystal,) = label_all([lithium_chloride(rattle_A=0.0)], tmp_path)
    cohesive_eV = energies_eV["Li"] + energies_eV["Cl"] - crystal.energy_eV / 4
    # Experiment: 7.1 eV per LiCl; xTB overbinds, a wrong unit would be far off.
    assert 4.0 < cohesive_eV < 13.0


def test_identity_holds_what_changes_a_label():
    patient = TbliteReference(**{**GFN1.model_dump(), "max_iterations": 999})
    hotter = TbliteReference(**{**GFN1.model_dump(), "electronic_temperature_K": 1000.0})
    assert patient.digest() == GFN1.digest()
    assert hotter.digest() != GFN1.digest()
