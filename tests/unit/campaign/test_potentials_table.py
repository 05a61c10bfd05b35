"""potentials.tsv: foundations, pinned hashes, members and the elements they know."""

import hashlib
from pathlib import Path

import pytest

from saltflow.base.errors import InputError
from saltflow.campaign.potentials_table import (
    COLUMNS,
    PotentialRow,
    check_members,
    read_potentials,
)
from saltflow.materials.compositions import Composition, read_compositions

CONFIG = Path(__file__).parents[3] / "config"
BASE = {
    "name": "base",
    "foundation": "none",
    "foundation_sha256": "-",
    "reference": "pbe-d3",
    "compositions": "LiCl NaCl",
    "note": "-",
}


@pytest.fixture
def write_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(*rows: dict[str, str]) -> Path:
        lines = ["\t".join(COLUMNS), *("\t".join({**BASE, **row}[name] for name in COLUMNS) for row in rows)]
        table = tmp_path / "potentials.tsv"
        table.write_text("\n".join(lines) + "\n")
        return table

    return write


def problems_of(table: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        read_potentials(table, references=["pbe-d3", "gfn1-xtb", "teacher"], universal=["teacher"])
    return caught.value.problems


def salt(formula: str, *, potential: str, start: str = "pack") -> Composition:
    identity = {
        "id": formula,
        "formula": formula,
        "host": "",
        "salt": "",
        "mobile_ion": formula[:2],
        "start": start,
    }
    described = Composition.from_identity(identity | {"oxidation_states": {}, "density_g_cm3": 2.0})
    return Composition(**vars(described) | {"potential": potential})


def potential(name: str, foundation: str, *members: str, sha256: str = "") -> PotentialRow:
    return PotentialRow(name, foundation, sha256, "pbe-d3", members, "")


# The shipped table


def test_shipped_tables_agree():
    potentials = read_potentials(CONFIG / "potentials.tsv", references=["pbe-d3"])
    compositions = read_compositions(CONFIG / "compositions.tsv", potentials=potentials)
    check_members(potentials, compositions)
    families = {name: row for name, row in potentials.items() if name != "oxyhalide-base"}
    assert {row.foundation for row in families.values()} == {"oxyhalide-base"}
    for name, row in families.items():
        users = [composition.id for composition in compositions.values() if composition.potential == name]
        assert list(row.compositions) == users


def test_shipped_base_knows_every_element_of_the_amorphous_catalogue():
    potentials = read_potentials(CONFIG / "potentials.tsv", references=["pbe-d3"])
    compositions = read_compositions(CONFIG / "compositions.tsv", potentials=potentials)
    known = {symbol for member in potentials["oxyhalide-base"].compositions for symbol in compositions[member].amounts}
    packed = [composition for composition in compositions.values() if composition.start == "pack"]
    assert known == {symbol for composition in packed for symbol in composition.amounts}


# Bad input


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ({"name": "a/b"}, "column name: 'a/b' is not a safe folder name"),
        ({"name": "none"}, "column name: 'none' is a reserved word; choose another name"),
        (
            {"reference": "pbe0"},
            "column reference: 'pbe0' is not a reference method; name one of pbe-d3, gfn1-xtb",
        ),
        (
            {"foundation": "bass"},
            "column foundation: 'bass' is neither a potential of this table, a universal potential nor a file;",
        ),
        ({"foundation": "-"}, "column foundation: the cell is empty; write 'none'"),
        (
            {"foundation": "model.pt"},
            "column foundation_sha256: the hash is missing; write what `sha256sum model.pt`",
        ),
        (
            {"foundation": "model.pt", "foundation_sha256": "abc123"},
            "'abc123' is not a SHA-256 of 64 hexadecimal digits",
        ),
        (
            {"foundation_sha256": "0" * 64},
            "column foundation_sha256: 'none' is not a file and has no hash; write '-'",
        ),
        ({"compositions": "-"}, "column compositions: no composition trains this potential; list ids"),
        ({"compositions": "LiCl LiCl"}, "column compositions: 'LiCl' is listed 2 times; list it once"),
        (
            {"reference": "-"},
            "column reference: '-' uses the foundation as it is, but there is none; name a universal potential",
        ),
        (
            {"reference": "-", "foundation": "lost.pt"},
            "column foundation: 'lost.pt' is neither a potential of this table, a universal potential nor a file;",
        ),
        (
            {"reference": "-", "foundation": "models/mace-mpa-0-medium.model"},
            "the published model 'models/mace-mpa-0-medium.model' is not there; `saltflow foundation fetch "
            "mace-mpa-0-medium --to {folder}/models` fetches it where there is a network.",
        ),
        ({"name": "teacher"}, "column name: 'teacher' is a reserved word; choose another name"),
        (
            {"foundation": "teacher", "foundation_sha256": "0" * 64},
            "column foundation_sha256: 'teacher' is not a file and has no hash; write '-'",
        ),
        (
            {"foundation": "base"},
            "column foundation: the foundations run in a circle (base → base); let one begin",
        ),
    ],
)
def test_bad_cell_is_named_with_its_remedy(write_table, tmp_path, cells, sentence):
    (tmp_path / "model.pt").write_bytes(b"weights")
    (problem,) = problems_of(write_table(cells))
    assert problem.startswith(f"potentials.tsv, line 2 ({cells.get('name', 'base')})")
    assert sentence.replace("{folder}", str(tmp_path)) in problem


