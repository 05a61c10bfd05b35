"""`saltflow dataset`: labelled sets in and out, without Snakemake."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from saltflow.base.commands import SentenceCommand
from saltflow.base.errors import SaltflowError

if TYPE_CHECKING:
    from ase import Atoms


def _files(function: Callable) -> Callable:
    """The arguments of every command: files to read, one to write."""
    function = click.option("--out", required=True, type=click.Path(path_type=Path), help="File to write.")(function)
    return click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))(
        function
    )


@click.group()
def command() -> None:
    """Bring labelled sets in, remove duplicates, write them for other programs."""


@command.command("import", cls=SentenceCommand)
@_files
@click.option("--reference", "name", required=True, help="The reference method that the set was labelled with.")
@click.option("--composition", required=True, help="The id that reports give to frames that name none.")
@click.option("--settings", type=click.Path(), help="YAML with what differs in `references` and `labels`.")
def import_files(files: Sequence[Path], out: Path, name: str, composition: str, settings: str | None) -> None:
    """Check labelled sets and write them as saltflow's extended XYZ.

    saltflow dataset import OUTCAR vasprun.xml --reference pbe-d3-vasp --composition LiAlCl4 --out mine.extxyz
    """
    from saltflow.campaign.config_files import read_configuration
    from saltflow.campaign.settings.references import read_reference
    from saltflow.labels.dataset.importing import import_set, imported_entry
    from saltflow.labels.frames import write_frames

    configuration = read_configuration([settings] if settings else [], sweep=Path())
    reference = read_reference(configuration["references"], name)
    frames = [
        frame
        for path in files
        for frame in import_set(
            path,
            reference,
            reference_name=name,
            composition=composition,
            max_force_eV_A=configuration["labels"]["max_force_eV_A"],
        )
    ]
    write_frames(out, frames)
    click.echo(f"{len(frames)} frames in {out}. For labels.imported of the potential in overrides.yaml:")
    click.echo(imported_entry(out, reference_name=name, composition=composition), nl=False)


@command.command("export", cls=SentenceCommand)
@_files
def export_files(files: Sequence[Path], out: Path) -> None:
    """Write labelled frames as extended XYZ or as LMDB (.aselmdb), in the order of the files.

    saltflow dataset export results/potentials/base/generation0/dataset/train.extxyz --out train.aselmdb
    """
    from saltflow.labels.dataset.exporting import export

    frames = _labelled(files)
    export(out, frames)
    click.echo(f"{len(frames)} frames in {out}.")


@command.command("deduplicate", cls=SentenceCommand)
@_files
@click.option("--tolerance", type=float, default=0.01, show_default=True, help="Largest displacement of an atom, in Å.")
def deduplicate_files(files: Sequence[Path], out: Path, tolerance: float) -> None:
    """Leave out frames that repeat an earlier one.

    saltflow dataset deduplicate mine.extxyz --out unique.extxyz
    """
    from saltflow.labels.dataset.duplicates import unique
    from saltflow.labels.dataset.exporting import export

    frames = _labelled(files)
    kept = unique(frames, tolerance_A=tolerance)
    export(out, [frames[index] for index in kept])
    click.echo(f"{len(kept)} of {len(frames)} frames in {out}; {len(frames) - len(kept)} repeated another.")


def _labelled(paths: Sequence[Path]) -> "list[Atoms]":
    from saltflow.labels.frames import read_frames

    frames = []
    for path in paths:
        if not path.is_file():
            raise SaltflowError(f"{path} is not there.")
        found = read_frames(path)
        if bare := sum(not _is_labelled(frame) for frame in found):
            raise SaltflowError(
                f"{path}: {bare} of {len(found)} frames have no labels; bring them in by `saltflow dataset import`."
            )
        frames += found
    return frames


def _is_labelled(frame: "Atoms") -> bool:
    from saltflow.materials.frame_info import FrameInfo

    info = FrameInfo.partial(frame)
    return info.reference_energy_eV is not None and info.reference_forces_eV_A is not None
