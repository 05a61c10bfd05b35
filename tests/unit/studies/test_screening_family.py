"""Families of crystals: substitutions, volumes beside published ones, doping, and what is refused in a sentence."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.spacegroup import crystal

from saltflow.base.errors import InputError, SaltflowError
from saltflow.campaign.family import read_family
from saltflow.studies.screening.family_members import members_of


class KnowsAll:
    """A potential's knowledge of elements, but for those that it lacks."""

    def __init__(self, *lacks):
        self.lacks = lacks

    def check_elements(self, numbers, *, composition):
        if missing := set(Atoms(numbers=numbers).symbols) & set(self.lacks):
            raise SaltflowError(f"{composition}: {missing.pop()} is unknown.")


def li2caSiO4() -> Atoms:
    """I-42m, lattice of Gard and West, J. Solid State Chem. 7, 422 (1973); O where Si–O is 1.64 Å."""
    places = [(0, 0.5, 0.25), (0, 0, 0.5), (0, 0, 0), (0.188, 0.188, 0.146)]
    return crystal(["Li", "Ca", "Si", "O"], places, spacegroup=121, cellpar=[5.047, 5.047, 6.486, 90, 90, 90])


def members(folder: Path, text: str, potential=None) -> dict:
    (folder / "family.yaml").write_text(text)
    return {each.name: each for each in members_of(read_family(folder / "family.yaml"), potential or KnowsAll())}


@pytest.fixture
def folder(tmp_path):
    li2caSiO4().write(tmp_path / "prototype.cif")
    bulk("LiCl", "rocksalt", a=5.14, cubic=True).write(tmp_path / "salt.cif")
    return tmp_path


FAMILY = "prototypes: prototype.cif\nmobile: Li\nsubstitutions: {Ca: [Ca, Sr, Ba], Si: [Si, Ge, Sn], O: [O, S, Se]}\n"


def test_every_combination_is_a_member_at_a_likely_volume(folder):
    found = members(folder, FAMILY)
    assert len(found) == 27
    assert all(not each.problem and len(each.atoms) == 16 for each in found.values())
    assert found["Li2BaSnSe4"].atoms.symbols.formula.count() == {"Li": 4, "Ba": 2, "Sn": 2, "Se": 8}
    assert found["Li2CaSiO4"].atoms.get_volume() == pytest.approx(5.047**2 * 6.486)
    # Li2BaGeS4 crystallises in this structure; Shannon's radii foretell its bonds: Ba–S 3.19, Ge–S 2.37, Li–S 2.60 Å
    # over 2.40, 1.80, 2.16 Å, eight, four and eight of them.
    ratio = np.average([(1.35 + 1.84) / 2.40, (0.53 + 1.84) / 1.80, (0.76 + 1.84) / 2.16], weights=[8, 4, 8])
    volume = found["Li2BaGeS4"].atoms.get_volume() / found["Li2CaSiO4"].atoms.get_volume()
    assert volume == pytest.approx(ratio**3, rel=1e-3)
    assert dict(found["Li2SrGeSe4"].charges) == {"Li": 1, "Sr": 2, "Ge": 4, "Se": -2}


def test_doping_keeps_the_crystal_neutral_with_vacancies(folder):
    text = "prototypes: prototype.cif\nmobile: Li\nsubstitutions: {O: [S]}\n"
    text += "doping: {element: S, by: Cl, vacancy: Li, fractions: [0.125]}\n"
    found = members(folder, text)
    assert set(found) == {"Li2CaSiS4", "Li2CaSiS4-Cl0.125"}
    doped = found["Li2CaSiS4-Cl0.125"]
    counts = doped.atoms.symbols.formula.count()
    assert counts["Cl"] / (counts["S"] + counts["Cl"]) == pytest.approx(0.125, abs=0.02)
    assert sum(doped.charges[element] * count for element, count in counts.items()) == 0
    assert 2 * counts["Ca"] - counts["Li"] == counts["Cl"]  # a vacancy for each chloride ion
    again = members(folder, text)["Li2CaSiS4-Cl0.125"].atoms
    assert np.array_equal(again.positions, doped.atoms.positions)


def test_a_dopant_takes_the_usual_charge_next_to_that_of_its_site(folder):
    """Tin is 4− first in the periodic table, 2+ or 4+ in crystals; in place of silicon it needs no vacancy."""
    text = "prototypes: prototype.cif\nmobile: Li\ndoping: {element: Si, by: Sn, fractions: [0.5]}\n"
    doped = members(folder, text)["prototype-Sn0.5"]
    assert (doped.problem, doped.charges["Sn"]) == ("", 4)
    counts = doped.atoms.symbols.formula.count()
    assert counts["Sn"] == counts["Si"]


