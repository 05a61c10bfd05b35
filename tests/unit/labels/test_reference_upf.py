"""Which pseudopotential an element gets from a folder, and why it gets none."""

import shutil
from pathlib import Path

import pytest
from reference_cases import DRAFT_PWSCF

from saltflow.base.errors import SaltflowError
from saltflow.labels.reference.labelling import check_elements
from saltflow.labels.reference.upf import find_pseudopotentials, read_header

V1 = """<UPF_INFO>
</UPF_INFO>
<PP_HEADER>
   0                   Version Number
  {element:<20} Element
   US                  Ultrasoft pseudopotential
    T                  Nonlinear Core Correction
 {functional} Exchange-Correlation functional
   {valence}      Z valence
</PP_HEADER>
<PP_MESH>
"""
V2 = """<UPF version="2.0.1">
  <PP_HEADER
    element="{element}"
    functional="{functional}"
    z_valence="{valence}"/>
  <PP_MESH dx="0.1">
"""
PBE = " SLA  PW   PBX  PBC"
# As the libraries name their files: pslibrary, GBRV, PseudoDojo, SG15.
NAMES = {
    "Li.pbe-s-kjpaw_psl.1.0.0.UPF": (V2, "Li", PBE, "3.0D0"),
    "zr_pbe_v1.uspp.F.UPF": (V1, "Zr", "SLA  PW   PBE  PBE     PBE ", "12.000"),
    "Cl.upf": (V2, "Cl", "PBE", "7.00"),
    "O_ONCV_PBE-1.2.upf": (V2, " O", "PBE", "6.00"),
}


@pytest.fixture
def library(tmp_path):
    for name, (form, element, functional, valence) in NAMES.items():
        (tmp_path / name).write_text(form.format(element=element, functional=functional, valence=valence))
    return tmp_path


def reference(folder: Path, **changes):
    return DRAFT_PWSCF.model_copy(update={"pseudopotential_path": str(folder), "pseudopotential_files": {}, **changes})


def test_files_of_the_usual_libraries_are_found(library):
    found = find_pseudopotentials(reference(library), ["Cl", "Li", "O", "Zr"])
    assert {element: each.path.name for element, each in found.items()} == {
        "Cl": "Cl.upf",
        "Li": "Li.pbe-s-kjpaw_psl.1.0.0.UPF",
        "O": "O_ONCV_PBE-1.2.upf",
        "Zr": "zr_pbe_v1.uspp.F.UPF",
    }
    assert {element: each.valence_electrons for element, each in found.items()} == {"Cl": 7, "Li": 3, "O": 6, "Zr": 12}
    assert len({each.sha256 for each in found.values()}) == 4


def test_everything_that_is_missing_is_listed_at_once(library):
    (library / "Al.pz-vbc.UPF").write_text(V2.format(element="Al", functional=" SLA  PZ   NOGX NOGC", valence=3))
    (library / "O.pbe-n-kjpaw.UPF").write_text(V2.format(element="O", functional=PBE, valence=6))
    wanted = {element: problem for element, problem in find_pseudopotentials(
        reference(library), ["Al", "Li", "Mn", "O", "Ta"]
    ).items() if isinstance(problem, str)}  # fmt: skip
    assert wanted["Al"].endswith("has no PBE pseudopotential for Al (Al.pz-vbc.UPF: SLA PZ NOGX NOGC)")
    assert "Mn is open-shell" in wanted["Mn"]
    assert "has 2 pseudopotentials for O (O.pbe-n-kjpaw.UPF, O_ONCV_PBE-1.2.upf)" in wanted["O"]
    assert wanted["Ta"].endswith("has no PBE pseudopotential for Ta")
    assert set(wanted) == {"Al", "Mn", "O", "Ta"}


def test_a_named_file_decides(library):
    (library / "O.pbe-n-kjpaw.UPF").write_text(V2.format(element="O", functional=PBE, valence=6))
    named = reference(library, pseudopotential_files={"O": "O.pbe-n-kjpaw.UPF", "Li": "lithium.UPF"})
    found = find_pseudopotentials(named, ["Li", "O"])
    assert found["O"].path.name == "O.pbe-n-kjpaw.UPF"
    assert "lithium.UPF of pseudopotential_files is not in" in found["Li"]


def test_a_file_of_another_element_is_not_taken_by_its_name(library):
    shutil.copy(library / "Cl.upf", library / "Na.upf")
    assert "has no PBE pseudopotential for Na" in find_pseudopotentials(reference(library), ["Na"])["Na"]


def test_a_wrong_folder_is_named_before_anything_runs(library):
    with pytest.raises(SaltflowError, match="nowhere does not exist: set pseudopotential_path"):
        find_pseudopotentials(reference(library / "nowhere"), ["Li"])


def test_a_missing_program_is_named():
    with pytest.raises(SaltflowError, match="'no-such-pw.x' is not installed"):
        check_elements(DRAFT_PWSCF.model_copy(update={"command": "no-such-pw.x"}), ["H"])


@pytest.mark.skipif(
    not Path(DRAFT_PWSCF.pseudopotential_path).is_dir(), reason="quantum-espresso-data is not installed"
)
def test_the_files_of_a_distribution_are_understood():
    folder = Path(DRAFT_PWSCF.pseudopotential_path)
    assert read_header(folder / "C.UPF").functional == "SLA PZ NOGX NOGC"
    assert read_header(folder / "B.pbe-n-kjpaw_psl.1.0.0.UPF").valence_electrons == 3
    assert "no PBE pseudopotential for Cl" in find_pseudopotentials(DRAFT_PWSCF, ["B", "Cl"])["Cl"]
