"""What a command line of Snakemake names is checked before Snakemake reads it."""

import pytest

from engine.command_line import check_command_line, check_settings
from saltflow.base.errors import InputError


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--configfile", "good.yaml", "results/a.json"], "put targets first: snakemake results/a.json … --configfile"),
        (["--configfiles", "good.yaml", "rank_electrolytes"], "so rank_electrolytes would be read as settings"),
        (["--configfile", "good.yaml", "lost.yaml"], "There is no configuration lost.yaml; correct its path."),
        (["--configfile=lost.yaml"], "There is no configuration lost.yaml"),
        (["-n", "--configfile", "twice.yaml"], "twice.yaml, line 2: the key 'a' is there twice, first in line 1"),
    ],
)
def test_settings_that_are_none_are_refused(tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yaml").write_text("a: 1\n")
    (tmp_path / "twice.yaml").write_text("a: 1\na: 2\n")
    check_settings(["target", "--configfile", "good.yaml", "--cores", "1"])
    with pytest.raises(InputError) as caught:
        check_settings(words)
    assert said in str(caught.value)


def test_a_profile_with_a_key_twice_ends_snakemake_and_nothing_else(tmp_path, monkeypatch):
    (tmp_path / "config.yaml").write_text("jobs: 1\nretries: 2\njobs: 3\n")
    words = ["--profile", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["/usr/bin/saltflow", *words])
    check_command_line()
    monkeypatch.setattr("sys.argv", ["/usr/bin/snakemake", *words])
    with pytest.raises(
        SystemExit, match="config.yaml, line 3: the key 'jobs' is there twice, first in line 1; keep one"
    ):
        check_command_line()
