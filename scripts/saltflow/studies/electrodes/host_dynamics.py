"""Molecular dynamics of hosts with their ions, for a while."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from ase import Atoms

from saltflow.dynamics.runner import MDRun
from saltflow.dynamics.runs import conditions
from saltflow.dynamics.schedule import Stage, steps_of, timestep_fs
from saltflow.potentials.protocol import MDPotential
from saltflow.studies.electrodes.configurations import OK

CHECKPOINT_PS = 1.0
LARGEST_TEMPERATURE_RATIO = 4.0


def run_hosts(
    hosts: Sequence[Atoms],
    potential: MDPotential,
    *,
    seeds: Sequence[int],
    settings: Mapping,
    dynamics: Mapping,
    workdir: Path,
) -> list[tuple[Atoms, str | None]]:
    """Each host at the end of the dynamics, and why it was stopped.

    Args:
        hosts: run in one batch, each as if alone.
        potential: of the engine.
        seeds: of the velocities of each.
        settings: md_ps, temperature_K, ensemble.
        dynamics: the section `dynamics` of the settings.
        workdir: of checkpoints, from which a killed run resumes; it is removed.
    """
    step_fs = timestep_fs({symbol for host in hosts for symbol in host.symbols}, rules=dynamics["timestep_fs"])
    steps = steps_of(settings["md_ps"], step_fs=step_fs)
    if not steps or not hosts:
        return [(host, None) for host in hosts]
    target = (float(settings["temperature_K"]),) * len(hosts)
    run = MDRun(
        hosts,
        [Stage("hold", settings["ensemble"], steps, target, target)],
        potential,
        conditions=conditions(
            dynamics,
            step_fs=step_fs,
            checkpoint_ps=CHECKPOINT_PS,
            max_temperature_ratio=LARGEST_TEMPERATURE_RATIO,
        ),
        seeds=seeds,
        workdir=workdir,
    )
    outcomes = run.finish()
    shutil.rmtree(workdir)
    return [
        (
            Atoms(each.atoms.numbers, each.atoms.positions, cell=each.atoms.cell, pbc=True),
            None if each.status == OK else f"fell apart: {each.status} after {each.steps} steps",
        )
        for each in outcomes
    ]