def test_a_folder_of_structures_is_a_family(folder):
    (folder / "crystals").mkdir()
    li2caSiO4().write(folder / "crystals/one.cif")
    bulk("LiCl", "rocksalt", a=5.14, cubic=True).write(folder / "crystals/two.cif")
    bulk("Na").write(folder / "crystals/metal.cif")
    found = members(folder, "prototypes: crystals\nmobile: Li\n", KnowsAll("Si"))
    assert set(found) == {"one", "two", "metal"}
    assert found["one"].problem == "Ca2Li4O8Si2: Si is unknown."
    assert "no usual oxidation states make" in found["metal"].problem
    assert not found["two"].problem


def test_partial_occupancies_are_ordered_after_the_substitution(folder):
    """Half of the lithium sites are empty; the substitution reaches every site of its element."""
    site = "loop_\n" + "".join(f"_atom_site_{name}\n" for name in ("label", "type_symbol", "fract_x", "fract_y",
                                                                   "fract_z", "occupancy"))  # fmt: skip
    lattice = "".join(f"_cell_length_{axis} {length}\n" for axis, length in zip("abc", (4.6, 4.6, 9.2), strict=True))
    lattice += "".join(f"_cell_angle_{name} 90\n" for name in ("alpha", "beta", "gamma"))
    sites = "Li1 Li 0.25 0.25 0.125 0.5\nLi2 Li 0.75 0.75 0.125 0.5\nLi3 Li 0.25 0.75 0.375 1\nS1 S 0 0 0 1\n"
    (folder / "partial.cif").write_text(f"data_x\n_symmetry_Int_Tables_number 1\n{lattice}{site}{sites}")
    found = members(folder, "prototypes: partial.cif\nmobile: Li\natoms: 24\nsubstitutions: {S: [S, Se]}\n")
    assert {name: each.problem for name, each in found.items()} == {"Li2S": "", "Li2Se": ""}
    counts = found["Li2Se"].atoms.symbols.formula.count()
    assert counts["Li"] == 2 * counts["Se"] > 2
    assert found["Li2Se"].atoms.get_all_distances(mic=True)[~np.eye(3 * counts["Se"], dtype=bool)].min() > 1.5


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("charges: {Li: 1, Cl: -1, S: -2}\nsubstitutions: {Cl: [S]}", "its charges (Li +1, S -2) leave -4 e"),
        ("substitutions: {Cl: [Li]}", "Li would stand on two kinds of sites"),
        ("doping: {element: Cl, by: S, fractions: 0.25}", "S on Cl leaves -1 e in the cell of the prototype; name the"),
        ("doping: {element: Cl, by: S, vacancy: Li, fractions: 0.25}", "which needs more of it: name another vacancy."),
        ("doping: {element: Cl, by: Br, vacancy: Na, fractions: 0.25}", "doping.vacancy names Na, which the crystal"),
    ],
)
def test_a_member_that_cannot_be_carries_the_reason(folder, text, sentence):
    found = members(folder, f"prototypes: salt.cif\nmobile: Li\n{text}\n")
    assert any(sentence in each.problem for each in found.values()), found


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("mobile: Li", "the key 'prototypes' is missing; add it."),
        ("prototypes: salt.cif\nmobile: Li\ndopants: 1", "the key 'dopants' is unknown"),
        ("prototypes: salt.cif\nmobile: Xx", "mobile: it has to name elements, not ['Xx']; correct it."),
        ("prototypes: absent\nmobile: Li\natoms: 0", "atoms: it has to be a number from 1 to 1000, not 0"),
        ("prototypes: salt.cif\nmobile: Li\nsubstitutions: {Li: [Na, K], Cl: [K]}", "the substitutions overlap, as K"),
        (
            "prototypes: salt.cif\nmobile: Li\ndoping: {by: S}",
            "doping: it has the keys element, by, vacancy, fractions",
        ),
        ("prototypes: 3\nmobile: Li", "prototypes: it has to list files or folders"),
    ],
)
def test_a_family_file_that_is_wrong_is_one_sentence(folder, text, sentence):
    (folder / "family.yaml").write_text(text + "\n")
    with pytest.raises(InputError) as error:
        read_family(folder / "family.yaml")
    assert sentence in str(error.value)
