"""Bad input through the real command line: one sentence that names the place and the remedy, and nothing changes."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from workplaces import Workplace

CONFIG = "tests/tiny/config.yaml"
COMPOSITIONS = "tests/tiny/compositions.tsv"
POTENTIALS = "tests/tiny/potentials.tsv"
OVERRIDES = "tests/tiny/overrides.yaml"
NOBODYS_HASH = "0" * 64


def snapshot(work: Path) -> dict[str, tuple[int, int]]:
    """Every file of the results with its size and time."""
    files = [path for path in (work / "results").rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def assert_sentence(output: str, pattern: str) -> None:
    """The console shows the sentence, once per job, and no Python traceback."""
    assert re.search(pattern, output), output[-3000:]
    assert "Traceback" not in output, output[-3000:]


def edit_cell(campaign: Workplace, table: str, line: int, column: str, value: str) -> None:
    """Write a value into one cell of a table; line 1 is the first row below the header."""
    path = campaign.repo / table
    rows = [row.split("\t") for row in path.read_text().splitlines()]
    rows[line][rows[0].index(column)] = value
    path.write_text("".join("\t".join(row) + "\n" for row in rows))


def cell(table: str, column: str, value: str, *, line: int = 1) -> Callable[[Workplace], None]:
    return lambda campaign: edit_cell(campaign, table, line, column, value)


def setting(old: str, new: str) -> Callable[[Workplace], None]:
    return lambda campaign: campaign.replace(CONFIG, old, new)


def overriding(kind: str, name: str, changes: dict) -> Callable[[Workplace], None]:
    def write(campaign: Workplace) -> None:
        content = {"compositions": {}, "potentials": {}} | {kind: {name: changes}}
        (campaign.repo / OVERRIDES).write_text(yaml.safe_dump(content))

    return write


def without_rows(campaign: Workplace) -> None:
    table = campaign.repo / COMPOSITIONS
    table.write_text(table.read_text().splitlines()[0] + "\n")


def emptied(campaign: Workplace) -> None:
    (campaign.repo / COMPOSITIONS).write_text("")


REFUSED = {
    "table without rows": (without_rows, r"compositions\.tsv has a header but no row; add one row"),
    "empty table": (emptied, r"compositions\.tsv is empty; give it a header"),
    "duplicated id": (
        cell(COMPOSITIONS, "id", "LiAlCl4", line=2),
        r"compositions\.tsv, line 3 \(LiAlCl4\), column id: 'LiAlCl4' is a duplicate.*rename one\.",
    ),
    "unbalanced formula": (cell(COMPOSITIONS, "formula", "LiAlCl3"), r"line 2 \(LiAlCl4\), column .*charge.*\."),
    "unknown element": (cell(COMPOSITIONS, "formula", "LiXxCl4"), r"line 2 \(LiAlCl4\), column formula: .*Xx.*\."),
    "tab in an id": (cell(COMPOSITIONS, "id", "Li\tAlCl4"), r"line 2 .*cells instead of.*remove the tab inside a cell"),
    "slash in an id": (cell(COMPOSITIONS, "id", "Li/AlCl4"), r"column id: 'Li/AlCl4' is not a safe folder name; use"),
    "id that climbs": (cell(COMPOSITIONS, "id", ".."), r"column id: '\.\.' is not a safe folder name; use"),
    "semicolon in an id": (cell(COMPOSITIONS, "id", "Li;AlCl4"), r"column id: 'Li;AlCl4' is not a safe folder name;"),
    "unknown potential": (
        cell(COMPOSITIONS, "potential", "nobody"),
        r"\(LiAlCl4\), column potential: 'nobody' is not in potentials.tsv; name one of base, fine-tuned\.",
    ),
    "missing structure file": (
        cell(COMPOSITIONS, "start", "lost.cif", line=2),
        r"\(LiCl-crystal\), column start: the file '.*lost\.cif' does not exist; write",
    ),
    "negative temperature": (setting("[500, 700, 900]", "[500, -700, 900]"), r"'sweep\.temperatures_K\.1' = -700 is"),
    "misspelt key": (
        setting("temperatures_K: [500, 700, 900]", "temperatuers_K: [500, 700, 900]"),
        r"unknown key 'sweep\.temperatuers_K' \(did you mean 'temperatures_K'\?\); correct or delete it\.",
    ),
    "unknown composition in the sweep": (
        setting("sweep:\n", "sweep:\n  compositions: [LiAlCl5]\n"),
        r"sweep\.compositions: 'LiAlCl5' is not in compositions.tsv; correct the id or add a row\.",
    ),
    "missing table": (
        setting("tests/tiny/compositions.tsv", "tests/tiny/lost.tsv"),
        r"tables\.compositions: 'tests/tiny/lost\.tsv' was .*; correct the path in config\.yaml\.",
    ),
    "missing foundation": (
        cell(POTENTIALS, "foundation", "models/lost.model"),
        r"potentials\.tsv, line 2 \(base\), column foundation: 'models/lost\.model' is neither a potential .* file;",
    ),
    "override of an unknown composition": (
        overriding("compositions", "LiAlCl5", {"cells": {"atoms": 20}}),
        r"overrides\.yaml: composition 'LiAlCl5' is not in its table \(did you mean 'LiAlCl4'\?\); correct",
    ),
    "override of an unknown potential": (
        overriding("potentials", "nobody", {"labels": {"protocol": 2}}),
        r"overrides\.yaml: potential 'nobody' is not in its table; correct .*\.",
    ),
    "override of an unknown key": (
        overriding("compositions", "LiAlCl4", {"dynamics": {"duration": 3}}),
        r"overrides\.yaml: compositions: LiAlCl4: unknown key 'dynamics\.duration'.*; correct or delete it\.",
    ),
    "override of a section that has no such override": (
        overriding("compositions", "LiAlCl4", {"sweep": {"replicas": 3}}),
        r"LiAlCl4: 'sweep' cannot be overridden here; use cells,",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_before_anything_is_planned(campaign: Workplace, name: str):
    spoil, sentence = REFUSED[name]
    before = snapshot(campaign.work)
    spoil(campaign)
    result = campaign.run()
    assert result.returncode != 0
    assert_sentence(result.stdout, sentence)
    assert snapshot(campaign.work) == before


def test_every_problem_of_every_row_is_listed_at_once(fresh: Workplace):
    edit_cell(fresh, COMPOSITIONS, 1, "formula", "LiXxCl4")
    edit_cell(fresh, COMPOSITIONS, 1, "density_g_cm3", "heavy")
    edit_cell(fresh, COMPOSITIONS, 2, "id", "Li;Cl")
    result = fresh.run("--dry-run")
    assert result.returncode != 0
    for sentence in (r"\(LiAlCl4\), column formula:", r"\(LiAlCl4\), column density_g_cm3:", r"\(Li;Cl\), column id:"):
        assert_sentence(result.stdout, sentence)


def test_a_foundation_with_another_hash_is_not_loaded(campaign: Workplace):
    model = campaign.work / "models/foundation.model"
    model.parent.mkdir()
    model.write_bytes(b"not the model that was pinned")
    # Relative to the working directory, where Snakemake reads the tables.
    edit_cell(campaign, POTENTIALS, 1, "foundation", "models/foundation.model")
    edit_cell(campaign, POTENTIALS, 1, "foundation_sha256", NOBODYS_HASH)
    before = snapshot(campaign.work)
    products = [f"results/potentials/base/generation0/{name}" for name in ("frames.extxyz", "explored.json")]
    result = campaign.run(products[0])
    assert result.returncode != 0
    assert_sentence(result.stdout, rf"base.*foundation\.model has (the )?SHA-256 .*{NOBODYS_HASH}.*not.*loaded")
    after = snapshot(campaign.work)
    assert {path for path in before if path not in after} <= {str(campaign.work / product) for product in products}
    assert all(after[path] == before[path] for path in after)


def test_partial_occupancies_are_refused(campaign: Workplace):
    cif = campaign.repo / "tests/tiny/LiCl.cif"
    text = cif.read_text().replace("_atom_site_fract_z\n", "_atom_site_fract_z\n_atom_site_occupancy\n")
    text = text.replace("Li1 Li 0.0 0.0 0.0", "Li1 Li 0.0 0.0 0.0 0.5")
    cif.write_text(text.replace("Cl1 Cl 0.5 0.5 0.5", "Cl1 Cl 0.5 0.5 0.5 1.0"))
    cell_path = "results/LiCl-crystal/replica1/cell.extxyz"
    result = campaign.run(cell_path)
    assert result.returncode != 0
    sentence = r"LiCl-crystal.*sites of .*LiCl\.cif are partially occupied \(.*Li.*\); order the structure"
    assert_sentence(result.stdout, sentence)
    assert not (campaign.work / cell_path).exists()


# ── places that cannot be written ──────────────────────────────────────────────────────────────


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


@pytest.fixture
def small_disk(fresh: Workplace) -> Iterator[Path]:
    """An empty file system of 64 kB where the results go."""
    results = fresh.work / "results"
    results.mkdir()
    try:
        mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", str(results))
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"mounting needs root: {error}")
    try:
        yield results
    finally:
        subprocess.run(["umount", str(results)], check=True)


@pytest.mark.parametrize("folder_exists", [True, False])
def test_read_only_results(fresh: Workplace, small_disk: Path, folder_exists: bool):
    if folder_exists:
        (small_disk / "LiAlCl4/replica1").mkdir(parents=True)
    mount("-o", "remount,ro", str(small_disk))
    result = fresh.run("results/LiAlCl4/replica1/cell.extxyz")
    assert result.returncode != 0
    assert_sentence(result.stdout, rf"{small_disk} cannot be written to; make it writable or start elsewhere")
    assert fresh.plan("results/LiAlCl4/replica1/cell.extxyz")


def test_results_that_are_no_folder(fresh: Workplace):
    (fresh.work / "results").write_text("a file in the way")
    result = fresh.run("results/LiAlCl4/replica1/cell.extxyz")
    assert result.returncode != 0
    assert_sentence(result.stdout, r"work/results is a file where a folder is needed; move it away or start elsewhere")


def test_a_full_disk(fresh: Workplace, small_disk: Path):
    ballast = small_disk / "ballast"
    target = small_disk / "LiAlCl4/replica1/cell.extxyz"
    target.parent.mkdir(parents=True)
    ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free))
    result = fresh.run("results/LiAlCl4/replica1/cell.extxyz")
    assert result.returncode != 0
    sentence = r"LiAlCl4, replica 1 \| No space left on device.*free or mend it and start the same command again"
    assert_sentence(result.stdout, sentence)
    assert [path for path in small_disk.rglob("*") if path.is_file()] == [ballast]
    ballast.unlink()
    again = fresh.run("results/LiAlCl4/replica1/cell.extxyz")
    assert again.returncode == 0, again.stdout[-3000:]
    assert target.stat().st_size > 0
