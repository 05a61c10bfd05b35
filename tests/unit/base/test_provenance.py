"""Products appear whole or not at all, and models and jobs are known by their content."""

import os
import re
import shutil
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from saltflow.base import provenance
from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import (
    atomic_write,
    check_hash,
    derive_seed,
    digest,
    identity,
    numbered,
    pinned_hash,
    read_json,
    scratch,
    sha256_of_file,
    title,
    write_json,
)

ROOT = Path(__file__).resolve().parents[3]
SHA256_OF_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


# ── atomic writes ──────────────────────────────────────────────────────────────────────────────


def test_a_product_appears_when_the_block_ends(tmp_path):
    target = tmp_path / "deep" / "table.tsv"
    with atomic_write(target) as temporary:
        assert temporary.parent == target.parent
        assert temporary.suffix == ".tsv"
        temporary.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert os.listdir(target.parent) == ["table.tsv"]


def test_a_failure_leaves_what_was_there_before(tmp_path):
    target = tmp_path / "table.tsv"
    target.write_text("old")

    def write_half():
        with atomic_write(target) as temporary:
            temporary.write_text("ha")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["table.tsv"]


def test_a_reader_of_the_old_product_keeps_it_whole(tmp_path):
    """A rename leaves the file that someone has open; writing into it would not."""
    target = tmp_path / "table.tsv"
    target.write_text("old")
    with target.open() as reader:
        with atomic_write(target) as temporary:
            temporary.write_text("new")
        assert reader.read() == "old"
    assert target.read_text() == "new"


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_permissions_are_those_of_an_ordinary_file(tmp_path, umask):
    before = os.umask(umask)
    try:
        with atomic_write(tmp_path / "table.tsv") as temporary:
            temporary.write_text("")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "table.tsv").stat().st_mode) == 0o666 & ~umask


def test_json_round_trip(tmp_path):
    content = {"σ_mS_cm": 1.5, "status": None, "points": [1, 2]}
    write_json(tmp_path / "result.json", content)
    assert read_json(tmp_path / "result.json") == content


# ── model hashes ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "foundation.model"
    path.write_bytes(b"abc")
    return path


def test_the_pinned_model_passes(model):
    assert sha256_of_file(model) == SHA256_OF_ABC
    check_hash(model, pinned=SHA256_OF_ABC)
    check_hash(model, pinned=SHA256_OF_ABC.upper())


def test_another_model_is_refused_with_both_hashes(model):
    model.write_bytes(b"abd")
    with pytest.raises(SaltflowError, match="was not loaded: restore the file or correct foundation_sha256") as caught:
        check_hash(model, pinned=SHA256_OF_ABC)
    assert SHA256_OF_ABC in str(caught.value)
    assert sha256_of_file(model) in str(caught.value)


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(SaltflowError, match=r"gone\.model is missing; put it there or correct potentials"):
        check_hash(tmp_path / "gone.model", pinned=SHA256_OF_ABC)


def test_the_pin_is_in_the_table_or_in_the_record_of_the_release(tmp_path):
    write_json(tmp_path / "released.json", {"sha256": "of the release"})
    assert pinned_hash({"kind": "file", "sha256": "of the table"}, release=None) == "of the table"
    assert pinned_hash({"kind": "potential"}, release=tmp_path / "released.json") == "of the release"


# ── digests ────────────────────────────────────────────────────────────────────────────────────


def test_a_digest_depends_on_content_alone():
    assert digest({"first": 1, "second": [1.0, None]}) == digest({"second": [1.0, None], "first": 1})
    assert digest({"first": 1}) != digest({"first": 2})
    assert digest([1, 2]) != digest([2, 1])


def test_seeds_stay_the_same_for_ever():
    """Another value would change every random choice of every sweep."""
    assert derive_seed(20260101, "glass", "LiAlCl2.5O0.75", 1) == 462052255
    assert derive_seed(20260101, "glass", "LiAlCl2.5O0.75", 2) == 372806033
    seeds = {derive_seed(1, "glass", index) for index in range(1000)}
    assert len(seeds) == 1000
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert derive_seed(1, "11") != derive_seed(11, "1")


# ── scratch folders ────────────────────────────────────────────────────────────────────────────


class JobKilledError(Exception):
    """Stands for whatever ends a job before its block does."""


