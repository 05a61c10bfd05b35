"""Isolated anions and their cages: crystals with known answers, and named examples of a measured collection."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.spacegroup import crystal
from click.testing import CliRunner

from saltflow.studies.screening.anion_table import study_anions, table_of, text_of
from saltflow.studies.screening.anions_command import command

OBELIX = Path(__file__).resolve().parents[4] / "shared/data/obelix/cifs.zip"
ARGYRODITE = """data_argyrodite
_symmetry_space_group_name_H-M 'F -4 3 m'
_symmetry_Int_Tables_number 216
_cell_length_a 9.859
_cell_length_b 9.859
_cell_length_c 9.859
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Li1 Li 0.3071 0.0251 0.6929 0.5
P1 P 0 0 0.5 1
S1 S 0.1190 -0.1190 0.6190 1
S2 S 0.25 0.25 0.75 1
Cl1 Cl 0 0 0 1
"""


def in_file(atoms: Atoms, folder: Path, name: str) -> Path:
    atoms.write(folder / f"{name}.cif")
    return folder / f"{name}.cif"


def lithium_nitride() -> Atoms:
    places = [(0, 0, 0), (0, 0, 0.5), (1 / 3, 2 / 3, 0)]
    return crystal(["N", "Li", "Li"], places, spacegroup=191, cellpar=[3.648, 3.648, 3.875, 90, 90, 120])


def antiperovskite() -> Atoms:
    """Li3OCl."""
    places = [(0.5, 0.5, 0.5), (0, 0, 0), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)]
    return Atoms("OClLi3", scaled_positions=places, cell=[3.91] * 3, pbc=True)


def test_nitrogen_of_lithium_nitride_is_isolated_among_eight_ions(tmp_path):
    found = study_anions(in_file(lithium_nitride(), tmp_path, "Li3N"), mobile="Li")
    assert found["isolated_share"] == 1
    (nitrogen,) = found["anions"]
    assert (nitrogen["neighbours"], nitrogen["site_symmetry"]) == ({"Li": 8.0}, "6/mmm")
    assert found["network"] == {"next_A": pytest.approx(3.648), "shared": "edge", "dimensions": 3}


def test_both_anions_of_an_antiperovskite_are_isolated(tmp_path):
    found = study_anions(in_file(antiperovskite(), tmp_path, "Li3OCl"), mobile="Li")
    assert {each["elements"]: each["neighbours"]["Li"] for each in found["anions"]} == {"O": 6, "Cl": 12}
    assert all(each["isolated"] and each["site_symmetry"] == "m-3m" for each in found["anions"])
    assert found["network"]["next_A"] == pytest.approx(3.91 * np.sqrt(3) / 2, abs=1e-3)
    assert found["network"]["shared"] == "face"


def test_bonded_anions_are_not_isolated(tmp_path):
    places = [(0.125,) * 3, (0.5,) * 3, (0.263,) * 3]
    cellpar = [8.24, 8.24, 8.24, 90, 90, 90]
    spinel = crystal(["Li", "Mn", "O"], places, spacegroup=227, setting=2, cellpar=cellpar)
    found = study_anions(in_file(spinel, tmp_path, "LiMn2O4"), mobile="Li")
    assert found["isolated_share"] == 0
    assert found["network"] == {"next_A": None, "shared": None, "dimensions": 0}
    assert found["anions"][0]["neighbours"] == {"Li": 1.0, "Mn": 3.0}


def test_argyrodites_have_two_isolated_anions_among_half_empty_sites(tmp_path):
    (tmp_path / "argyrodite.cif").write_text(ARGYRODITE)
    found = study_anions(tmp_path / "argyrodite.cif", mobile="Li")
    isolated = {each["elements"]: each for each in found["anions"] if each["isolated"]}
    assert set(isolated) == {"S", "Cl"}
    assert found["isolated_share"] == pytest.approx(1 / 3)
    assert isolated["S"]["neighbours"] == {"Li": pytest.approx(6)}
    assert isolated["S"]["site_symmetry"] == isolated["Cl"]["site_symmetry"] == "-43m"
    assert found["network"]["dimensions"] == 3


def test_places_of_one_ion_are_one_corner_of_a_cage(tmp_path):
    """Two chlorine ions share one lithium, which is in either of two places 1 Å apart."""
    text = "\n".join(
        [
            "data_pair",
            "_symmetry_space_group_name_H-M 'P 1'",
            *(f"_cell_length_{axis} {length}" for axis, length in zip("abc", (20, 20, 4.9), strict=True)),
            *(f"_cell_angle_{angle} 90" for angle in ("alpha", "beta", "gamma")),
            "loop_",
            *(f"_atom_site_{name}" for name in ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy")),
            "Cl1 Cl 0.5 0.5 0 1",
            "Li1 Li 0.525 0.5 0.5 0.5",
            "Li2 Li 0.475 0.5 0.5 0.5",
        ]
    )
    (tmp_path / "pair.cif").write_text(text + "\n")
    network = study_anions(tmp_path / "pair.cif", mobile="Li")["network"]
    assert network == {"next_A": pytest.approx(4.9), "shared": "corner", "dimensions": 1}


def test_a_file_that_is_wrong_stops_no_other(tmp_path):
    files = [in_file(antiperovskite(), tmp_path, "good"), in_file(bulk("Na"), tmp_path, "metal"), tmp_path / "none.cif"]
    (tmp_path / "none.cif").write_text("data_\n")
    records = table_of(files, mobile="Li", charges="", say=print)
    assert records["good"]["status"] == "ok"
    assert "no usual oxidation states make" in records["metal"]["status"]
    assert "none.cif" in records["none"]["status"]
    lines = text_of(records).splitlines()
    assert [line.split("\t")[0] for line in lines] == ["structure", "good", "metal", "none"]
    sodium = table_of([files[0]], mobile="Na", charges="", say=print)
    assert sodium["good"]["status"] == f"'{files[0]}' holds no cation Na; name another with --mobile."


def test_the_command_writes_a_table_of_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "crystals").mkdir()
    in_file(antiperovskite(), tmp_path / "crystals", "a")
    in_file(lithium_nitride(), tmp_path / "crystals", "b")
    said = CliRunner().invoke(command, ["crystals"])
    assert said.exit_code == 0, said.output
    assert "2 of 2 structures have isolated anions; 0 could not be read." in said.output
    assert (tmp_path / "anions/anions.tsv").read_text().count("\n") == 3
    empty = tmp_path / "empty"
    empty.mkdir()
    refused = CliRunner().invoke(command, ["empty"])
    assert refused.exit_code != 0
    refused = CliRunner().invoke(command, ["absent.cif"])
    assert refused.exit_code != 0
    assert "the file 'absent.cif' does not exist" in refused.output
    assert "None of 1 structures could be read; anions/anions.tsv says why." in refused.output + str(refused.exception)


@pytest.mark.skipif(not OBELIX.is_file(), reason="../shared/data/obelix is absent")
@pytest.mark.parametrize(
    ("structure", "elements"),
    [("j8q", set()), ("122", {"Cl/S"}), ("gvd", {"N"})],
    ids=["Li10GeP2S12", "Li6PS5Cl", "Li3N"],
)
def test_named_examples_are_as_published(structure, elements, tmp_path):
    with zipfile.ZipFile(OBELIX) as archive:
        (name,) = [each for each in archive.namelist() if Path(each).name == f"{structure}.cif"]
        file = Path(archive.extract(name, tmp_path))
    found = study_anions(file, mobile="Li")
    assert {each["elements"] for each in found["anions"] if each["isolated"]} == elements
