"""The files that a command line of Snakemake names, checked before Snakemake reads them (profiles/default)."""

import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from saltflow.base.errors import InputError, SaltflowError
from saltflow.base.repository import REPOSITORY
from saltflow.base.yaml_file import check_keys, read_yaml
from saltflow.operations.snakemake_command import CONFIGFILE, values_of

PROFILE_FILES = ("config.v8+.yaml", "config.yaml")
SUFFIXES = (".yaml", ".yml", ".json")  # of settings; a target may be JSON, too


def check_command_line() -> None:
    """Leave with a sentence and exit code 1 where Snakemake was started with files that are not what they should be."""
    program, *words = sys.argv
    if "snakemake" not in Path(program).parts[-2:]:  # `saltflow plan` reads the profile, too
        return
    try:
        check_settings(words)
        for profile in _profiles(words):
            check_keys(profile)
    except SaltflowError as error:
        sys.exit(str(error))


def check_settings(words: Sequence[str]) -> None:
    """Make sure that what --configfile names are files of settings.

    Raises:
        InputError: one is missing or wrong, or is a target that --configfile has taken for its own.
    """
    for first, *others in filter(None, values_of(words, *CONFIGFILE)):
        for word in others:
            if word.startswith("results/") or Path(word).suffix not in SUFFIXES:
                reason = f"--configfile takes every word up to the next option, so {word} would be read as settings"
                remedy = f"put targets first: snakemake {word} … --configfile {shlex.quote(first)}"
                raise InputError([f"{reason}; {remedy}"])
        for path in (first, *others):
            read_yaml(Path(path))


def _profiles(words: Sequence[str]) -> Iterator[Path]:
    """The files of the profiles that are named, as far as they lie where people keep them."""
    for name in (name for names in values_of(words, "--profile", "--workflow-profile") for name in names):
        folders = (Path(name), REPOSITORY / "profiles" / name)
        found = [folder / file for folder in folders for file in PROFILE_FILES if (folder / file).is_file()]
        yield from found[:1]
