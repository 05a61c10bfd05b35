"""Many crystals: each is studied, each failure is a sentence, and the ranking is by barrier."""

import pytest

from saltflow.base.errors import InputError
from saltflow.base.tables import read_table
from saltflow.materials.structure_names import structure_files
from saltflow.studies.barriers.barrier_ranking import COLUMNS
from saltflow.studies.barriers.screening import screen

BARRIERS_eV = {"slow": 0.6, "fast": 0.2, "blocked": None}


def study(file, folder):
    if file.stem == "broken":
        raise InputError(["There is no Li\nin it; name another."])
    barrier_eV = BARRIERS_eV[file.stem]
    each = barrier_eV and {"barrier_eV": barrier_eV, "limiting_hop": "h1"}
    hops = [{"status": "ok" if each else "not converged"}]
    return {"formula": "LiCl", "hops": hops, "percolation": dict.fromkeys(("1D", "2D", "3D"), each)}


def test_structures_are_ranked_with_reasons(tmp_path):
    names = ("slow.cif", "broken.cif", "fast.cif", "blocked.cif")
    for name in names:
        (tmp_path / name).write_text("data_")
    files = structure_files([str(tmp_path)])
    assert [file.name for file in files] == sorted(names)
    rows = screen(files, study, tmp_path / "out")
    assert [row["structure"] for row in rows] == ["fast", "slow", "blocked", "broken"]
    table = read_table(tmp_path / "out/ranking.tsv", columns=COLUMNS, key="structure")
    assert [row.cells["status"] for row in table] == [
        "ok",
        "ok",
        "no path crosses the crystal",
        "There is no Li in it; name another.",
    ]
    assert table[0].cells["barrier_3D_eV"] == "0.2000"


def test_folders_without_structures_and_equal_names_are_refused(tmp_path):
    with pytest.raises(InputError, match="holds no structure file"):
        structure_files([str(tmp_path)])
    with pytest.raises(InputError, match="Two files are called a"):
        structure_files(["a.cif", "x/a.vasp"])
