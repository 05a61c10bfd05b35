"""Barriers of phases over x, read back: those of the phases as they are, and of no earlier ones."""

from types import SimpleNamespace

import pytest
from ase.build import bulk

from saltflow.studies.electrodes.barriers_over_x import COLUMNS, barriers_over_x, write_phases


def states(edge_A: float = 5.0) -> list[SimpleNamespace]:
    """Without ions, half filled and filled."""
    return [
        SimpleNamespace(ions=ions, atoms=bulk("LiCl", "rocksalt", a=edge_A + ions, cubic=True)) for ions in (0, 2, 4)
    ]


def rank(folder, *names: str) -> None:
    (folder / "barriers").mkdir()
    rows = ["\t".join(("structure", "status", *COLUMNS)), *(f"{name}\tok\t0.2\t0.3\t" for name in names)]
    (folder / "barriers/ranking.tsv").write_text("\n".join(rows) + "\n")


def test_a_phase_has_the_barriers_of_its_row(tmp_path):
    write_phases(states(), tmp_path)
    assert sorted(path.stem for path in (tmp_path / "phases").iterdir()) == ["0002-ions", "0004-ions"]
    assert barriers_over_x(states(), tmp_path, sites=4) == []
    rank(tmp_path, "0002-ions")
    write_phases(states(), tmp_path)  # typed again
    (row,) = barriers_over_x(states(), tmp_path, sites=4)
    assert (row["x"], row["ions"], row["status"]) == (0.5, 2, "ok")
    assert [row[name] for name in COLUMNS] == [0.2, pytest.approx(0.3), None]


def test_barriers_of_a_phase_that_has_changed_since_are_not_read(tmp_path):
    write_phases(states(), tmp_path)
    rank(tmp_path, "0002-ions", "0004-ions")
    changed = [*states()[:2], states(edge_A=5.5)[2]]
    write_phases(changed, tmp_path)
    assert [row["ions"] for row in barriers_over_x(changed, tmp_path, sites=4)] == [2]
