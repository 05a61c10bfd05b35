"""The workflow as Snakemake sees it, without running anything: the only place that knows Snakemake's own modules.

Snakemake has no dry run that a program can read. Its own parser and its own checks are used up to the point where
jobs would start, so that profile, configuration and tables mean here what they mean in a run; then its graph of jobs
is copied into plain data. Nothing is submitted, locked or written.
"""

import contextlib
import io
import logging
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from snakemake import cli
from snakemake import dag as snakemake_dag
from snakemake import workflow as snakemake_workflow
from snakemake.api import SnakemakeApi
from snakemake.exceptions import WorkflowError, format_exception_to_string
from snakemake.jobs import Job as SnakemakeJob
from snakemake.persistence.file import FilePersistence
from snakemake.workflow import Workflow

from saltflow.base.errors import SaltflowError
from saltflow.operations.plan.dag import Dag, PlannedJob, Reason, Submission

SNAKEFILE = Path(__file__).resolve().parents[2] / "Snakefile"
# Of the machine that runs a job, or repeated in other units.
OWN_RESOURCES = {"_cores", "_nodes", "tmpdir", "mem", "mem_mib", "disk", "disk_mib"}

Read = TypeVar("Read")


def load_dag(
    directory: str | Path,
    *,
    configfiles: Sequence[str | Path] = (),
    profile: str | Path | None = None,
    targets: Sequence[str] = (),
) -> Dag:
    """Plan a sweep as Snakemake would, and change nothing.

    Args:
        directory: of the sweep.
        configfiles: as for `snakemake --configfile`.
        profile: as for `snakemake --profile`; profiles/default counts as well, as in a run.
        targets: files or rules to make; the whole sweep unless given.

    Raises:
        SaltflowError: what Snakemake would say instead of starting.
    """
    python = sys.executable  # the rules quote it, for the command lines of Snakemake's jobs
    try:
        return _with_workflow(directory, configfiles, profile, targets, read=copied_dag)
    finally:
        sys.executable = python


def _name(job: SnakemakeJob) -> str:
    return " ".join([job.rule.name, *(f"{key}={value}" for key, value in sorted(job.wildcards_dict.items()))])


# ── Snakemake up to the point where jobs would start ─────────────────────────────────────────────────


class _SilentApi(SnakemakeApi):
    """Snakemake's interface without messages and log files, which raises what the other one would print."""

    def __post_init__(self) -> None:
        self.output_settings.log_level_override = logging.CRITICAL
        self.output_settings.enable_file_logging = False
        self.output_settings.skip_plugin_handlers = True
        super().__post_init__()

    def print_exception(self, ex: Exception) -> None:
        if isinstance(ex, OSError) and ex.filename:
            raise SaltflowError(f"{ex.filename}: {ex.strerror}; correct the path.") from ex
        if isinstance(ex, WorkflowError) and ex.rule is None and ex.lineno is None:
            raise SaltflowError(str(ex)) from ex
        raise SaltflowError(format_exception_to_string(ex, {})) from ex


class _ReadingPersistence(FilePersistence):
    """Snakemake's records of what was done, which get no file and no folder by being read.

    What it makes when it is opened, it makes in a temporary folder.
    """

    def __init__(self, **settings: Any) -> None:
        self._elsewhere = tempfile.TemporaryDirectory(prefix="saltflow-")
        super().__init__(**settings | {"nolock": True, "path": Path(self._elsewhere.name)})
        records = Path(".snakemake").resolve()
        if (records / "metadata").is_dir() and (records / "incomplete").is_dir():
            self._metadata_path, self._incomplete_path = str(records / "metadata"), str(records / "incomplete")


@contextlib.contextmanager
def _replaced(owner: object, name: str, value: object) -> Iterator[None]:
    original = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, original)


def _with_workflow(
    directory: str | Path,
    configfiles: Sequence[str | Path],
    profile: str | Path | None,
    targets: Sequence[str],
    *,
    read: Callable[[Workflow], Read],
) -> Read:
    """What `read` makes of the workflow at the point where a run would start its first job."""
    if not Path(directory).is_dir():
        raise SaltflowError(f"The folder {directory} does not exist; make it or correct --directory.")
    found: list[Read] = []

    def plan(workflow: Workflow, executor_plugin, executor_settings, **_: object) -> None:
        workflow._executor_plugin = executor_plugin
        workflow.executor_settings = executor_settings
        workflow._prepare_dag(
            forceall=workflow.dag_settings.forceall, ignore_incomplete=False, lock_warn_only=False, nolock=True
        )
        workflow._build_dag()
        workflow.async_run(workflow.dag.postprocess(update_needrun=False, check_initial=True))
        found.append(read(workflow))

    args, parser = _parsed(directory, configfiles, profile, targets)
    with (
        _replaced(cli, "SnakemakeApi", _SilentApi),
        _replaced(snakemake_workflow, "FilePersistence", _ReadingPersistence),
        _replaced(Workflow, "execute", plan),
    ):
        cli.args_to_api(args, parser)
    return found[0]


