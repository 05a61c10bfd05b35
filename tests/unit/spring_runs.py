"""Short constrained runs of tetrahedra of springs."""

import numpy as np
from springs import tetrahedra

from saltflow.dynamics.constraints import Frozen
from saltflow.dynamics.progress import Conditions
from saltflow.dynamics.runner import MDRun
from saltflow.dynamics.schedule import Stage

STEPS = 60


def conditions(*, segment_steps=1000):
    return Conditions(
        step_fs=1.0,
        thermostat="nose-hoover",
        thermostat_time_fs=50.0,
        barostat_time_fs=200.0,
        compressibility_per_GPa=0.05,
        pressure_GPa=0.0,
        max_temperature_ratio=5.0,
        segment_ps=segment_steps / 1000,
    )


def stage(ensemble="nvt", *, cells=2, steps=STEPS):
    return Stage(ensemble, ensemble, steps, (500.0,) * cells, (500.0,) * cells, frame_interval=5)


def run(folder, motions, *, cells=2, segment_steps=1000, schedule=None, broken=None):
    replicas = [tetrahedra(seed=seed)[0] for seed in range(cells)]
    _, groups, springs = tetrahedra()
    if broken is not None:
        replicas[broken].positions[-1] = np.nan
    frozen = None if motions is None else Frozen(motions, [groups] * cells)
    return MDRun(
        replicas,
        schedule or [stage(cells=cells)],
        springs,
        conditions=conditions(segment_steps=segment_steps),
        seeds=range(cells),
        workdir=folder,
        frozen=frozen,
    )
