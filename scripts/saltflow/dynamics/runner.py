"""Run a schedule on a batch of cells, segment by segment; a killed run resumes at its last segment.

After every segment a file with the state and the frames of that segment appears, by a rename. A new process resumes
from the last one. Its trajectory equals that of an uninterrupted run: random states are part of the MD state, and the
neighbour list is made again at the positions at which it had been made.
"""

import logging
import os
import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import torch
from ase import Atoms, units

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import atomic_write
from saltflow.dynamics import integrators
from saltflow.dynamics.batch_chunks import ChunkedPotential
from saltflow.dynamics.checkpoints import SegmentFiles
from saltflow.dynamics.constraints import Frozen, constrain
from saltflow.dynamics.observation import drift_meV_atom_ps, frames_of, velocities_of
from saltflow.dynamics.progress import Conditions, Interrupted, Progress, RunOutcome, progress_line
from saltflow.dynamics.schedule import Stage
from saltflow.dynamics.state import MDState, draw_velocities, initial_state, remove_drift
from saltflow.dynamics.thermostats import THERMOSTATS
from saltflow.dynamics.walltime import Walltime, walltime_of_job
from saltflow.potentials.mace import Committee, Evaluation
from saltflow.trajectory.h5md import H5MDWriter

log = logging.getLogger(__name__)
RELAX_STEP_A2_PER_EV = 0.01
BAROSTATS = {"npt": integrators.rescale_cells, "npt-full": integrators.reshape_cells}