def begin(target: Path, settings: object, inputs: list[Path]) -> Path:
    """Open a job's scratch folder, leave a checkpoint there and die."""
    folders = []
    with suppress(JobKilledError), scratch(target, settings, inputs=inputs) as folder:
        folders.append(folder)
        (folder / "checkpoint").write_text("half")
        raise JobKilledError
    return folders[0]


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    path = tmp_path / "frames.extxyz"
    path.write_text("frames")
    return path


def test_a_killed_job_finds_its_checkpoint_and_a_finished_one_leaves_nothing(tmp_path, frames):
    folder = begin(tmp_path / "product", {"epochs": 3}, [frames])
    copied = tmp_path / "elsewhere.extxyz"
    shutil.copy(frames, copied)
    with scratch(tmp_path / "product", {"epochs": 3}, inputs=[copied]) as again:
        assert again == folder
        assert (again / "checkpoint").read_text() == "half"
    assert sorted(os.listdir(tmp_path)) == ["elsewhere.extxyz", "frames.extxyz"]


def test_a_finished_job_of_a_repeated_group_resumes_at_its_end(tmp_path, frames):
    folder = begin(tmp_path / "product", {}, [frames])
    for _ in range(2):
        with scratch(tmp_path / "product", {}, inputs=[frames], keep=True) as again:
            assert again == folder
            assert (again / "checkpoint").read_text() == "half"


@pytest.mark.parametrize(("settings", "content"), [({"epochs": 4}, "frames"), ({"epochs": 3}, "other frames")])
def test_another_job_removes_stale_checkpoints(tmp_path, frames, settings, content):
    stale = begin(tmp_path / "product", {"epochs": 3}, [frames])
    frames.write_text(content)
    fresh = begin(tmp_path / "product", settings, [frames])
    assert fresh != stale
    assert not stale.exists()


def test_two_products_in_one_folder_keep_their_checkpoints_apart(tmp_path, frames):
    first, second = (begin(tmp_path / name, {}, [frames]) for name in ("member1", "member2"))
    assert first != second
    assert (first / "checkpoint").exists()
    assert (second / "checkpoint").exists()


# ── the record ─────────────────────────────────────────────────────────────────────────────────


def test_the_record_states_settings_packages_and_inputs(tmp_path, model):
    record = provenance.provenance(settings={"frame": "framework"}, inputs={"model": model}, seed=7)
    write_json(tmp_path / "record.json", record)
    stored = read_json(tmp_path / "record.json")
    assert stored["inputs"] == {"model": SHA256_OF_ABC}
    assert stored["settings"] == {"frame": "framework"}
    assert stored["seed"] == 7
    assert stored["packages"]["numpy"].count(".") == 2


# ── what a product is ──────────────────────────────────────────────────────────────────────────


def test_a_product_states_its_wildcards():
    free = identity({"composition": "LiCl", "temperature": "600"}, potential="chlorides")
    assert free == {"composition": "LiCl", "temperature_K": 600.0, "potential": "chlorides"}
    left_out = identity({"potential": "p", "generation": "2", "excluded": "LiF", "member": "1"})
    assert left_out == {"potential": "p", "generation": 2, "excluded_composition": "LiF", "member": 1}
    with pytest.raises(KeyError):
        identity({"unheard_of": "1"})


@pytest.mark.parametrize(
    ("wildcards", "words"),
    [
        ({"composition": "LiCl", "replica": "2"}, "LiCl, replica 2"),
        ({"composition": "LiCl", "mode": "TR", "temperature": "600"}, "LiCl, TR frozen, 600 K"),
        ({"potential": "p", "excluded": "LiF", "member": "3"}, "potential p, without LiF, member 3"),
        ({"reference": "gfn1-xtb", "element": "Al"}, "gfn1-xtb, Al"),
    ],
)  # fmt: skip
def test_a_product_has_a_title_for_messages(wildcards, words):
    assert title(identity(wildcards)) == words


def test_every_wildcard_of_the_rules_has_a_key():
    """A rule with another wildcard would fail at the end of its job."""
    (block,) = re.findall(r"^wildcard_constraints:\n((?:    .*\n)+)", (ROOT / "rules/common.smk").read_text(), re.M)
    assert set(re.findall(r"^    (\w+)=", block, re.M)) == set(provenance.IDENTITY)


def test_input_files_are_numbered_from_one():
    assert numbered("replica", ["a", "b"]) == {"replica1": "a", "replica2": "b"}