def test_duplicated_name(write_table):
    (problem,) = problems_of(write_table({}, {"name": "Base"}))
    assert "line 3 (Base), column name: 'Base' is a duplicate of 'base'" in problem


def test_circle_of_foundations_is_named_on_each_member(write_table):
    rows = (
        {"foundation": "second"},
        {"name": "second", "foundation": "base"},
        {"name": "leaf", "foundation": "base"},
    )
    first, second = problems_of(write_table(*rows))
    assert "(base → second → base)" in first
    assert "(second → base → second)" in second


def test_empty_table_and_all_problems_at_once(write_table):
    assert problems_of(write_table()) == ["potentials.tsv has a header but no row; add one row per name."]
    assert len(problems_of(write_table({"reference": "x", "compositions": "-"}, {"name": "b", "foundation": "c"}))) == 3


# Foundations that are used as they are


def test_another_potential_is_no_foundation_to_use_as_it_is(write_table):
    (problem,) = problems_of(write_table({}, {"name": "copy", "foundation": "base", "reference": "-"}))
    assert "(copy), column reference: '-' uses the foundation as it is, but 'base' is a potential of this" in problem


def test_a_foundation_is_used_as_it_is_without_a_reference(write_table, tmp_path):
    (tmp_path / "model.pt").write_bytes(b"weights")
    cells = {"foundation": "model.pt", "foundation_sha256": "0" * 64, "reference": "-"}
    row = read_potentials(write_table(cells), references=["pbe-d3"])["base"]
    assert (row.is_trained, row.compositions) == (False, ("LiCl", "NaCl"))
    (problem,) = problems_of(write_table(cells | {"compositions": "-"}))
    assert "column compositions: no composition is driven by this potential; list ids" in problem


def test_it_drives_the_compositions_of_its_row_alone_and_nothing_starts_from_it():
    compositions = {name: salt(name, potential="as-it-is") for name in ("LiCl", "LiBr")}
    row = PotentialRow("as-it-is", "model.pt", "0" * 64, "", ("LiCl",), "")
    with pytest.raises(InputError) as caught:
        check_members({"as-it-is": row, "leaf": potential("leaf", "as-it-is", "LiCl")}, compositions)
    beyond, heir = caught.value.problems
    assert (
        beyond
        == "Composition LiBr, column potential: 'as-it-is' drives the compositions of its row only; add it there."
    )
    assert heir == (
        "Potential leaf, column foundation: 'as-it-is' is not trained (reference '-'); name its model file and SHA-256 "
        "instead."
    )


# Foundation files


def test_file_foundation_with_a_hash(write_table, tmp_path):
    (tmp_path / "model.pt").write_bytes(b"weights")
    sha256 = hashlib.sha256(b"weights").hexdigest()
    table = write_table({"foundation": "model.pt", "foundation_sha256": sha256.upper()})
    row = read_potentials(table, references=["pbe-d3"])["base"]
    assert row.foundation == "model.pt"


# Members and elements


def test_member_must_exist_and_have_a_start():
    compositions = {"LiCl": salt("LiCl", potential="", start="none")}
    with pytest.raises(InputError) as caught:
        check_members({"base": potential("base", "none", "LiCl", "LiBr")}, compositions)
    none, absent = caught.value.problems
    assert none.startswith("Potential base, column compositions: 'LiCl' has start 'none', so no structure can train it")
    assert "'LiBr' is not in compositions.tsv; add it there or remove it" in absent


def test_elements_of_a_foundation_do_not_count():
    compositions = {"LiCl": salt("LiCl", potential="leaf"), "NaBr": salt("NaBr", potential="leaf")}
    chain = {"base": potential("base", "none", "NaBr", "LiCl"), "leaf": potential("leaf", "base", "LiCl")}
    with pytest.raises(InputError) as caught:
        check_members(chain, compositions)
    (problem,) = caught.value.problems
    assert problem.startswith("Composition NaBr, column potential: nothing that trains 'leaf' contains Br, Na; list")


def test_a_foundation_must_know_the_elements_of_what_starts_from_it():
    compositions = {"LiCl": salt("LiCl", potential="leaf"), "NaBr": salt("NaBr", potential="base")}
    chain = {"base": potential("base", "none", "NaBr"), "leaf": potential("leaf", "base", "LiCl")}
    with pytest.raises(InputError) as caught:
        check_members(chain, compositions)
    (problem,) = caught.value.problems
    assert problem.startswith("Potential leaf, column foundation: nothing that trains 'base' contains Cl, Li; list")


def test_a_foundation_may_have_learned_from_another_method():
    base, heir = potential("base", "none", "LiCl"), potential("heir", "base", "LiCl")
    teacher = PotentialRow(**vars(base) | {"reference": "teacher"})
    check_members({"base": teacher, "heir": heir}, {"LiCl": salt("LiCl", potential="heir")})


def test_unknown_element_is_named():
    compositions = {name: salt(name, potential="base") for name in ("LiCl", "NaBr")}
    with pytest.raises(InputError) as caught:
        check_members({"base": potential("base", "none", "LiCl")}, compositions)
    (problem,) = caught.value.problems
    assert problem.startswith("Composition NaBr, column potential: nothing that trains 'base' contains Br, Na; list")


def test_a_foundation_file_is_no_excuse_for_an_untrained_element():
    compositions = {name: salt(name, potential="base") for name in ("LiCl", "NaBr")}
    with pytest.raises(InputError):
        check_members({"base": potential("base", "model.pt", "LiCl", sha256="0" * 64)}, compositions)
