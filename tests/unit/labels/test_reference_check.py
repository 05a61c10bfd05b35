"""The check finds what is wrong with a reference, and says when nothing is."""

import re
import shutil

import pytest
import yaml
from called import called
from reference_cases import DRAFT_PBE, GFN1

from saltflow.base.errors import SaltflowError
from saltflow.labels.reference import tblite
from saltflow.labels.reference.label import LabelFailure, Result
from saltflow.labels.reference.method_check import Comparison, check_reference, format_table
from saltflow.labels.reference.tblite import TbliteBackend
from saltflow.labels.reference_command import command

NAMES = [
    "force, from energies",
    "stress zz - xx, from energies",
    "stress xy, from energies",
    "net force",
    "energy of the displacement, GFN1-xTB",
    "force, GFN1-xTB",
    "seconds per frame, median",
]


def wrong(rows):
    return [row.quantity for row in rows if not row.agrees]


def test_a_correct_reference_agrees(tmp_path):
    rows, label = check_reference(GFN1, workdir=tmp_path, limit_s=1000.0)
    assert [row.quantity for row in rows] == NAMES
    assert wrong(rows) == []
    assert label.details["code"].startswith("tblite ")


def test_the_command_prints_the_comparison_and_its_exit_code():
    result = called(command, "check", "--reference", "gfn1-xtb", "--limit-s", "1000")
    assert result.exit_code == 0
    printed = result.stdout
    assert "Everything agrees." in printed
    assert printed.count(" ok\n") == len(NAMES)
    assert len(re.findall(r"^  .+: [0-9.]+ s$", printed, re.MULTILINE)) == 8, "each frame is told"


def test_cores_that_are_none_are_refused():
    refusal = called(command, "check", "--cores", "0")
    assert refusal.exit_code == 2
    assert "0 is not in the range x>=1" in refusal.stderr


def test_a_slow_machine_does_not_agree():
    result = called(command, "check", "--reference", "gfn1-xtb", "--limit-s", "1e-6")
    assert result.exit_code == 1
    assert "1 of 7 do not agree" in result.stdout


def replace_backend(monkeypatch, compute):
    """tblite that computes in another way, in this process."""
    monkeypatch.setattr(TbliteBackend, "compute", compute)
    monkeypatch.setattr(tblite, "start_backend", lambda reference, workdir, processes: TbliteBackend(reference))


def wrapped(monkeypatch, change):
    """tblite with its results changed, as an interface with a mistake would change them."""
    right = TbliteBackend.compute
    replace_backend(monkeypatch, lambda self, atoms: change(right(self, atoms)))


@pytest.mark.parametrize(
    ("mistake", "found"),
    [
        ("forces in Ha/bohr", ["force, from energies", "force, GFN1-xTB"]),
        ("forces with the other sign", ["force, from energies", "force, GFN1-xTB"]),
        ("stress in GPa", ["stress zz - xx, from energies", "stress xy, from energies"]),
        ("stress with the other sign", ["stress xy, from energies"]),
        ("energies in Ha", ["force, from energies", "energy of the displacement, GFN1-xTB"]),
    ],
)
def test_a_wrong_unit_or_sign_is_found(monkeypatch, tmp_path, mistake, found):
    factors = {
        "forces in Ha/bohr": (1, 1 / 51.42, 1),
        "forces with the other sign": (1, -1, 1),
        "stress in GPa": (1, 1, 160.2),
        "stress with the other sign": (1, 1, -1),
        "energies in Ha": (1 / 27.21, 1, 1),
    }
    energy, force, stress = factors[mistake]

    def change(result: Result) -> Result:
        return Result(
            result.energy_eV * energy, result.forces_eV_A * force, result.stress_eV_A3 * stress, 1, result.details
        )

    wrapped(monkeypatch, change)
    rows, _ = check_reference(GFN1, workdir=tmp_path, limit_s=1000.0)
    assert set(found) <= set(wrong(rows))


def test_a_frame_without_a_label_stops_with_its_reason(monkeypatch, tmp_path):
    def fail(self, atoms):
        raise LabelFailure("crashed", "out of luck", attempts=1, details={"output": "the last words"})

    replace_backend(monkeypatch, fail)
    with pytest.raises(SaltflowError, match="LiCl, perfect: crashed, out of luck(.|\n)*the last words"):
        check_reference(GFN1, workdir=tmp_path, limit_s=1000.0)


def test_a_missing_program_and_an_unknown_name_are_sentences(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"references": {"pbe-d3": {"command": "no-such-cp2k -s"}}}))
    missing = called(command, "check", "--configfile", config)
    assert missing.exit_code == 1
    assert "'no-such-cp2k -s' is not installed" in missing.stderr
    unknown = called(command, "check", "--reference", "pbe")
    assert unknown.exit_code == 1
    assert "'pbe' is not a reference; name one of chgnet-pbe, diep-r2scan, gfn1-xtb" in unknown.stderr


def test_the_table_marks_what_is_wrong():
    rows = [
        Comparison("force", 1.0, 1.1, 0.2, "eV/Å"),
        Comparison("stress", 1.0, 2.0, 0.2, "GPa"),
        Comparison("time", 9.0, None, 5.0, "s"),
    ]
    assert [line.split()[-1] for line in format_table(rows).splitlines()[1:]] == ["ok", "WRONG", "WRONG"]


@pytest.mark.skipif(not shutil.which("cp2k.psmp"), reason="cp2k.psmp is not installed")
def test_a_missing_basis_is_found(tmp_path):
    bare = DRAFT_PBE.model_copy(update={"basis": "TZVP-MOLOPT-NONE"})
    with pytest.raises(SaltflowError, match="no basis TZVP-MOLOPT-NONE-q3 for Li"):
        check_reference(bare, workdir=tmp_path, limit_s=1000.0)
