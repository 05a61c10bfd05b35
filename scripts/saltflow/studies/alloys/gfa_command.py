"""`saltflow gfa`: which alloys become glass."""

from pathlib import Path

import click

from saltflow.base.commands import SentenceCommand

TREATMENTS = ("none", "pruned", "reweighted")


@click.command(cls=SentenceCommand)
@click.argument("names", metavar="TABLE.csv...", nargs=-1, required=True, type=click.Path())
@click.option("--predict", multiple=True, metavar="ALLOY", help="How likely it is a bulk glass; may be repeated.")
@click.option("--propose", default="", metavar="ELEMENTS", help="Next alloys of such as Zr-Al-Cu, and a replay.")
@click.option("--step", type=float, default=2.0, show_default=True, help="Of the grid of proposals, at.%.")
@click.option("--batch", type=int, default=4, show_default=True, help="Alloys made at a time.")
@click.option("--repeats", type=int, default=20, show_default=True, help="Of the replay on known alloys.")
@click.option("--imbalance", type=click.Choice(TREATMENTS), default="none", show_default=True, help="Of these models.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of folds, models and replays.")
@click.option("--out", default="gfa", show_default=True, help="Folder for the results.")
def command(names: tuple[str, ...], predict: tuple[str, ...], propose: str, out: str, **options) -> None:
    """Learn from tables of alloys which become glass, say how well, and propose the next to make.

    Tables have a header: Alloy, and Class (BMG, ribbon, crystal), Dmax (mm) or both, and Date or none. Writes gfa.json,
    left-out-rows.txt, figures, and what was asked: predictions.tsv, proposals.tsv. Typed again, it goes on where it
    stopped.
    """
    from saltflow.base.provenance import provenance, write_json, write_text
    from saltflow.studies.alloys.alloy_table import POLICY, read_alloys
    from saltflow.studies.alloys.gfa_lines import lines_of, text_of
    from saltflow.studies.alloys.gfa_study import check_settings, study_glass_forming

    settings = options | {"predict": list(predict), "propose": [each for each in propose.split("-") if each]}
    check_settings(settings)
    paths = [Path(name) for name in names]
    table = read_alloys(paths)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "left-out-rows.txt", "\n".join([*table.refused, ""]))
    click.echo("{rows} rows, {refused} left out, {alloys} alloys; {normalised} normalised".format(**table.counts))
    conflicts = "{conflicting_classes} have conflicting classes, {conflicting_diameters} conflicting diameters: {}"
    click.echo(conflicts.format(POLICY, **table.counts))
    record = study_glass_forming(table, settings=settings, folder=folder, say=lambda text: click.echo(text, err=True))
    recorded = provenance(settings=settings, inputs={path.name: path for path in paths})
    write_json(folder / "gfa.json", record | {"policy": POLICY, "provenance": recorded})
    for name in ("predictions", "proposals"):
        if name in record:
            write_text(folder / f"{name}.tsv", text_of(record[name]))
    for line in lines_of(record):
        click.echo(line)
    click.echo(f"Written to {out}/")