class MDRun:
    """Molecular dynamics of a batch of cells by a schedule.

    Args:
        cells: starting cells, one per replica.
        schedule: stages in order.
        committee: the potential; its first model drives the dynamics.
        conditions: integration settings.
        seeds: one per cell.
        workdir: folder of the checkpoints; a new process with the same folder resumes.
        frozen: motions of groups that are frozen as they are in `cells`; NVE and NVT only.
        walltime: of the process; by default that of the job.
    """

    def __init__(
        self,
        cells: Sequence[Atoms],
        schedule: Sequence[Stage],
        committee: Committee,
        *,
        conditions: Conditions,
        seeds: Sequence[int],
        workdir: Path,
        frozen: Frozen | None = None,
        walltime: Walltime | None = None,
    ):
        _check_ensembles(schedule, frozen)
        self.frozen = frozen
        self.cells, self.schedule, self.committee = list(cells), list(schedule), committee
        self.conditions, self.step = conditions, conditions.step_fs * units.fs
        self.thermostat = THERMOSTATS[conditions.thermostat]
        self.walltime = walltime or walltime_of_job()
        self.frames: list[dict] = []
        self.potential: ChunkedPotential | None = None
        self._stop_requested = False
        self.segments = SegmentFiles(workdir)
        checkpoint = self.segments.resume()
        if checkpoint:
            self._continue_from(checkpoint)
        else:
            self.progress = Progress(initial_state(cells, seeds=seeds, device=committee.device.type))
            self._bind(find_size=True)

    def finish(self) -> list[RunOutcome]:
        """Integrate to the end of the schedule.

        Raises:
            Interrupted: SIGTERM was received; a checkpoint is written.
        """
        previous = signal.signal(signal.SIGTERM, self._on_sigterm)
        try:
            while self.progress.stage < len(self.schedule) and self.progress.state.systems:
                self._run_segment()
                self._write_checkpoint()
                if self._stop_requested:
                    raise Interrupted("The run was stopped by SIGTERM; start it again and it resumes here.")
        finally:
            signal.signal(signal.SIGTERM, previous)
        return self._outcomes()

    def write_trajectories(self, paths: Sequence[str | os.PathLike], *, metadata: Sequence[dict]) -> None:
        """Assemble the recorded frames of every cell into one H5MD file each.

        Args:
            paths: one file per cell, in the order of the cells.
            metadata: one provenance record per cell.
        """
        with ExitStack() as stack:
            temporaries = [stack.enter_context(atomic_write(path)) for path in paths]
            writers = [
                H5MDWriter(temporary, cell, metadata=record)
                for temporary, cell, record in zip(temporaries, self.cells, metadata, strict=True)
            ]
            for frames in self.segments.frames():
                for frame in frames:
                    writer = writers[frame.pop("label")]
                    (writer.append_velocities if "velocities_A_ps" in frame else writer.append)(**frame)
                for writer in writers:
                    writer.flush()

    # ── integration ────────────────────────────────────────────────────────────────────────────

    def _run_segment(self) -> None:
        progress = self.progress
        began, first = time.perf_counter(), progress.total_steps
        self.walltime.begin_segment()
        while self._segment_goes_on(progress.total_steps - first):
            stage = self.schedule[progress.stage]
            if not progress.started:
                self._enter(stage)
            before = replace(progress.state)
            temperature_K = self._advance(stage)
            progress.step += 1
            progress.total_steps += 1
            self._stop_lost_cells(stage, before, temperature_K)
            if not progress.state.systems:
                break
            self._observe(stage)
            if progress.step == stage.steps:
                progress.stage += 1
                if progress.stage == len(self.schedule):
                    break
                progress.step, progress.started = 0, False
        self._report(first, time.perf_counter() - began)

    def _segment_goes_on(self, steps: int) -> bool:
        """Whether a segment gets one more step; it has at least one, so that short walltimes make progress."""
        length = max(1, round(self.conditions.segment_ps * 1000 / self.conditions.step_fs))
        is_full = steps > 0 and (steps >= length or self.walltime.is_time_to_save())
        return not (is_full or self._stop_requested)

    def _bind(self, *, find_size: bool = False) -> None:
        """Evaluate the batch, in chunks as before or as a trial finds them."""
        max_atoms = self.potential and self.potential.max_atoms
        self._set_potential(max_atoms)
        state = self.progress.state
        if find_size:
            self.potential.find_size(state.positions, state.cells)
        self.evaluation = self.potential.evaluate(state.positions, state.cells)

    def _set_potential(self, max_atoms: int | None) -> None:
        """Bind constraints and potential to the cells of the batch."""
        state = self.progress.state
        self.constraint = constrain(self.frozen, self.cells, state)
        state.lost_degrees = self.constraint and self.constraint.lost_degrees
        self._restrict = self.constraint.restrict if self.constraint else remove_drift
        numbers, system = state.numbers.cpu().numpy(), state.system.cpu().numpy()
        self.potential = ChunkedPotential(self.committee, numbers, system, max_atoms=max_atoms)

    def _enter(self, stage: Stage) -> None:
        """Begin a stage: draw velocities where there are none, go to the mean volume where the stage says so."""
        progress, state = self.progress, self.progress.state
        if stage.at_mean_volume and progress.volume_sum is not None:
            self._take_mean_cell()
        if stage.ensemble != "relax" and not state.velocities.any():
            draw_velocities(state, self._per_cell(stage.start_K), restrict=self._restrict)
        progress.volume_sum, progress.volume_count, progress.cell_sum, progress.conserved = None, 0, None, ()
        progress.started = True
        self._bind()

    def _take_mean_cell(self) -> None:
        """Give every cell the mean volume of the stage before, and the mean shape where the shape changed."""
        progress, state = self.progress, self.progress.state
        device = state.cells.device
        if progress.cell_sum is not None:
            mean_cells = (progress.cell_sum / progress.volume_count).to(device)
            integrators.deform_cells(state, torch.linalg.solve(state.cells, mean_cells))
        mean = (progress.volume_sum / progress.volume_count).to(device)
        integrators.scale_cells(state, (mean / state.volume_A3()) ** (1 / 3))

    def _advance(self, stage: Stage) -> torch.Tensor:
        """One step; returns the temperature of each cell before the thermostat acts on it."""
        state, forces, step = self.progress.state, self.potential.evaluate, self.step
        if stage.ensemble == "relax":
            self.evaluation = integrators.relax_step(state, self.evaluation, forces, step_size=RELAX_STEP_A2_PER_EV)
            return state.temperature_K()
        if stage.ensemble == "nve":
            self.evaluation = self._verlet_step()
            return state.temperature_K()
        target = self._target(stage)
        time = self.conditions.thermostat_time_fs * units.fs
        if stage.ensemble in BAROSTATS:
            BAROSTATS[stage.ensemble](
                state,
                self.evaluation,
                target_K=target,
                pressure=self.conditions.pressure_GPa * units.GPa,
                step=step,
                time=self.conditions.barostat_time_fs * units.fs,
                compressibility=self.conditions.compressibility_per_GPa / units.GPa,
            )
        self.thermostat.half_step(state, target_K=target, step=step, time=time, restrict=self._restrict)
        self.evaluation = self._verlet_step()
        temperature_K = state.temperature_K()
        self.thermostat.half_step(state, target_K=target, step=step, time=time, restrict=self._restrict)
        return temperature_K

    def _verlet_step(self) -> Evaluation:
        return integrators.verlet_step(
            self.progress.state,
            self.evaluation,
            self.potential.evaluate,
            step=self.step,
            constraint=self.constraint,
        )

    def _per_cell(self, values: Sequence[float]) -> torch.Tensor:
        state = self.progress.state
        chosen = [values[label] for label in state.labels]
        return torch.tensor(chosen, dtype=torch.float64, device=state.cells.device)

    def _target(self, stage: Stage) -> torch.Tensor:
        return self._per_cell(stage.temperatures_K(self.progress.step))

    # ── stop criteria ──────────────────────────────────────────────────────────────────────────

    def _stop_lost_cells(self, stage: Stage, before: MDState, temperature_K: torch.Tensor) -> None:
        """Remove cells that met a stop criterion from the batch."""
        state, evaluation = self.progress.state, self.evaluation
        force_sums = state.sum_over_atoms(evaluation.forces.abs().sum(-1))
        finite = torch.isfinite(evaluation.energies + force_sums + temperature_K)
        runaway = temperature_K > self.conditions.max_temperature_ratio * self._target(stage)
        if stage.ensemble == "relax":
            runaway = torch.zeros_like(runaway)
        lost = torch.nonzero(~finite | runaway).flatten().tolist()
        for position in reversed(lost):
            reason = "temperature ran away" if bool(finite[position]) else "energy or forces are not finite"
            self._stop(position, f"{reason} in stage '{stage.name}'", before.atoms_of(position))
        if lost and self.progress.state.systems:
            self._bind()

    def _stop(self, position: int, reason: str, last_finite: Atoms) -> None:
        progress = self.progress
        label = progress.state.labels[position]
        log.warning("replica %d stopped at step %d: %s", label + 1, progress.total_steps, reason)
        progress.stopped += ((label, reason, progress.total_steps, last_finite),)
        kept = [index for index in range(progress.state.systems) if index != position]
        progress.state = progress.state.without(position)
        if progress.volume_sum is not None:
            progress.volume_sum = progress.volume_sum[kept]
        if progress.cell_sum is not None:
            progress.cell_sum = progress.cell_sum[kept]
        progress.conserved = tuple(values[kept] for values in progress.conserved)

    # ── observation ────────────────────────────────────────────────────────────────────────────

    def _observe(self, stage: Stage) -> None:
        progress = self.progress
        if stage.ensemble in BAROSTATS and 2 * progress.step > stage.steps:
            volume, cells = progress.state.volume_A3().cpu(), progress.state.cells.cpu()
            progress.volume_sum = volume if progress.volume_sum is None else progress.volume_sum + volume
            if stage.ensemble == "npt-full":
                progress.cell_sum = cells if progress.cell_sum is None else progress.cell_sum + cells
            progress.volume_count += 1
        if stage.ensemble in ("nvt", "nve") and progress.step % _conserved_interval(stage) == 0:
            progress.conserved += (self._conserved(stage),)
        time_ps = progress.total_steps * self.conditions.step_fs / 1000
        if stage.records_velocities(progress.step):
            self.frames += velocities_of(progress.state, step=progress.total_steps, time_ps=time_ps)
        if stage.frame_interval and progress.step % stage.frame_interval == 0:
            self.frames += frames_of(progress.state, self.evaluation, step=progress.total_steps, time_ps=time_ps)

    def _conserved(self, stage: Stage) -> torch.Tensor:
        state = self.progress.state
        energy = state.kinetic_energy() + self.evaluation.energies
        if stage.ensemble == "nvt":
            time = self.conditions.thermostat_time_fs * units.fs
            energy = energy + self.thermostat.energy(state, target_K=self._target(stage), time=time)
        return energy.cpu()

    def _report(self, first: int, seconds: float) -> None:
        steps = self.progress.total_steps - first
        if steps and self.progress.state.systems:
            each_s, step_fs = seconds / steps, self.conditions.step_fs
            log.info(progress_line(self.progress, self.schedule, step_fs=step_fs, seconds_per_step=each_s))

    def _outcomes(self) -> list[RunOutcome]:
        progress = self.progress
        outcomes = {label: RunOutcome(atoms, reason, steps, None) for label, reason, steps, atoms in progress.stopped}
        interval_ps = _conserved_interval(self.schedule[-1]) * self.conditions.step_fs / 1000
        for position, label in enumerate(progress.state.labels):
            atoms = progress.state.atoms_of(position)
            energies = [float(values[position]) for values in progress.conserved]
            drift = drift_meV_atom_ps(energies, interval_ps=interval_ps, atoms=len(atoms))
            outcomes[label] = RunOutcome(atoms, "ok", progress.total_steps, drift)
        return [outcomes[label] for label in sorted(outcomes)]

    # ── checkpoints ────────────────────────────────────────────────────────────────────────────

    def _write_checkpoint(self) -> None:
        progress = self.progress
        self.segments.add(
            {
                "state": progress.state.tensors(),
                "progress": replace(progress, state=None),
                "listed_at": self.potential.listed_at,
                "max_atoms": self.potential.max_atoms,
                "frames": self.frames,
            }
        )
        self.frames = []

    def _continue_from(self, checkpoint: dict) -> None:
        device = self.committee.device.type
        tensors = {
            name: value.to(device) if isinstance(value, torch.Tensor) else value
            for name, value in checkpoint["state"].items()
        }
        self.progress = replace(checkpoint["progress"], state=MDState(**tensors))
        log.info("resuming at step %d, after segment %d", self.progress.total_steps, self.segments.finished)
        state = self.progress.state
        if state.systems:
            self._set_potential(checkpoint["max_atoms"])
            self.potential.list_neighbours(*(values.to(device) for values in checkpoint["listed_at"]))
            self.evaluation = self.potential.evaluate(state.positions, state.cells)

    def _on_sigterm(self, *_: object) -> None:
        self._stop_requested = True


def _check_ensembles(schedule: Sequence[Stage], frozen: Frozen | None) -> None:
    moves_cells = [stage.name for stage in schedule if stage.ensemble in ("relax", *BAROSTATS) or stage.at_mean_volume]
    if frozen and frozen.motions and moves_cells:
        raise SaltflowError(f"Frozen groups allow NVE and NVT only; remove the stages {', '.join(moves_cells)}.")


def _conserved_interval(stage: Stage) -> int:
    """Steps between two records of the conserved quantity."""
    return max(1, stage.steps // 100)
