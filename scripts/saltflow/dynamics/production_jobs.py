"""Run the state points of a composition that are not there yet, in one batch."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from saltflow.base.long_job import LongJob
from saltflow.base.provenance import derive_seed, numbered, read_json, write_json
from saltflow.dynamics.looks import Judge
from saltflow.dynamics.record import MDParams, md_record
from saltflow.dynamics.runs import StatePointRun, run_state_points
from saltflow.labels.frames import read_cell
from saltflow.materials.compositions import Composition
from saltflow.potentials.protocol import MDPotential


@dataclass(frozen=True)
class StatePointFiles:
    """Of one state point. temperature: as in paths. record, trajectories: products. judge: ends its production."""

    temperature: str
    record: str | os.PathLike
    trajectories: Sequence[str | os.PathLike]
    judge: Judge | None = None


def run_together(
    points: Sequence[StatePointFiles],
    load_potential: Callable[[], MDPotential],
    *,
    replicas: Sequence[str | os.PathLike],
    model: str | os.PathLike,
    release: str | os.PathLike,
    params: MDParams,
    checkpoint_ps: float,
) -> dict[str, str]:
    """Run state points of one composition; those made before from the same settings and inputs are kept.

    Each has its products, its record of what it was made from, and the numbers of a batch of its own.

    Args:
        points: of the composition.
        load_potential: called where any is due.
        replicas: files of the quenched replicas.
        model, release: files of the potential.
        params: of the rule, with acceptance, window and seed.
        checkpoint_ps: time between checkpoints.

    Returns:
        temperature of each state point → why its production ended.
    """
    inputs = numbered("replica", replicas) | {"model": model}
    jobs = {}
    for files in points:
        settings = [params.composition["id"], files.temperature, params.seed, params.dynamics, params.window]
        products = [files.record, *files.trajectories]
        job = LongJob(products, [*settings, params.acceptance], inputs=inputs.values())
        if not job.is_done():
            jobs[files.temperature] = files, job
    if jobs:
        _run(jobs, load_potential(), inputs, replicas, release, params, checkpoint_ps=checkpoint_ps)
    return {files.temperature: read_json(files.record)["stopped_because"] for files in points}


def _run(
    jobs: Mapping[str, tuple[StatePointFiles, LongJob]],
    committee: MDPotential,
    inputs: Mapping[str, str | os.PathLike],
    replicas: Sequence[str | os.PathLike],
    release: str | os.PathLike,
    params: MDParams,
    *,
    checkpoint_ps: float,
) -> None:
    """Run the state points of these jobs and write their products."""
    composition = Composition.from_identity(params.composition)
    where = {temperature: {"composition": composition.id, "temperature": temperature} for temperature in jobs}
    made = {
        temperature: md_record(wildcards, release, params, settings=params.dynamics, inputs=inputs)
        for temperature, wildcards in where.items()
    }
    with ExitStack() as stack:
        scratch = [stack.enter_context(job.scratch()) for _, job in jobs.values()]
        # Another set of temperatures is another batch.
        workdir = scratch[0] / f"temperatures-{'-'.join(jobs)}" if len(jobs) > 1 else scratch[0]
        ends = run_state_points(
            [read_cell(path) for path in replicas],
            composition,
            committee,
            points=[
                StatePointRun(
                    temperature_K=float(temperature),
                    seeds=[
                        derive_seed(params.seed, composition.id, temperature, index) for index in range(len(replicas))
                    ],
                    trajectory_paths=files.trajectories,
                    metadata=made[temperature][0] | made[temperature][1],
                    judge=files.judge,
                )
                for temperature, (files, _) in jobs.items()
            ],
            dynamics=params.dynamics,
            acceptance=params.acceptance,
            checkpoint_ps=checkpoint_ps,
            workdir=workdir,
        )
        for (temperature, (files, _)), end in zip(jobs.items(), ends, strict=True):
            product, record = made[temperature]
            write_json(files.record, product | end | {"provenance": record})
