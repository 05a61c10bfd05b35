"""`saltflow saddles`: frames of migration paths for labels."""

from pathlib import Path

import click

from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@click.argument("studies", metavar="FOLDER...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--most", type=click.IntRange(min=1), default=40, show_default=True, help="Frames at most.")
@click.option("--out", default="saddles.extxyz", show_default=True, type=click.Path(path_type=Path), help="The frames.")
def command(studies: tuple[Path, ...], most: int, out: Path) -> None:
    """Write those images of finished barrier studies that are worth a label: the highest of each path first.

    saltflow saddles results/studies/barriers/*/ --most 40 --out saddles.extxyz
    """
    from saltflow.labels.frames import write_frames
    from saltflow.studies.barriers.saddle_frames import saddle_frames

    frames = saddle_frames(studies, most=most)
    write_frames(out, frames)
    click.echo(f"{len(frames)} frames in {out}; label them by `saltflow reference label`.")
