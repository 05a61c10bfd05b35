"""Barriers over x: phases that the study of barriers takes as they are, and its ranking read back."""

from electrode_models import SETTINGS, BondedHost, rock_salt

from saltflow.materials.structure_files import read_structure
from saltflow.materials.structure_names import structure_files
from saltflow.studies.barriers.barrier_ranking import COLUMNS, OF_MD, OF_TABLE
from saltflow.studies.electrodes.electrode_part import results_part
from saltflow.studies.electrodes.electrode_study import study_electrode

QUICK = SETTINGS | {"points": 3, "candidates": 1, "force_eV_A": 0.05}


def test_phases_are_files_of_the_ions_at_each_x_and_the_ranking_is_read_back(tmp_path):
    def record():
        return study_electrode(rock_salt(), BondedHost(), ion="Li", settings=QUICK, folder=tmp_path)

    (tmp_path / "phases").mkdir()
    (tmp_path / "phases/0003-ions.vasp").write_text("of another range")
    assert "barriers" not in record()
    files = structure_files([str(tmp_path / "phases")])
    assert [file.stem for file in files] == ["0002-ions", "0004-ions"]
    assert str(read_structure(files[0]).symbols.formula.reduce()[0]) == "LiTi2"
    ranking = [
        {"structure": "0002-ions", "status": "ok", "barrier_1D_eV": "0.3000", "barrier_2D_eV": "0.4000"},
        {"structure": "0004-ions", "status": "no path crosses the crystal"},
    ]
    columns = [*COLUMNS, *OF_TABLE, *OF_MD]
    lines = [columns, *([row.get(name, "") for name in columns] for row in ranking)]
    (tmp_path / "barriers").mkdir()
    (tmp_path / "barriers/ranking.tsv").write_text("".join("\t".join(line) + "\n" for line in lines))
    again = record()
    empty = dict.fromkeys(("barrier_1D_eV", "barrier_2D_eV", "barrier_3D_eV"))
    assert again["barriers"] == [
        {"x": 0.5, "ions": 2, "status": "ok"} | empty | {"barrier_1D_eV": 0.3, "barrier_2D_eV": 0.4},
        {"x": 1.0, "ions": 4, "status": "no path crosses the crystal"} | empty,
    ]
    titles = [block["title"] for block in results_part(again, tmp_path)["blocks"]]
    assert {"Barriers over x", "Paths over x"} <= set(titles)
