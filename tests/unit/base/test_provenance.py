"""Products appear whole or not at all, and models and jobs are known by their content."""

import os
import stat
from pathlib import Path

import pytest

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import (
    atomic_write,
    check_hash,
    derive_seed,
    digest,
    pinned_hash,
    read_json,
    sha256_of_file,
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


@pytest.mark.parametrize("content", [b"", b"{", b"\x00\xff\x80", b"<html>404</html>", b"[1]"])
def test_a_damaged_record_is_named_with_the_remedy(tmp_path, content):
    (tmp_path / "md.json").write_bytes(content)
    with pytest.raises(
        SaltflowError, match=r"md\.json is damaged \(.*\); .* delete it and start the same command again\."
    ):
        read_json(tmp_path / "md.json")


def test_another_model_is_refused_with_both_hashes(model):
    model.write_bytes(b"abd")
    with pytest.raises(SaltflowError, match=r"restore the file \(delete .*\), or correct foundation_sha256") as caught:
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