def _parsed(directory, configfiles, profile, targets):
    """Arguments as Snakemake's own parser reads them from a command line and the profiles."""
    # The parser takes the words after an option for more of its values: targets go first.
    words = [*targets, "--snakefile", SNAKEFILE, "--directory", directory]
    words += ["--configfile", *configfiles] if configfiles else []
    words += ["--profile", profile] if profile else ["--cores", "all"]
    message = io.StringIO()
    try:
        with contextlib.redirect_stderr(message):
            parser, args = cli.parse_args([str(word) for word in words])
    except SystemExit:
        complaint = re.split("[Ee]rror: ", message.getvalue().strip().splitlines()[-1])[-1]
        raise SaltflowError(f"Snakemake does not understand {profile or 'profiles/default'}: {complaint}") from None
    except cli.CliException as error:
        raise SaltflowError(str(error).removeprefix("Error: ")) from None
    return args, parser


# ── The graph as plain data ──────────────────────────────────────────────────────────────────────────


def copied_dag(workflow: Workflow) -> Dag:
    """The graph of a workflow that is ready to run."""
    dag = workflow.dag
    ordered = [job for level in dag.toposorted() for job in sorted(level, key=_name) if not job.rule.norun]
    index = {job: position for position, job in enumerate(ordered)}
    local_run = workflow.local_exec
    numbers = {} if local_run else _group_numbers(dag, ordered)
    incomplete = workflow.async_run(_incomplete(workflow))
    spacing = workflow.scheduling_settings.max_jobs_per_timespan
    settings = workflow.executor_settings
    return Dag(
        directory=Path.cwd(),
        config=dict(workflow.globals["config"]),
        rules={rule.name: rule.docstring or "" for rule in workflow.rules if not rule.norun},
        jobs=tuple(_job(workflow, job, index, numbers, incomplete) for job in ordered),
        groups={number: _submission(group, index) for group, number in numbers.items()},
        executor=workflow.executor_plugin.name,
        executor_settings=asdict(settings) if is_dataclass(settings) else {},
        max_jobs=None if local_run else workflow.nodes,
        max_submissions=(spacing.max_jobs, float(spacing.timespan)) if spacing else None,
        local_cores=workflow.cores if local_run else workflow.resource_settings.local_cores,
    )


async def _incomplete(workflow: Workflow) -> set[str]:
    """Products of due jobs that are there and were being written when their job was stopped."""
    marked = [await workflow.persistence.incomplete(job) for job in workflow.dag.needrun_jobs()]
    return {str(path) for paths in marked for path in paths}


def _group_numbers(dag: snakemake_dag.DAG, ordered: list[SnakemakeJob]) -> dict:
    """Group of jobs → its number, in the order in which they come."""
    groups = (dag.get_job_group(job) for job in ordered if job.group is not None and dag.needrun(job))
    return {group: number for number, group in enumerate(dict.fromkeys(groups))}


def _submission(group, index: dict) -> Submission:
    return Submission(
        jobs=tuple(sorted(index[job] for job in group.jobs)),
        threads=int(group.resources.get("_cores", 1)),
        resources=_resources(group.resources),
    )


def _job(workflow: Workflow, job: SnakemakeJob, index: dict, numbers: dict, incomplete: set[str]) -> PlannedJob:
    dag = workflow.dag
    due = dag.needrun(job)
    return PlannedJob(
        index=index[job],
        rule=job.rule.name,
        wildcards={name: str(value) for name, value in job.wildcards_dict.items()},
        dependencies=tuple(sorted(index[other] for other in dag.dependencies[job])),
        inputs=tuple(map(str, job.input)),
        outputs=tuple(map(str, job.output)),
        log=str(job.log[0]) if job.log else None,
        benchmark=str(job.benchmark) if job.benchmark else None,
        local=job.rule.name in workflow._localrules,
        reason=_reason(workflow, job, incomplete) if due else None,
        threads=int(job.threads) if due else 1,
        resources=_resources(job.resources) if due else {},
        group=numbers.get(dag.get_job_group(job)) if due and numbers else None,
    )


def _resources(resources) -> dict[str, int | float | str]:
    return {
        name: value
        for name, value in resources.items()
        if name not in OWN_RESOURCES and isinstance(value, (int, float, str))
    }


def _reason(workflow: Workflow, job: SnakemakeJob, incomplete: set[str]) -> Reason:
    found = workflow.dag.reason(job)
    half_done = tuple(str(path) for path in job.output if str(path) in incomplete)
    before, after = _params_changed(workflow.persistence, job)
    recorded = next(filter(None, map(workflow.persistence.metadata, job.output)), None)
    inputs_before = set(recorded.input or ()) if recorded else set(map(str, job.input))
    return Reason(
        forced=bool(found.forced) and not half_done,
        incomplete=half_done,
        missing=tuple(sorted(map(str, found.missing_output))),
        recorded=recorded is not None,
        updated_inputs=tuple(sorted(map(str, found.updated_input - found.updated_input_run))),
        inputs_added=tuple(sorted(set(map(str, job.input)) - inputs_before)),
        inputs_removed=tuple(sorted(inputs_before - set(map(str, job.input)))),
        params_before=before,
        params_after=after,
    )


def _params_changed(persistence: FilePersistence, job: SnakemakeJob) -> tuple[tuple[str, ...], dict[str, str]]:
    """Recorded parameters that hold no longer, and those that are new.

    Snakemake asks this only of jobs without a due job before them; the plan wants every job's own reason.
    """
    recorded = next(filter(None, (persistence.params(path) for path in job.output)), None)
    if recorded is None:
        return (), {}
    present = persistence._params(job)
    fresh = Counter(present) - Counter(recorded)
    after = {name: repr(value) for name, value in job.params.items() if repr(value) in fresh}
    return tuple((Counter(recorded) - Counter(present)).elements()), after
