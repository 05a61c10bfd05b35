"""Quench the replicas of a composition that are not quenched yet, in one batch."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from saltflow.base.long_job import LongJob
from saltflow.base.provenance import derive_seed, read_json, write_json
from saltflow.dynamics.record import MDParams, md_record
from saltflow.dynamics.runs import quench
from saltflow.labels.frames import read_cell, write_frames
from saltflow.materials.compositions import Composition
from saltflow.potentials.protocol import MDPotential


@dataclass(frozen=True)
class ReplicaFiles:
    """Of one replica. number: from 1. cell: as packed. quenched, record, trajectory: products."""

    number: str
    cell: str | os.PathLike
    quenched: str | os.PathLike
    record: str | os.PathLike
    trajectory: str | os.PathLike


def quench_together(
    replicas: Sequence[ReplicaFiles],
    load_potential: Callable[[], MDPotential],
    *,
    model: str | os.PathLike,
    release: str | os.PathLike,
    params: MDParams,
    checkpoint_ps: float,
) -> dict[str, str]:
    """Quench the replicas of one composition; those made before from the same settings and inputs are kept.

    Each replica has its products, its record of what it was made from, and the numbers of a batch of its own.

    Args:
        replicas: of the composition.
        load_potential: called where any is due.
        model, release: files of the potential.
        params: of the rule, with acceptance and seed.
        checkpoint_ps: time between checkpoints.

    Returns:
        number of each replica → status.
    """
    composition = Composition.from_identity(params.composition)
    jobs = {}
    for files in replicas:
        settings = [composition.id, files.number, params.seed, params.dynamics, params.acceptance]
        job = LongJob([files.quenched, files.record, files.trajectory], settings, inputs=[files.cell, model])
        if not job.is_done():
            jobs[files] = job
    if jobs:
        _quench(jobs, composition, load_potential(), model, release, params, checkpoint_ps=checkpoint_ps)
    return {files.number: read_json(files.record)["status"] for files in replicas}


def _quench(
    jobs: Mapping[ReplicaFiles, LongJob],
    composition: Composition,
    committee: MDPotential,
    model: str | os.PathLike,
    release: str | os.PathLike,
    params: MDParams,
    *,
    checkpoint_ps: float,
) -> None:
    """Quench the cells of these jobs and write their products."""
    records = []
    for files in jobs:
        where = {"composition": composition.id, "replica": files.number}
        inputs = {"cell": files.cell, "model": model}
        records.append(md_record(where, release, params, settings=params.dynamics, inputs=inputs))
    with ExitStack() as stack:
        scratch = [stack.enter_context(job.scratch()) for job in jobs.values()]
        # Another set of replicas is another batch.
        workdir = scratch[0] / f"replicas-{'-'.join(files.number for files in jobs)}"
        quenched = quench(
            [read_cell(files.cell) for files in jobs],
            composition,
            committee,
            dynamics=params.dynamics,
            acceptance=params.acceptance,
            checkpoint_ps=checkpoint_ps,
            seeds=[derive_seed(params.seed, composition.id, "quench", files.number) for files in jobs],
            workdir=workdir,
            trajectory_paths=[Path(files.trajectory) for files in jobs],
            metadata=[product | record for product, record in records],
        )
        for files, (replica, verdict), (product, record) in zip(jobs, quenched, records, strict=True):
            write_json(files.record, product | verdict | {"provenance": record})
            write_frames(files.quenched, [replica])
