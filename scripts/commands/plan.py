"""`saltflow plan`: what a sweep would run, why, and what it would cost; as a page, as data and in short."""

import click

from commands.sweep import SweepFolder, of_sweep
from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@of_sweep(profile=True)
@click.option("--accept-loss", is_flag=True, help="Let the next run do finished work again.")
def command(sweep: SweepFolder, accept_loss: bool) -> None:
    """Tell what the sweep in FOLDER would run, why, and what it would cost; run nothing.

    Writes FOLDER/plan/plan.html and plan.json.
    """
    from saltflow.base.provenance import atomic_write, write_json
    from saltflow.operations.input_checks import check_inputs
    from saltflow.operations.pages.plan_page import plan_page
    from saltflow.operations.plan import loss
    from saltflow.operations.plan.calibration import read_calibration, read_published
    from saltflow.operations.plan.comparison import PLAN
    from saltflow.operations.plan.document import PlanRequest, make_plan
    from saltflow.operations.plan.short_plan import summary

    words = ["snakemake", "--profile", sweep.profile, "--directory", str(sweep.folder)]
    words += ["--configfile", *sweep.configfiles]
    dag = sweep.dag()
    campaign = sweep.campaign()
    unchecked = check_inputs(campaign)
    rates, published = read_calibration(sweep.folders), read_published(sweep.folders)
    request = PlanRequest(" ".join(words), sweep.profile, rates, unchecked, published)
    plan = make_plan(dag, campaign, request)
    write_json(dag.directory / PLAN, plan)
    with atomic_write((dag.directory / PLAN).with_suffix(".html")) as page:
        page.write_text(plan_page(plan), encoding="utf-8")
    click.echo(summary(plan))
    if accept_loss:
        loss.accept_loss(plan, dag.directory)
        click.echo("The next run may do this finished work again.")
