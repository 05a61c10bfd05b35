"""`saltflow barriers`: one sentence for what it refuses, before anything is computed."""

import re
from pathlib import Path

import pytest
from called import called
from rock_salt_cif import ORDERED

from saltflow.studies.barriers.command import command


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--images", 0), "--images is 0; give 1 to 30"),
        (("--r-max", 50), "--r-max is 50 Å; give 1 to 8"),
        (("--temperatures", "warm"), "--temperatures is no list of numbers"),
        (("--cheapest", 0), "--cheapest is 0; give 1 or more hops"),
        (("--prefactors", "--vibrating-within", 0.5), "--vibrating-within is 0.5 Å; give 1 or more"),
        ((), "no release record beside it"),
        (("--potential", "alchemy"), "'alchemy' is no file, and none of .*chgnet-pbe"),
    ],
)
def test_what_is_refused_is_one_sentence(tmp_path: Path, options: tuple, sentence: str):
    (tmp_path / "salt.cif").write_text(ORDERED)
    (tmp_path / "any.model").write_bytes(b"PK")
    words = ("--mobile", "Na", "--potential", tmp_path / "any.model", "--out", tmp_path / "barriers")
    result = called(command, tmp_path / "salt.cif", *words, *options)
    assert result.exit_code == 1
    assert re.search(sentence, result.stderr)
    assert result.stderr.count("\n") == 1
