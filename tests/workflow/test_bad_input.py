"""Bad input through the real command line: one sentence that names the place and the remedy, and nothing changes."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from bad_inputs import BAD_INPUTS, write_sweep
from workplaces import Workplace

CONFIG = "tests/tiny/config.yaml"
COMPOSITIONS = "tests/tiny/compositions.tsv"
POTENTIALS = "tests/tiny/potentials.tsv"
OVERRIDES = "tests/tiny/overrides.yaml"
NOBODYS_HASH = "0" * 64
EMPTY_ZIP = b"PK\x03\x04" + bytes(26) + b"PK\x05\x06" + bytes(18)  # as torch begins and ends a file


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


def structure(content: bytes) -> Callable[[Workplace], None]:
    def write(campaign: Workplace) -> None:
        (campaign.repo / "tests/tiny/LiCl.cif").write_bytes(content)

    return write


def partially_occupied(campaign: Workplace) -> None:
    cif = campaign.repo / "tests/tiny/LiCl.cif"
    text = cif.read_text().replace("_atom_site_fract_z\n", "_atom_site_fract_z\n_atom_site_occupancy\n")
    text = text.replace("Li1 Li 0.0 0.0 0.0", "Li1 Li 0.0 0.0 0.0 0.5")
    cif.write_text(text.replace("Cl1 Cl 0.5 0.5 0.5", "Cl1 Cl 0.5 0.5 0.5 1.0"))


def foundation(content: bytes) -> Callable[[Workplace], None]:
    """The first potential starts from a file."""

    def write(campaign: Workplace) -> None:
        (campaign.work / "models").mkdir()
        (campaign.work / "models/foundation.model").write_bytes(content)
        edit_cell(campaign, POTENTIALS, 1, "foundation", str(campaign.work / "models/foundation.model"))
        edit_cell(campaign, POTENTIALS, 1, "foundation_sha256", NOBODYS_HASH)

    return write


def without_rows(campaign: Workplace) -> None:
    table = campaign.repo / COMPOSITIONS
    table.write_text(table.read_text().splitlines()[0] + "\n")


def emptied(campaign: Workplace) -> None:
    (campaign.repo / COMPOSITIONS).write_text("")


REFUSED = {
    "duplicated id": (
        cell(COMPOSITIONS, "id", "LiAlCl4", line=2),
        r"compositions\.tsv, line 3 \(LiAlCl4\), column id: 'LiAlCl4' is a duplicate.*rename one\.",
    ),
    "unbalanced formula": (cell(COMPOSITIONS, "formula", "LiAlCl3"), r"line 2 \(LiAlCl4\), column .*charge.*\."),
    "unknown element": (cell(COMPOSITIONS, "formula", "LiXxCl4"), r"line 2 \(LiAlCl4\), column formula: .*Xx.*\."),
    "tab in an id": (cell(COMPOSITIONS, "id", "Li\tAlCl4"), r"line 2 .*cells instead of.*remove the tab inside a cell"),
    "semicolon in an id": (cell(COMPOSITIONS, "id", "Li;AlCl4"), r"column id: 'Li;AlCl4' is not a safe folder name;"),
    "unknown potential": (
        cell(COMPOSITIONS, "potential", "nobody"),
        r"\(LiAlCl4\), column potential: 'nobody' is not in potentials.tsv; name one of base, fine-tuned\.",
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
        setting("  compositions: compositions.tsv", "  compositions: lost.tsv"),
        r"tables\.compositions: there is no file '.*tests/tiny/lost\.tsv'; correct its path, which is relative to",
    ),
    "missing foundation": (
        cell(POTENTIALS, "foundation", "models/lost.model"),
        r"potentials\.tsv, line 2 \(base\), column foundation: 'models/lost\.model' is neither a potential .* file;",
    ),
    "structure file of noise": (structure(bytes(300)), r"LiCl-crystal, column start: the file '.*LiCl\.cif' is binary"),
    "structure file of partial occupancies": (
        partially_occupied,
        r"LiCl-crystal, column start: the occupancies of .*LiCl\.cif' \(Li0\.5 Cl1 .*do not give the formula .*;",
    ),
    "foundation that is a web page": (
        foundation(b"<html>404</html>"),
        r"Potential base, column foundation: The model .*foundation\.model is a web page, .*; fetch it again",
    ),
    "foundation with another hash": (
        foundation(EMPTY_ZIP),
        rf"Potential base, column foundation: The model .* has SHA-256 .*{NOBODYS_HASH}.* it was not loaded",
    ),
    "density of no solid": (
        cell(COMPOSITIONS, "density_g_cm3", "1700"),
        r"\(LiAlCl4\), column density_g_cm3: 1700 g/cm3 is no density of a solid; write one from 0\.3 to 25",
    ),
    "temperature in °C": (
        setting("[500, 700, 900]", "[25, 500, 700]"),
        r"'sweep\.temperatures_K\.0' = 25 is not valid: .* \(is this in °C\?\); correct the value",
    ),
    "endless run": (
        setting("duration_ps: 0.2\n", "duration_ps: 1.0e+12\n"),
        r"duration_ps' = \S+ is not valid: no machine computes more than",
    ),
    "too few frames": (setting("duration_ps: 0.2\n", "duration_ps: 0.1\n"), r"duration_ps 0\.1 holds 50 frames of"),
    "time step of a bond": (
        setting("  barostat_time_fs: 300.0\n", "  barostat_time_fs: 300.0\n  timestep_fs: {default: 5.0}\n"),
        r"Composition LiAlCl4: dynamics\.timestep_fs\.default is 5 fs, but its fastest vibration takes about 42 fs",
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


TYPED = (
    "key twice",
    "key twice in a method",
    "UTF-16",
    "Python tag",
    "spreadsheet",
    "semicolons",
    "ids that differ by case",
)


@pytest.mark.parametrize("name", TYPED)
def test_a_bad_file_is_refused_by_snakemake_too(fresh: Workplace, name: str):
    config = write_sweep(fresh.work / "my sweep", BAD_INPUTS[name])
    result = replace(fresh, work=config.parent, config=str(config)).run("--dry-run")
    assert result.returncode != 0
    assert_sentence(result.stdout, re.escape(BAD_INPUTS[name].sentence))


def test_a_target_behind_configfile_is_said_to_go_first(fresh: Workplace):
    result = replace(fresh, config="").run("--dry-run", "--configfile", CONFIG, "results/summary/ranking.txt")
    assert result.returncode != 0
    assert_sentence(
        result.stdout,
        r"--configfile takes every word up to the next option, so results/summary/ranking\.txt would be read as "
        r"settings; put targets first: snakemake results/summary/ranking\.txt … --configfile tests/tiny/config\.yaml",
    )


@pytest.mark.parametrize("name", ["config.yaml", "config.yml", ""])
def test_a_sweep_whose_settings_are_not_named_is_not_another_sweep(fresh: Workplace, name: str):
    config = write_sweep(fresh.work / "my sweep")
    if name:
        config.rename(config.with_name(name))
    else:
        config.unlink()
    result = replace(fresh, work=config.parent, config="").run("--dry-run")
    assert result.returncode != 0
    remedy = re.escape(f"add --configfile '{config.parent / name}'") if name else "name them with --configfile"
    assert_sentence(result.stdout, f"the defaults are another sweep; {remedy}")


def test_a_sweep_in_a_folder_with_a_space_plans_what_is_in_it(fresh: Workplace):
    config = write_sweep(fresh.work / "my sweep")
    plan = replace(fresh, work=config.parent, config=str(config)).plan("results/LiAlCl4/replica1/cell.extxyz")
    assert list(plan) == ["build_cell composition=LiAlCl4 replica=1"]


def test_every_problem_of_every_row_is_listed_at_once(fresh: Workplace):
    edit_cell(fresh, COMPOSITIONS, 1, "formula", "LiXxCl4")
    edit_cell(fresh, COMPOSITIONS, 1, "density_g_cm3", "heavy")
    edit_cell(fresh, COMPOSITIONS, 2, "id", "Li;Cl")
    result = fresh.run("--dry-run")
    assert result.returncode != 0
    for sentence in (r"\(LiAlCl4\), column formula:", r"\(LiAlCl4\), column density_g_cm3:", r"\(Li;Cl\), column id:"):
        assert_sentence(result.stdout, sentence)


# ── products that something else has overwritten ───────────────────────────────────────────────

CELL, REPLICA = "results/LiAlCl4/replica1/cell.extxyz", "results/LiAlCl4/replica1/quenched.extxyz"
MODEL = "results/potentials/base/released.model"
FRAMES = "results/potentials/fine-tuned/generation1/frames.extxyz"
GARBAGE = {"binary": bytes(range(256)) * 8, "page": b"<!DOCTYPE html><html>404</html>", "empty": b""}
# Product → content, what reads it next, and the sentence.
OVERWRITTEN = {
    "cell": (CELL, "binary", REPLICA, r"cell\.extxyz is damaged \(.*delete it and start the same command again"),
    "replica": (
        REPLICA,
        "empty",
        "results/LiAlCl4/md/500K/md.json",
        r"replica1/quenched\.extxyz is damaged \(it holds 0 frames .*delete it and start the same command again",
    ),
    "model": (
        MODEL,
        "page",
        "results/potentials/fine-tuned/generation0/frames.extxyz",
        r"released\.model has SHA-256 .* not loaded: restore the file \(delete .* start the same command again\)",
    ),
    "frames": (
        FRAMES,
        "page",
        "results/potentials/fine-tuned/generation1/labels/chunk0.extxyz",
        r"generation1/frames\.extxyz is damaged \(.*delete it and start the same command again",
    ),
}


@pytest.mark.parametrize("name", OVERWRITTEN)
def test_an_overwritten_product_is_named_and_made_again(campaign: Workplace, name: str):
    product, kind, target, sentence = OVERWRITTEN[name]
    (campaign.work / product).write_bytes(GARBAGE[kind])
    result = campaign.run(target)
    assert result.returncode != 0
    assert_sentence(result.stdout, sentence)
    (campaign.work / product).unlink()
    again = campaign.run(target)
    assert again.returncode == 0, again.stdout[-3000:]
    assert (campaign.work / target).stat().st_size > 0


# ── places that cannot be written ──────────────────────────────────────────────────────────────


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


def mounted(folder: Path) -> None:
    """Make a mount of a folder on itself, which can be made read-only."""
    try:
        mount("--bind", str(folder), str(folder))
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"mounting needs root: {error}")


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


def test_a_read_only_sweep_folder(campaign: Workplace):
    mounted(campaign.work)
    before = snapshot(campaign.work)
    try:
        mount("-o", "remount,ro,bind", str(campaign.work))
        told = [campaign.run(), campaign.run("--dry-run"), *map(campaign.saltflow, ("plan", "tidy", "resume"))]
        status = campaign.saltflow("status")
    finally:
        subprocess.run(["umount", str(campaign.work)], check=True)
    for result in told:
        assert result.returncode != 0
        assert_sentence(result.stdout, r"cannot be written to; make it writable|Read-only file system.*; free")
    assert status.returncode == 0
    assert "Traceback" not in status.stdout
    assert snapshot(campaign.work) == before


BASE, POINT = "results/potentials/base/generation0", "results/LiAlCl4/md/500K"
LABELS = [f"{BASE}/labels/chunk0.extxyz", f"{BASE}/labels/chunk0.ledger.tsv"]
# Stage → its products, the first of which is asked for, and the folder whose disk is full.
FULL = {
    "labels": (LABELS, "labels"),
    "products of labels": (LABELS, f"{BASE}/labels"),
    "training": ([f"{BASE}/committee/member1.{end}" for end in ("model", "train_check.json")], f"{BASE}/committee"),
    "quench": (
        [f"results/LiAlCl4/replica1/{name}" for name in ("quenched.extxyz", "quench.json", "quench.h5md")],
        "results/LiAlCl4/replica1",
    ),
    "MD": ([f"{POINT}/{name}" for name in ("md.json", "replica1.h5md", "replica2.h5md")], POINT),
    "analysis": ([f"{POINT}/transport.json"], POINT),
}


@pytest.fixture
def disks() -> Iterator[Callable[[Path], None]]:
    """Gives a folder a small disk of its own, content included."""
    made: list[Path] = []

    def give(folder: Path) -> None:
        aside = folder.with_name(f"{folder.name}.aside")
        folder.rename(aside)
        folder.mkdir()
        try:
            mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder))
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"mounting needs root: {error}")
        made.append(folder)
        subprocess.run(["cp", "-a", f"{aside}/.", str(folder)], check=True)

    yield give
    for folder in made:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("stage", FULL)
def test_a_disk_that_is_full_at_one_stage(campaign: Workplace, finished: Path, disks: Callable, stage: str):
    """The job says so; with room it is done with the same result."""
    products, folder = FULL[stage]
    for product in products:
        (campaign.work / product).unlink()
    full = campaign.work / folder
    if stage == "labels":
        shutil.rmtree(full)
        full.mkdir()
    disks(full)
    ballast = full / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(full).free))
    result = campaign.run(products[0])
    assert result.returncode != 0
    assert_sentence(result.stdout, "No space left on device|[Dd]isk.*is full|free space on its disk")
    assert [product for product in products if (campaign.work / product).exists()] == []
    ballast.unlink()
    again = campaign.run(products[0])
    assert again.returncode == 0, again.stdout[-3000:]
    for product in products:
        before, after = (place / product for place in (finished / "work", campaign.work))
        if products is LABELS:  # a guess of the density that went differently: the last digits differ
            assert len(after.read_text().splitlines()) == len(before.read_text().splitlines())
        elif product.endswith((".extxyz", ".model")):
            assert after.read_bytes() == before.read_bytes()
        else:
            assert after.stat().st_size > 0
    assert campaign.plan(products[0]) == {}


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
