"""Run the state points of a composition that are not there yet, in one batch; longer ones go on from shorter ones."""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from saltflow.base.long_job import LongJob
from saltflow.base.provenance import derive_seed, digest, numbered, read_json, sha256_as_made, write_json
from saltflow.campaign.composition_view import without
from saltflow.dynamics.earlier_run import EarlierRun, find_earlier_run, keep_end
from saltflow.dynamics.looks import Judge
from saltflow.dynamics.record import MDParams, md_record
from saltflow.dynamics.runs import StatePointRun, run_state_points
from saltflow.labels.frames import read_cell
from saltflow.materials.compositions import Composition
from saltflow.potentials.protocol import MDPotential

LENGTHS = ("duration_ps", "until_known")  # of production; they change none of its steps


@dataclass(frozen=True)
class StatePointFiles:
    """Of one state point. temperature: as in paths. record, trajectories: products. judge: ends its production."""

    temperature: str
    record: str | os.PathLike
    trajectories: Sequence[str | os.PathLike]
    judge: Judge | None = None


@dataclass(frozen=True)
class ProductionInputs:
    """What all state points of a composition are made from. replicas: quenched. model, release: of the potential."""

    replicas: Sequence[str | os.PathLike]
    model: str | os.PathLike
    release: str | os.PathLike

    @property
    def named(self) -> dict[str, str | os.PathLike]:
        """Name → file, for provenance."""
        return numbered("replica", self.replicas) | {"model": self.model}


def run_together(
    points: Sequence[StatePointFiles],
    load_potential: Callable[[], MDPotential],
    inputs: ProductionInputs,
    *,
    params: MDParams,
    checkpoint_ps: float,
) -> dict[str, str]:
    """Run state points of one composition; those made before from the same settings and inputs are kept.

    Each has its products, its record of what it was made from, and the numbers of a batch of its own. One that was made
    before with another length goes on from its end, alone.

    Args:
        points: of the composition.
        load_potential: called where any is due.
        params: of the rule, with acceptance, window and seed.
        checkpoint_ps: time between checkpoints.

    Returns:
        temperature of each state point → why its production ended.
    """
    jobs = [job for files in points if not (job := _ProductionJob(files, inputs, params)).long_job.is_done()]
    if jobs:
        committee = load_potential()
        longer = [job for job in jobs if job.earlier]
        for batch in ([job] for job in longer):
            _run(batch, committee, inputs, params, checkpoint_ps=checkpoint_ps)
        if anew := [job for job in jobs if job not in longer]:
            _run(anew, committee, inputs, params, checkpoint_ps=checkpoint_ps)
    return {files.temperature: read_json(files.record)["stopped_because"] for files in points}


class _ProductionJob:
    """One state point and what it is made from."""

    def __init__(self, files: StatePointFiles, inputs: ProductionInputs, params: MDParams):
        self.files, self._inputs, self._params = files, inputs, params
        self.subject = {"composition": params.composition["id"], "temperature": files.temperature}
        self.long_job = LongJob(
            [files.record, *files.trajectories],
            [*self.subject.values(), params.seed, params.dynamics, params.window, params.acceptance],
            inputs=inputs.named.values(),
        )

    @cached_property
    def origin(self) -> str:
        """Digest of all that its steps are made from."""
        dynamics = self._params.dynamics
        dynamics = dynamics | {"production": without(dynamics["production"], *LENGTHS)}
        hashes = [sha256_as_made(path) for path in self._inputs.named.values()]
        return digest([*self.subject.values(), self._params.seed, dynamics, hashes])

    @cached_property
    def earlier(self) -> EarlierRun | None:
        """The run that made the products that are there, where it is the beginning of this one."""
        found = find_earlier_run(self.files.record, origin=self.origin, trajectories=self.files.trajectories)
        if found is None or found.is_longer_than(self._params.dynamics["production"]["duration_ps"]):
            return None
        return found.judged_by(self.files.judge)


def _run(
    jobs: Sequence[_ProductionJob],
    committee: MDPotential,
    inputs: ProductionInputs,
    params: MDParams,
    *,
    checkpoint_ps: float,
) -> None:
    """Run the state points of these jobs in one batch and write their products."""
    composition = Composition.from_identity(params.composition)
    with ExitStack() as stack:
        scratch = [stack.enter_context(job.long_job.scratch()) for job in jobs]
        points, records = [], []
        for job in jobs:
            product, made = md_record(
                job.subject, inputs.release, params, settings=params.dynamics, inputs=inputs.named
            )
            temperature = job.files.temperature
            seeds = [
                derive_seed(params.seed, composition.id, temperature, index) for index in range(len(inputs.replicas))
            ]
            points.append(
                StatePointRun(
                    float(temperature), seeds, job.files.trajectories, product | made, job.files.judge, job.earlier
                )
            )
            records.append((product, made))
        ends = run_state_points(
            [read_cell(path) for path in inputs.replicas],
            composition,
            committee,
            points=points,
            dynamics=params.dynamics,
            acceptance=params.acceptance,
            checkpoint_ps=checkpoint_ps,
            workdir=_workdir(scratch[0], jobs),
        )
        for job, end, (product, made) in zip(jobs, ends, records, strict=True):
            files, own = job.files, {name: end.record[name] for name in ("production_ps", "looks")}
            if end.is_whole:
                keep_end(files.record, end.ends, origin=job.origin, trajectories=files.trajectories, **own)
            write_json(files.record, product | end.record | {"provenance": made})


def _workdir(scratch: Path, jobs: Sequence[_ProductionJob]) -> Path:
    """Folder of the checkpoints: another set of temperatures is another batch, and a longer run begins otherwise."""
    if len(jobs) > 1:
        return scratch / f"temperatures-{'-'.join(job.files.temperature for job in jobs)}"
    longer = scratch / "longer"
    return longer if jobs[0].earlier or any(longer.glob("segment-*.pt")) else scratch
