"""A glass on a crystal: where it is cut, what the strain leaves, and that nothing but the glass is mirrored."""

import numpy as np
import pytest
from ase import Atoms
from ase.geometry import find_mic, get_distances
from interface_models import SALT, SETTINGS, Pairs, rock_salt

from saltflow.base.errors import InputError
from saltflow.studies.interfaces.crystal_slabs import conventional
from saltflow.studies.interfaces.glass_contacts import cut_glass, find_glass_contacts
from saltflow.studies.interfaces.interface_study import study_interface

LIMITS = {"share": 0.0, "most_strain": 0.05, "most_area_A2": 150.0, "thickness_A": 9.0}
ARMS_A = {"C": 1.5, "N": 1.7, "O": 1.9}  # of each silicon atom, all different, so that it has a hand


WIDE = LIMITS | {"most_strain": 0.2, "most_area_A2": 250.0}


def liquid_salt(edge_A: float = 10.2, seed: int = 1) -> Atoms:
    """Rock salt that was shaken until it forgot most of its order."""
    salt = rock_salt(5.1).repeat(2)
    salt.set_cell(np.eye(3) * edge_A, scale_atoms=True)
    salt.rattle(0.4, seed=seed)
    return salt


def handed_crystal() -> Atoms:
    """A triclinic crystal of molecules with one hand."""
    cell = np.array([[5.1, 0, 0], [0.9, 5.6, 0], [1.1, -0.7, 6.1]])
    arms = [ARMS_A[symbol] * axis for symbol, axis in zip("CNO", np.eye(3), strict=True)]
    return Atoms("SiCNO", [[2, 2, 2], *(np.array([2, 2, 2]) + arms)], cell=cell, pbc=True)


def hands(atoms: Atoms) -> np.ndarray:
    """Triple product of the arms of each silicon atom in Å³."""
    found = []
    for silicon in np.flatnonzero(atoms.symbols == "Si"):
        arms = []
        for symbol in "CNO":
            others = atoms.positions[atoms.symbols == symbol] - atoms.positions[silicon]
            vectors, lengths_A = find_mic(others, atoms.cell)
            arms.append(vectors[np.argmin(lengths_A)])
        found.append(np.linalg.det(arms))
    return np.array(found)


@pytest.mark.parametrize("miller", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, -1, 1)])
def test_the_crystal_keeps_its_hand_and_its_bonds(miller):
    crystal = handed_crystal()
    expected = float(np.prod(list(ARMS_A.values())))
    match, contacts = find_glass_contacts(crystal, liquid_salt(11.0), miller=miller, **WIDE)
    assert match.lower_strain == pytest.approx(0, abs=1e-9)
    whole = [contact for contact in contacts if "crystal, 0 bonds" in contact.name]
    assert len(whole) == 2  # both ways up
    for contact in whole:
        assert hands(contact.lower) == pytest.approx(expected, rel=1e-3)
        assert np.linalg.det(contact.lower.cell.array) > 0
        assert contact.upper.cell.array[:2] == pytest.approx(contact.lower.cell.array[:2])


def test_shifts_by_its_steps_leave_the_crystal_as_it_was():
    _, (contact, *_) = find_glass_contacts(conventional(rock_salt(5.1)), liquid_salt(), miller=(1, 0, 0), **LIMITS)
    for step_A in contact.steps_A:
        moved = contact.lower.copy()
        moved.positions[:, :2] += step_A
        between_A = get_distances(moved.positions, contact.lower.positions, cell=moved.cell, pbc=True)[1]
        nearest = between_A.argmin(axis=1)
        assert between_A.min(axis=1).max() < 1e-6
        assert (moved.numbers == contact.lower.numbers[nearest]).all()


def test_the_glass_takes_the_mismatch_and_keeps_its_density():
    glass = liquid_salt(10.4)
    match, (contact, *_) = find_glass_contacts(conventional(rock_salt(5.1)), glass, miller=(1, 0, 0), **LIMITS)
    assert match.upper_strain == pytest.approx(10.2 / 10.4 - 1)
    assert sorted(contact.upper.symbols) == sorted(glass.symbols)
    squeezed = glass.copy()
    squeezed.set_cell([10.2, 10.2, 10.4**3 / 10.2**2], scale_atoms=True)
    gap_A = squeezed.cell[2, 2] - np.ptp(contact.upper.positions[:, 2])
    heights_A = np.sort(squeezed.positions[:, 2] % squeezed.cell[2, 2])
    assert gap_A == pytest.approx(np.diff(np.append(heights_A, heights_A[0] + squeezed.cell[2, 2])).max())


def test_a_glass_is_cut_where_the_fewest_bonds_cross():
    """Molecules that lie about every height but one, and an ion on either side of it."""
    heights_A = [0.2, 2.0, 3.8, 9.0]
    box = Atoms(cell=[12, 12, 12], pbc=True)
    for place, height_A in enumerate(heights_A):
        box += Atoms("NN", [[3 * place, 0, height_A], [3 * place, 0, height_A + 1.1]])
    slab, broken = cut_glass(box)
    assert broken == 0
    assert np.ptp(slab.positions[:, 2]) == pytest.approx(12 - (9.0 - 4.9))
    chain = Atoms("N8", [[5, 5, 1.2 * each] for each in range(8)], cell=[10, 10, 9.6], pbc=True)
    assert cut_glass(chain)[1] == 1
    ions = Atoms("LiCl", [[0, 0, 0], [0, 0, 2.0]], cell=[6, 6, 4], pbc=True)
    assert cut_glass(ions)[1] == 0


def test_a_glass_on_a_crystal_goes_through_the_study(tmp_path):
    settings = SETTINGS | {
        "glass": True, "millers": [[1, 0, 0]], "share": None, "strain": 0.05, "area_A2": 120.0, "shifts": 1,
        "thickness_A": 9.0, "width_A": 8.0, "duration_ps": 0.05, "force_eV_A": 0.05,
    }  # fmt: skip
    record = study_interface([rock_salt(), liquid_salt(10.0)], Pairs(SALT), settings=settings, folder=tmp_path)
    assert record["match"]["lower_strain"] == pytest.approx(0, abs=1e-9)
    assert record["contacts"][0]["work_J_m2"] > 0
    assert record["dynamics"][0]["atoms"] == record["contacts"][0]["atoms"]
    assert not any("mirrored" in flag for flag in record["flags"])


def test_a_tilted_box_is_refused(tmp_path):
    tilted = liquid_salt()
    tilted.set_cell([[10, 0, 0], [0, 10, 0], [1, 0, 10]], scale_atoms=True)
    with pytest.raises(InputError, match=r"^The box of the glass \S+ is tilted; give one whose c is normal to a, b"):
        find_glass_contacts(conventional(rock_salt()), tilted, miller=(1, 0, 0), **LIMITS)
