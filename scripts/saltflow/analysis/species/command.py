"""`saltflow species`: molecular units of trajectories from any program, and what becomes of them."""

import logging
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import click

from saltflow.analysis.command_line import file_options, open_given
from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@click.argument("trajectories", metavar="FILE...", nargs=-1, required=True)
@click.option("--elements", default="", help="Of units, such as P,S,O; by default all but ions such as Li and Mg.")
@click.option(
    "--least", "least_ps", type=float, default=0.1, show_default=True, help="A change has to last so long, ps."
)
@click.option("--made", type=float, default=1.2, show_default=True, help="Bonds begin here, over the covalent radii.")
@click.option("--broken", type=float, default=1.45, show_default=True, help="Bonds end here, over the covalent radii.")
@click.option("--out", default="species", show_default=True, help="Folder for the results.")
@file_options
def command(
    trajectories: tuple[str, ...],
    elements: str,
    least_ps: float,
    made: float,
    broken: float,
    out: str,
    **files: object,
) -> None:
    """Find molecular units, their formulas, numbers and lifetimes, and the events in which they react.

    FILEs are replicas, in H5MD or of other programs (`saltflow transport --help` lists what they need). Writes for each
    species.json, events.csv and species.svg into a folder of its own.
    """
    from saltflow.analysis.species.analysis import bonded_elements, event_rows, history_of, summarise
    from saltflow.analysis.species.events_table import write_events
    from saltflow.analysis.species.figure import plot_units
    from saltflow.base.errors import SaltflowError
    from saltflow.base.provenance import provenance, write_json

    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("MDAnalysis").setLevel(logging.ERROR)
    if not 0 < made < broken:
        raise SaltflowError(f"--made ({made:g}) has to be above 0 and below --broken ({broken:g}); correct them.")
    if not least_ps >= 0:
        raise SaltflowError("--least is a time in ps and cannot be negative; 0 takes every change.")
    named = [each.strip() for each in elements.split(",") if each.strip()]
    Path(out).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        runs = open_given(trajectories, Path(scratch), SimpleNamespace(**files))
        for number, (path, run) in enumerate(zip(trajectories, runs, strict=True), start=1):
            chosen = named or bonded_elements(run.symbols)
            history = history_of(run, chosen, least_ps=least_ps, made=made, broken=broken)
            folder = Path(out) / f"replica{number}" if len(runs) > 1 else Path(out)
            folder.mkdir(exist_ok=True)
            settings = {"elements": chosen, "least_ps": least_ps, "made": made, "broken": broken}
            record = summarise(history, run.times_ps) | settings
            recorded = provenance(settings=settings, inputs={"trajectory": path})
            write_json(folder / "species.json", record | {"provenance": recorded})
            write_events(event_rows(history, run), folder / "events.csv")
            plot_units(history, run.times_ps, folder / "species.svg", title=f"{Path(path).name}: units")
            _tell(path, record)
    click.echo(f"Written to {out}/")


def _tell(path: str, record: Mapping) -> None:
    units = ", ".join(f"{row['at_last']} {row['formula']}" for row in record["units"] if row["at_last"])
    click.echo(f"{path}: {record['events']} events; at the end {units}")
    for row in record["reactions"][:5]:
        click.echo(f"  {row['events']} × {row['reaction']}")
