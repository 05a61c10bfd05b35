"""`saltflow plan`: what a sweep would run, why, and what it would cost; as a page, as data and in short."""

import click

from commands.sweep import SweepFolder, of_sweep
from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@of_sweep(profile=True)
def command(sweep: SweepFolder) -> None:
    """Tell what the sweep in FOLDER would run, why, and what it would cost; run nothing.

    Writes FOLDER/plan/plan.html and plan.json.
    """
    from saltflow.base.provenance import atomic_write, write_json
    from saltflow.operations.pages import plan_page
    from saltflow.operations.plan.calibration import read_calibration
    from saltflow.operations.plan.comparison import PLAN
    from saltflow.operations.plan.document import PlanRequest, make_plan
    from saltflow.operations.plan.short_plan import summary

    words = ["snakemake", "--profile", sweep.profile, "--directory", str(sweep.folder)]
    words += ["--configfile", *sweep.configfiles]
    dag = sweep.dag()
    request = PlanRequest(" ".join(words), sweep.profile, read_calibration(sweep.folders))
    plan = make_plan(dag, sweep.campaign(), request)
    write_json(dag.directory / PLAN, plan)
    with atomic_write((dag.directory / PLAN).with_suffix(".html")) as page:
        page.write_text(plan_page(plan), encoding="utf-8")
    click.echo(summary(plan))
