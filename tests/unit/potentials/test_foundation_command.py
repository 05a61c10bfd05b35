"""Fetching a foundation model: from mace's cache, with its hash; or a sentence."""

import hashlib

import pytest
from click.testing import CliRunner

from saltflow.cli import main


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """What mace has already fetched under the name `small`; a copy of mace without a network."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "cache/mace/20231210mace128L0_energy_epoch249model"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"a model")
    return path


def fetch(*arguments):
    return CliRunner().invoke(main, ["foundation", "fetch", *map(str, arguments)])


def test_the_row_of_a_fetched_model_is_printed(cached, tmp_path):
    result = fetch("small", "--to", tmp_path / "models")
    assert result.exit_code == 0, result.output
    file = tmp_path / "models/small.model"
    assert file.read_bytes() == b"a model"
    assert f"foundation         {file}" in result.output
    assert hashlib.sha256(b"a model").hexdigest() in result.output


def test_a_file_that_is_there_is_kept(cached, tmp_path):
    (tmp_path / "small.model").write_bytes(b"copied by hand")
    assert hashlib.sha256(b"copied by hand").hexdigest() in fetch("small", "--to", tmp_path).output


def test_a_name_that_mace_does_not_list_is_refused(tmp_path):
    result = fetch("huge", "--to", tmp_path)
    assert result.exit_code == 1
    assert result.stderr.startswith("'huge' is no foundation model that mace lists; take one of mace-mpa-0-medium, ")


def test_without_a_network_the_remedy_is_named(cached, tmp_path, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    result = fetch("large", "--to", tmp_path)
    assert result.exit_code == 1
    assert "could not be fetched" in result.stderr
    assert f"copy it to {tmp_path / 'large.model'}" in result.stderr
    assert not (tmp_path / "large.model").exists()


def test_a_published_model_with_another_hash_is_not_taken(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    cached = tmp_path / "cache/mace/macempa0mediummodel"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"not it")
    result = fetch("mace-mpa-0-medium", "--to", tmp_path / "models")
    assert result.exit_code == 1
    found = hashlib.sha256(b"not it").hexdigest()
    assert f"{cached} has SHA-256 {found} where 75428afe" in result.stderr
    assert "is published for mace-mpa-0-medium; delete it and fetch it again." in result.stderr
    assert not (tmp_path / "models/mace-mpa-0-medium.model").exists()
