"""`saltflow insertions`: frames of electrodes for labels."""

from pathlib import Path

import click

from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@click.argument("studies", metavar="FOLDER...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--most", type=click.IntRange(min=1), default=40, show_default=True, help="Frames at most.")
@click.option("--reference", "name", help="Of the labels to come; one that cannot label the frames is refused.")
@click.option("--out", default="insertions.extxyz", show_default=True, type=click.Path(path_type=Path))
@click.option("--settings", type=click.Path(), help="YAML with what differs in `references`.")
def command(studies: tuple[Path, ...], most: int, name: str | None, out: Path, settings: str | None) -> None:
    """Write structures of finished electrodes that are worth a label: hosts that fell apart, phases, states of cycles.

    saltflow insertions results/studies/electrodes/*/ --most 40 --reference pbe-d3 --out insertions.extxyz
    """
    from saltflow.campaign.config_files import read_configuration
    from saltflow.campaign.settings.references import read_reference
    from saltflow.labels.frames import write_frames
    from saltflow.studies.electrodes.electrode_frames import check_reference, electrode_frames

    frames = electrode_frames(studies, most=most)
    if name:
        configuration = read_configuration([settings] if settings else [], sweep=Path())
        check_reference(name, read_reference(configuration["references"], name), frames)
    write_frames(out, frames)
    click.echo(f"{len(frames)} frames in {out}; label them by `saltflow reference label`.")
