"""The check finds what is wrong with a reference, and says when nothing is."""

import re
import shutil

import pytest
import yaml
from reference_cases import DRAFT_PBE, GFN1

from saltflow.base.errors import SaltflowError
from saltflow.labels.reference import tblite
from saltflow.labels.reference.__main__ import main
from saltflow.labels.reference.label import LabelFailure, Result
from saltflow.labels.reference.method_check import Row, check_reference, table
from saltflow.labels.reference.tblite import TbliteBackend

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
    return [row.quantity for row in rows if not row.right]


def test_a_sound_reference_passes(tmp_path):
    rows, label = check_reference(GFN1, workdir=tmp_path, limit_s=1000.0)
    assert [row.quantity for row in rows] == NAMES
    assert wrong(rows) == []
    assert label.details["code"].startswith("tblite ")


def test_the_command_says_so_and_its_exit_code(capsys):
    assert main(["check", "--reference", "gfn1-xtb", "--limit-s", "1000"]) == 0
    printed = capsys.readouterr().out
    assert "Everything is as it should be." in printed
    assert printed.count(" ok\n") == len(NAMES)
    assert len(re.findall(r"^  .+: [0-9.]+ s$", printed, re.MULTILINE)) == 8, "each frame is told"


def test_cores_that_are_none_are_refused(capsys):
    with pytest.raises(SystemExit) as refusal:
        main(["check", "--cores", "0"])
    assert refusal.value.code == 2
    assert "0 is no number of cores; give 1 or more" in capsys.readouterr().err


def test_a_slow_machine_is_told(capsys):
    assert main(["check", "--reference", "gfn1-xtb", "--limit-s", "1e-6"]) == 1
    assert "1 of 7 are not as they should be" in capsys.readouterr().out


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


def test_a_missing_program_and_an_unknown_name_are_sentences(tmp_path, capsys):
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"references": {"pbe-d3": {"command": "no-such-cp2k -s"}}}))
    assert main(["check", "--configfile", str(config)]) == 1
    assert "'no-such-cp2k -s' is not installed" in capsys.readouterr().err
    assert main(["check", "--reference", "pbe"]) == 1
    assert "'pbe' is not a reference; name one of gfn1-xtb" in capsys.readouterr().err


def test_the_table_marks_what_is_wrong():
    rows = [Row("force", 1.0, 1.1, 0.2, "eV/Å"), Row("stress", 1.0, 2.0, 0.2, "GPa"), Row("time", 9.0, None, 5.0, "s")]
    assert [line.split()[-1] for line in table(rows).splitlines()[1:]] == ["ok", "WRONG", "WRONG"]


@pytest.mark.skipif(not shutil.which("cp2k.psmp"), reason="cp2k.psmp is not installed")
def test_a_program_that_is_there_and_a_basis_that_is_not(tmp_path):
    bare = DRAFT_PBE.model_copy(update={"basis": "TZVP-MOLOPT-NONE"})
    with pytest.raises(SaltflowError, match="no basis TZVP-MOLOPT-NONE-q3 for Li"):
        check_reference(bare, workdir=tmp_path, limit_s=1000.0)
