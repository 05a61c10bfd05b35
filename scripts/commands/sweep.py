"""A sweep as a command finds it: its folder, its settings and the profile that it would run with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from saltflow.base.errors import SaltflowError
from saltflow.base.repository import REPOSITORY
from saltflow.campaign.campaign import Campaign
from saltflow.campaign.config_files import SETTINGS, read_configuration
from saltflow.campaign.loading import load_campaign
from saltflow.operations.run_lock import configfiles_of_last_run, profile_of_last_run

PROFILE = "profiles/slurm"


@dataclass(frozen=True)
class SweepFolder:
    """A sweep. folder: its working directory. configfiles: what differs from the defaults. profile: of Snakemake."""

    folder: Path
    configfiles: tuple[str, ...]
    profile: str | None = None

    @property
    def folders(self) -> list[Path]:
        """Where tables are looked up."""
        return [self.folder, REPOSITORY]

    def campaign(self) -> Campaign:
        """Its checked campaign, read without Snakemake.

        Raises:
            InputError: settings or tables are wrong.
        """
        return load_campaign(read_configuration(self.configfiles, sweep=self.folder))

    def dag(self):
        """Its jobs as Snakemake plans them.

        Raises:
            SaltflowError: what Snakemake would print instead of starting.
        """
        from engine.dag import load_dag

        read_configuration(self.configfiles, sweep=self.folder)  # Snakemake's own reader has no sentences
        return load_dag(self.folder, configfiles=self.configfiles, profile=self.profile)


def find_sweep(
    folder: Path, configfiles: Sequence[str] = (), profile: str | None = None, *, needs_profile: bool = False
) -> SweepFolder:
    """The sweep in a folder; what is not given is as in its last run.

    Raises:
        SaltflowError: there is none, or no such profile.
    """
    if not folder.is_dir():
        raise SaltflowError(f"There is no folder {folder}; correct the path, or make a sweep: `saltflow new {folder}`.")
    found = [Path(path) for path in configfiles] or _settings_of(folder)
    profile = _profile(profile or profile_of_last_run(folder) or PROFILE) if needs_profile else None
    return SweepFolder(folder, tuple(str(path.resolve()) for path in found), profile)


def _settings_of(folder: Path) -> list[Path]:
    """What the last run of a folder was started with, wherever the folder has moved; before a first run, config.yaml.

    Raises:
        SaltflowError: there is neither.
    """
    if last := [Path(path) for path in configfiles_of_last_run(folder)]:
        return [path if path.is_file() or not (folder / path.name).is_file() else folder / path.name for path in last]
    if (folder / SETTINGS).is_file():
        return [folder / SETTINGS]
    others = sorted(path.name for path in folder.glob("*.y*ml"))
    named = f"it has {', '.join(others)}, but no {SETTINGS}" if others else f"it has no {SETTINGS}"
    raise SaltflowError(
        f"{folder} holds no sweep: {named} and nothing has run there; make one with `saltflow new`, or name its "
        "settings with --configfile."
    )


def _profile(name: str) -> str:
    for path in (Path(name), REPOSITORY / name, REPOSITORY / "profiles" / name):
        if (path / "config.yaml").is_file() or (path / "config.v8+.yaml").is_file():
            return str(path)
    raise SaltflowError(f"There is no profile {name}: no config.yaml in that folder; correct --profile.")


def of_sweep(*, profile: bool = False) -> Callable:
    """A command about a sweep: its folder is the first argument, and the function gets the `SweepFolder`."""

    def decorated(function: Callable) -> Callable:
        @wraps(function)
        def called(folder: Path, configfile: Sequence[str], **rest: Any) -> Any:
            asked = rest.pop("profile", None) if profile else None
            return function(find_sweep(folder, configfile, asked, needs_profile=profile), **rest)

        options = [
            click.argument("folder", type=click.Path(path_type=Path), default="."),
            click.option(
                "--configfile",
                multiple=True,
                help="Settings, as for snakemake; by default those of the last run, else FOLDER/config.yaml.",
            ),
        ]
        if profile:
            options.append(
                click.option(
                    "--profile",
                    show_default=f"that of the last run, else {PROFILE}",
                    help="As for snakemake: where it would run.",
                )
            )
        for option in reversed(options):
            called = option(called)
        return called

    return decorated
