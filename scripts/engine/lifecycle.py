"""What happens around a run of Snakemake: the campaign is read before it, its start and end are put on record."""

import atexit
import shlex
import sys
from pathlib import Path
from typing import Any

from snakemake.exceptions import WorkflowError

from engine.kept_products import keep_products
from engine.records import record_finished
from saltflow.base.errors import InputError, SaltflowError
from saltflow.base.repository import REPOSITORY
from saltflow.base.writable import check_writable
from saltflow.campaign.campaign import Campaign
from saltflow.campaign.config_files import SETTINGS, read_configuration, updated
from saltflow.campaign.loading import load_campaign
from saltflow.operations import run_lock
from saltflow.operations.finished_jobs import finished_jobs
from saltflow.operations.input_checks import check_inputs
from saltflow.operations.plan.loss import check_accepted, expected_loss, forget_accepted_loss


def read_campaign(workflow: Any, config: dict) -> Campaign:
    """The checked campaign of this working directory; the configuration becomes what its files say, read strictly.

    Raises:
        WorkflowError: what is wrong with settings or tables, in sentences.
    """
    keep_products()
    # A folder with a space in its name: Snakemake does not quote the Python that runs scripts (snakemake#2645).
    sys.executable = shlex.quote(sys.executable)
    try:
        complete = _configuration(workflow)
        campaign = load_campaign(complete)
        if workflow.is_main_process:
            check_writable(Path(".snakemake"))
            check_inputs(campaign)
    except SaltflowError as error:
        raise WorkflowError(str(error)) from None
    config.clear()
    config.update(complete)
    if workflow.remote_exec:
        # Jobs of a submission run one after another. Snakemake sizes the submission so, but does not tell the node:
        # there it would ask for the cores of all jobs that wait for the same one.
        workflow.register_resource("serial_slot", 1)
    if workflow.is_main_process and (notice := run_lock.notice(Path.cwd())):
        # Below what Snakemake prints of its lock, which knows of nothing but --unlock.
        atexit.register(print, notice, file=sys.stderr)
    return campaign


def _configuration(workflow: Any) -> dict:
    """What the files of --configfile and the words of --config change of the defaults.

    Raises:
        InputError: a file is wrong, or the folder of a sweep is given without its settings.
    """
    files = workflow.overwrite_configfiles
    if not files and not Path.cwd().samefile(REPOSITORY):
        raise InputError([_without_settings(Path.cwd())])
    return updated(read_configuration(files, sweep=Path()), workflow.config_settings.config)


def _without_settings(folder: Path) -> str:
    """Why nothing is planned in the folder of a sweep whose settings are not named."""
    named = next((folder / name for name in (SETTINGS, "config.yml") if (folder / name).is_file()), None)
    remedy = f"add --configfile {shlex.quote(str(named))}" if named else "name them with --configfile"
    return f"The settings of the sweep in {folder} are not named, and the defaults are another sweep; {remedy}."


def start_run(workflow: Any) -> None:
    """Check the working directory and note who runs in it; make SLURM's executor outlast short outages.

    Raises:
        WorkflowError: nothing can be written, finished work would be done again without being asked for, or another
            run works here.
    """
    from engine.dag import copied_dag  # with Snakemake's command line, which a job does not need

    try:
        check_writable(Path("results"))
        most_hours = workflow.globals["config"]["execution"]["repeated_hours"]
        check_accepted(expected_loss(copied_dag(workflow)), Path.cwd(), most_hours=most_hours)
        run_lock.start(Path.cwd(), snakefile=Path(workflow.main_snakefile), slurm=not workflow.local_exec)
    except SaltflowError as error:
        raise WorkflowError(str(error)) from None
    if workflow.executor_plugin.name == "slurm":
        from engine.executor_patches import patch_executor

        patch_executor()


def end_run(*, well: bool) -> None:
    """Note the end of this run, with what its jobs have finished unseen."""
    folder = Path.cwd()
    if well:
        forget_accepted_loss(folder)
    message = run_lock.stop(
        folder, well=well, note=lambda since: record_finished(folder, finished_jobs(folder, since=since))
    )
    if message:
        print(message, file=sys.stderr)
