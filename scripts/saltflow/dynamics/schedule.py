"""Schedules of stages: melt and quench, production, constrained production, exploration.

A stage has one ensemble; its target temperature changes linearly from start to end.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from saltflow.campaign.production_end import judged_by
from saltflow.materials.vibration_periods import timestep_key

COOLING = "quench"  # its volume shows the glass transition, so it is recorded more often
FRAMES_OF_STAGE, FRAMES_OF_COOLING = 20, 180
LOOK_RATIO = 1.2  # length of a run at one look over that at the look before

Ensemble = Literal["relax", "nve", "nvt", "npt", "npt-full"]
PRESSURE_ENSEMBLES: Mapping[str, Ensemble] = {
    "isotropic": "npt",
    "full": "npt-full",
}  # by what changes


@dataclass(frozen=True)
class Stage:
    """One stage of a schedule.

    Args:
        name: for the progress line.
        ensemble: relax (capped steepest descent), nve, nvt (thermostat), npt (nvt + isotropic cell rescaling) or
            npt-full (nvt + rescaling of edges and angles).
        steps: number of integration steps.
        start_K, end_K: target temperature of each cell at the first and the last step, (cells,).
        frame_interval: steps between recorded frames; 0 records none.
        velocity_interval: steps between frames with velocities, from the start of the stage; 0 records none.
        velocity_steps: steps for which these are recorded.
        at_mean_volume: start at the mean volume of the second half of the stage before; after npt-full also with its
            mean shape.
        looks: steps of the stage after which it is judged whether it may end, ascending.
    """

    name: str
    ensemble: Ensemble
    steps: int
    start_K: tuple[float, ...]
    end_K: tuple[float, ...]
    frame_interval: int = 0
    at_mean_volume: bool = False
    velocity_interval: int = 0
    velocity_steps: int = 0
    looks: tuple[int, ...] = ()

    def records_velocities(self, step: int) -> bool:
        """Whether a frame with velocities is recorded after a number of steps."""
        return bool(self.velocity_interval) and step <= self.velocity_steps and step % self.velocity_interval == 0

    @property
    def least_steps(self) -> int:
        """Steps that it has in any case."""
        return self.looks[0] if self.looks else self.steps

    def temperatures_K(self, step: int) -> tuple[float, ...]:
        """Target temperature of each cell after a number of steps, (cells,)."""
        share = step / self.steps
        return tuple(start + (end - start) * share for start, end in zip(self.start_K, self.end_K, strict=True))


def timestep_fs(symbols: Iterable[str], *, rules: Mapping[str, float]) -> float:
    """The time step for a set of elements: the fastest vibration limits it.

    Args:
        symbols: chemical symbols of the cell.
        rules: the section `dynamics.timestep_fs`.
    """
    return rules[timestep_key(symbols)]


def steps_of(duration_ps: float, *, step_fs: float) -> int:
    """Number of steps nearest to a duration."""
    return round(duration_ps * 1000 / step_fs)


def looks_of(production: Mapping, *, step_fs: float) -> tuple[int, ...]:
    """Steps of production after which it is judged, a fixed grid; none where its length is fixed or no longer than the
    least.

    Args:
        production: the section `dynamics.production`.
        step_fs: time step.
    """
    wanted = judged_by(production)
    if wanted is None:
        return ()
    interval = max(1, round(production["frame_interval_fs"] / step_fs))
    frames, most = (
        [wanted["least_ps"] * 1000 / step_fs / interval],
        steps_of(production["duration_ps"], step_fs=step_fs),
    )
    while (following := LOOK_RATIO * frames[-1]) * interval < most:
        frames.append(following)
    return tuple(round(number) * interval for number in frames)


def quench_schedule(quench: Mapping, *, cells: int, step_fs: float, crystal: bool) -> list[Stage]:
    """Relax, melt (NVT, then NPT), cool (NPT), anneal (NPT); a crystal is only relaxed and annealed.

    Args:
        quench: the section `dynamics.quench`.
        cells: how many cells share the batch.
        step_fs: time step.
        crystal: whether the structure is from a file and must not melt.
    """
    hot, cold = (quench["melt_temperature_K"],) * cells, (quench["final_temperature_K"],) * cells
    cooling_ps = (hot[0] - cold[0]) / quench["rate_K_per_ps"]

    def stage(name: str, ensemble: Ensemble, duration_ps: float, start: tuple, end: tuple) -> Stage:
        steps = steps_of(duration_ps, step_fs=step_fs)
        frames = FRAMES_OF_COOLING if name == COOLING else FRAMES_OF_STAGE
        return Stage(name, ensemble, steps, start, end, frame_interval=max(1, steps // frames))

    relax = Stage("relax", "relax", quench["relax_steps"], cold, cold)
    melt = [
        stage("melt", "nvt", quench["melt_ps"], hot, hot),
        stage("melt under pressure", "npt", quench["melt_npt_ps"], hot, hot),
        stage(COOLING, "npt", cooling_ps, hot, cold),
    ]
    anneal = stage("anneal", "npt", quench["anneal_ps"], cold, cold)
    return _nonempty([relax, *([] if crystal else melt), anneal])


def production_schedule(production: Mapping, *, temperatures_K: Sequence[float], step_fs: float) -> list[Stage]:
    """Equilibrate (NPT), go to the mean volume, equilibrate (NVT), record (NVT).

    Args:
        production: the section `dynamics.production`.
        temperatures_K: of each cell of the batch.
        step_fs: time step.
    """
    target = tuple(temperatures_K)
    interval = max(1, round(production["frame_interval_fs"] / step_fs))
    equilibrate = steps_of(production["equilibrate_npt_ps"], step_fs=step_fs)
    pressure: Ensemble = PRESSURE_ENSEMBLES[production["equilibrate_cell"]]
    settle = steps_of(production["equilibrate_nvt_ps"], step_fs=step_fs)
    record = steps_of(production["duration_ps"], step_fs=step_fs)
    velocities = production["velocities"]
    production_stage = Stage(
        "production",
        "nvt",
        record,
        target,
        target,
        interval,
        at_mean_volume=equilibrate > 0 and not settle,
        velocity_interval=max(1, round(velocities["interval_fs"] / step_fs)),
        velocity_steps=steps_of(velocities["duration_ps"], step_fs=step_fs),
        looks=looks_of(production, step_fs=step_fs),
    )
    return _nonempty(
        [
            Stage("equilibrate under pressure", pressure, equilibrate, target, target),
            Stage("equilibrate", "nvt", settle, target, target, at_mean_volume=equilibrate > 0),
            production_stage,
        ]
    )


def constrained_schedule(constraints: Mapping, *, temperature_K: float, cells: int, step_fs: float) -> list[Stage]:
    """Equilibrate and record under NVT at the volume of the cells, that of production.

    Args:
        constraints: the section `constraints`.
        temperature_K: of the state point.
        cells: how many cells share the batch.
        step_fs: time step.
    """
    target = (temperature_K,) * cells
    interval = max(1, round(constraints["frame_interval_fs"] / step_fs))
    settle = steps_of(constraints["equilibrate_ps"], step_fs=step_fs)
    record = steps_of(constraints["duration_ps"], step_fs=step_fs)
    return _nonempty(
        [
            Stage("equilibrate", "nvt", settle, target, target),
            Stage("constrained production", "nvt", record, target, target, interval),
        ]
    )


def exploration_schedule(
    *, temperatures_K: Sequence[float], relax_steps: int, duration_ps: float, stride_fs: float, step_fs: float
) -> list[Stage]:
    """Relax each cell, then run NVT at its own temperature; both are recorded.

    Args:
        temperatures_K: one per cell.
        relax_steps: steps of the relaxation.
        duration_ps: of the NVT stage.
        stride_fs: between recorded frames.
        step_fs: time step.
    """
    target = tuple(float(temperature) for temperature in temperatures_K)
    interval = max(1, round(stride_fs / step_fs))
    steps = steps_of(duration_ps, step_fs=step_fs)
    return _nonempty(
        [
            Stage("relax", "relax", relax_steps, target, target, frame_interval=max(1, relax_steps // 2)),
            Stage("explore", "nvt", steps, target, target, frame_interval=interval),
        ]
    )


def _nonempty(stages: list[Stage]) -> list[Stage]:
    return [stage for stage in stages if stage.steps > 0]
