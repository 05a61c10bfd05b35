"""Settings, progress and outcome of a run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from ase import Atoms

from saltflow.base.errors import SaltflowError
from saltflow.dynamics.observation import densities_g_cm3
from saltflow.dynamics.schedule import Stage
from saltflow.dynamics.state import MDState


@dataclass(frozen=True)
class Conditions:
    """How a schedule is integrated.

    step_fs: time step. thermostat: of `THERMOSTATS`. thermostat_time_fs, barostat_time_fs: relaxation times.
    compressibility_per_GPa: of the barostat; sets its speed, not its result. pressure_GPa: target.
    max_temperature_ratio: stop criterion; a cell hotter than this × its target is stopped.
    segment_ps: time between checkpoints.
    max_energy_drift_meV_atom_ps: stop criterion; a cell whose conserved quantity certainly drifts faster in the last
        stage (NVE, NVT) is stopped; None for none.
    """

    step_fs: float
    thermostat: str
    thermostat_time_fs: float
    barostat_time_fs: float
    compressibility_per_GPa: float
    pressure_GPa: float
    max_temperature_ratio: float
    segment_ps: float
    max_energy_drift_meV_atom_ps: float | None = None


@dataclass(frozen=True)
class CellEnd:
    """What a longer run of a cell goes on from.

    state: of this cell alone, on the host. step: of the last stage. total_steps: of all stages.
    conserved_eV: values of the conserved quantity in the last stage. interval: steps between two of them.
    """

    state: MDState
    step: int
    total_steps: int
    conserved_eV: tuple[float, ...]
    interval: int


@dataclass(frozen=True)
class RunOutcome:
    """The end of one cell's run.

    atoms: last finite frame, with velocities. status: "ok", or the stop criterion. steps: completed.
    conserved_drift_meV_atom_ps: slope of the conserved quantity over the last stage (NVE, NVT), and its standard error.
    end: of a cell that met no stop criterion.
    """

    atoms: Atoms
    status: str
    steps: int
    conserved_drift_meV_atom_ps: float | None = None
    conserved_drift_error_meV_atom_ps: float | None = None
    end: CellEnd | None = None


class Interrupted(SaltflowError):  # noqa: N818 - a request, not an error
    """A signal stopped the run; its checkpoint is written."""


@dataclass
class Progress:
    """How far a run has come; with the MD state it makes a checkpoint."""

    state: MDState
    stage: int = 0
    step: int = 0
    total_steps: int = 0
    started: bool = False
    volume_sum: torch.Tensor | None = None
    volume_count: int = 0
    cell_sum: torch.Tensor | None = None
    conserved: tuple[torch.Tensor, ...] = ()
    ended: tuple[tuple[int, RunOutcome], ...] = ()
    looks: tuple[dict, ...] = ()

    def at(self, device: str | torch.device, *, state: MDState | None) -> "Progress":
        """A copy with its tensors on a device, and another state."""
        volume_sum, cell_sum = (None if sums is None else sums.to(device) for sums in (self.volume_sum, self.cell_sum))
        conserved = tuple(values.to(device) for values in self.conserved)
        return replace(self, state=state, volume_sum=volume_sum, cell_sum=cell_sum, conserved=conserved)


def progress_line(progress: Progress, schedule: Sequence[Stage], *, step_fs: float, seconds_per_step: float) -> str:
    """Step, speed, remaining time, temperature and density, for the log.

    Args:
        progress: with at least one cell.
        schedule: all stages.
        step_fs: time step.
        seconds_per_step: of the last segment.
    """
    all_steps = sum(stage.steps for stage in schedule)
    picoseconds_per_day = step_fs / 1000 / seconds_per_step * 86400
    left = (all_steps - progress.total_steps) * step_fs / 1000
    return (
        f"step {progress.total_steps} of {all_steps} · {schedule[min(progress.stage, len(schedule) - 1)].name}"
        f" · {progress.state.systems} cells · {picoseconds_per_day / 1000:.4g} ns/day"
        f" · {left:.3g} ps and {left / picoseconds_per_day * 24:.2g} h left"
        f" · T {float(progress.state.temperature_K().mean()):.0f} K"
        f" · density {float(densities_g_cm3(progress.state).mean()):.2f} g/cm³"
    )
