"""What happens around a run of Snakemake: the campaign is read before it, its start and end are put on record."""

import atexit
import shlex
import sys
from pathlib import Path
from typing import Any

from snakemake.exceptions import WorkflowError

from engine.records import record_finished
from saltflow.base.errors import SaltflowError
from saltflow.base.writable import check_writable
from saltflow.campaign.campaign import Campaign
from saltflow.campaign.config_files import read_methods
from saltflow.campaign.loading import load_campaign
from saltflow.operations import run_lock
from saltflow.operations.finished_jobs import finished_jobs


def read_campaign(workflow: Any, config: dict) -> Campaign:
    """The checked campaign of this working directory; the configuration gets its reference methods.

    Raises:
        WorkflowError: what is wrong with settings or tables, in sentences.
    """
    # A folder with a space in its name: Snakemake does not quote the Python that runs scripts (snakemake#2645).
    sys.executable = shlex.quote(sys.executable)
    try:
        config["references"] = read_methods(config, sweep=Path())
        campaign = load_campaign(config, folders=[Path(), Path(workflow.basedir)])
    except SaltflowError as error:
        raise WorkflowError(str(error)) from None
    if workflow.remote_exec:
        # Jobs of a submission run one after another. Snakemake sizes the submission so, but does not tell the node:
        # there it would ask for the cores of all jobs that wait for the same one.
        workflow.register_resource("serial_slot", 1)
    if workflow.is_main_process and (notice := run_lock.notice(Path.cwd())):
        # Below what Snakemake prints of its lock, which knows of nothing but --unlock.
        atexit.register(print, notice, file=sys.stderr)
    return campaign


def start_run(workflow: Any) -> None:
    """Check the working directory and note who runs in it; make SLURM's executor outlast short outages.

    Raises:
        WorkflowError: nothing can be written, or another run works here.
    """
    try:
        check_writable(Path("results"))
        run_lock.start(Path.cwd(), snakefile=Path(workflow.main_snakefile), slurm=not workflow.local_exec)
    except SaltflowError as error:
        raise WorkflowError(str(error)) from None
    if workflow.executor_plugin.name == "slurm":
        from engine.executor_patches import patch_executor

        patch_executor()


def end_run(*, well: bool) -> None:
    """Note the end of this run, with what its jobs have finished unseen."""
    folder = Path.cwd()
    message = run_lock.stop(
        folder, well=well, note=lambda since: record_finished(folder, finished_jobs(folder, since=since))
    )
    if message:
        print(message, file=sys.stderr)
