"""Run a schedule on a batch of cells, segment by segment; a killed run resumes at its last segment.

After every segment a file with the state and the frames of that segment appears, by a rename. A new process resumes
from the last one. Its trajectory equals that of an uninterrupted run: random states are part of the MD state, and the
neighbour list is made again at the positions at which it had been made.
"""

import logging
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from ase import Atoms, units

from saltflow.base.errors import SaltflowError
from saltflow.dynamics import integrators
from saltflow.dynamics.batch_chunks import ChunkedPotential
from saltflow.dynamics.checkpoints import SegmentFiles
from saltflow.dynamics.constraints import Frozen, constrain
from saltflow.dynamics.earlier_run import EarlierRun
from saltflow.dynamics.growing_trajectories import GrowingTrajectories
from saltflow.dynamics.looks import JudgedCells, is_look_due, take_looks
from saltflow.dynamics.observation import Recorded, drift_meV_atom_ps, drifts_faster, frames_of, velocities_of
from saltflow.dynamics.progress import CellEnd, Conditions, Interrupted, Progress, RunOutcome, progress_line
from saltflow.dynamics.schedule import Stage
from saltflow.dynamics.state import MDState, draw_velocities, initial_state, joined, remove_drift
from saltflow.dynamics.thermostats import THERMOSTATS
from saltflow.dynamics.walltime import Walltime, walltime_of_job
from saltflow.potentials.protocol import MDPotential
from saltflow.trajectory.h5md import open_trajectory

log = logging.getLogger(__name__)
RELAX_STEP_A2_PER_EV = 0.01
MOMENTUM_INTERVAL = 100  # steps between removals of the momentum that forces of single precision add up to
CONSERVED_VALUES = 100  # of a stage
DRIFT_CHECKS = (20, 40, 60, 80)  # after so many of them
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
        earlier: a finished run of the same cells, from whose end a new run goes on in the last stage.
    """

    def __init__(
        self,
        cells: Sequence[Atoms],
        schedule: Sequence[Stage],
        committee: MDPotential,
        *,
        conditions: Conditions,
        seeds: Sequence[int],
        workdir: Path,
        frozen: Frozen | None = None,
        walltime: Walltime | None = None,
        earlier: EarlierRun | None = None,
    ):
        _check_ensembles(schedule, frozen)
        self.frozen = frozen
        self.cells, self.schedule, self.committee = list(cells), list(schedule), committee
        self.conditions, self.step = conditions, conditions.step_fs * units.fs
        self.thermostat = THERMOSTATS[conditions.thermostat]
        self.walltime = walltime or walltime_of_job()
        self.recorded: list[Recorded] = []
        self.potential: ChunkedPotential | None = None
        self._stop_requested = False
        self.segments = SegmentFiles(workdir)
        self.trajectories = GrowingTrajectories(self.segments, self.cells)
        self._ramp: tuple[object, torch.Tensor, torch.Tensor] | None = None
        checkpoint = self.segments.resume()
        if checkpoint:
            self._continue_from(checkpoint)
        elif earlier:
            self._go_on_from(earlier)
        else:
            self.progress = Progress(initial_state(cells, seeds=seeds, device=committee.device.type))
            self._bind(find_size=True)

    def finish(self, judged: Sequence[JudgedCells] = ()) -> list[RunOutcome]:
        """Integrate to the end of the schedule; cells that are judged may end at one of its looks.

        Raises:
            Interrupted: SIGTERM was received; a checkpoint is written.
        """
        previous = signal.signal(signal.SIGTERM, self._on_sigterm)
        try:
            while self.progress.stage < len(self.schedule) and self.progress.state.systems:
                if judged and is_look_due(self.schedule, self.progress):
                    self._look(judged)
                else:
                    self._run_segment()
                self._write_checkpoint()
                self.trajectories.grow()
                if self._stop_requested:
                    self.trajectories.wait()
                    raise Interrupted("The run was stopped by SIGTERM; start it again and it resumes here.")
            self.trajectories.wait()
        finally:
            signal.signal(signal.SIGTERM, previous)
        return self._outcomes()

    def write_trajectories(self, paths: Sequence[str | os.PathLike], *, metadata: Sequence[dict]) -> None:
        """Put the recorded frames of every cell into one H5MD file each.

        Args:
            paths: one file per cell, in the order of the cells.
            metadata: one provenance record per cell.
        """
        self.trajectories.finish(paths, metadata=metadata)

    # ── integration ────────────────────────────────────────────────────────────────────────────

    def _run_segment(self) -> None:
        progress = self.progress
        began, first = time.perf_counter(), progress.total_steps
        self.walltime.begin_segment()
        while progress.state.systems and self._segment_goes_on(progress.total_steps - first):
            stage = self.schedule[progress.stage]
            if not progress.started:
                self._enter(stage)
            self._make_step(stage)
            if progress.state.systems:
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
        is_due = is_look_due(self.schedule, self.progress)
        is_full = steps > 0 and (steps >= length or is_due or self.walltime.is_time_to_save())
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
        self.progress.state = replace(state, lost_degrees=self.constraint and self.constraint.lost_degrees)
        self.progress.state.count()
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

    def _make_step(self, stage: Stage) -> None:
        """One step of the cells that are left after it; those that met a stop criterion leave the batch."""
        progress, before, evaluation = self.progress, replace(self.progress.state), self.evaluation
        temperature_K = self._advance(stage, isolate=False)
        finite, runaway = self._verdicts(stage, temperature_K)
        if not all(finite):  # numbers of one cell may have spread over the batch: the step is made again with care
            progress.state, self.evaluation = replace(before), evaluation
            finite, runaway = self._verdicts(stage, self._advance(stage, isolate=True))
        progress.step += 1
        progress.total_steps += 1
        lost = {
            place: "temperature ran away" if is_finite else "energy or forces are not finite"
            for place, (is_finite, is_hot) in enumerate(zip(finite, runaway, strict=True))
            if is_hot or not is_finite
        }
        self._stop(lost, stage, before)
        if progress.total_steps % MOMENTUM_INTERVAL == 0 and stage.ensemble != "relax":
            self._restrict(progress.state)

    def _advance(self, stage: Stage, *, isolate: bool) -> torch.Tensor:
        """One step; returns the temperature of each cell before the thermostat acts on it.

        Args:
            isolate: as in `BoundPotential`.
        """
        state, step = self.progress.state, self.step
        forces = partial(self.potential.evaluate, isolate=isolate)
        if stage.ensemble == "relax":
            self.evaluation = integrators.relax_step(state, self.evaluation, forces, step_size=RELAX_STEP_A2_PER_EV)
            return state.temperature_K()
        move = partial(integrators.verlet_step, state, forces=forces, step=step, constraint=self.constraint)
        if stage.ensemble == "nve":
            self.evaluation = move(self.evaluation)
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
        self.evaluation = move(self.evaluation)
        temperature_K = state.temperature_K()
        self.thermostat.half_step(state, target_K=target, step=step, time=time, restrict=self._restrict)
        return temperature_K

    def _per_cell(self, values: Sequence[float]) -> torch.Tensor:
        state = self.progress.state
        chosen = [values[label] for label in state.labels]
        return torch.tensor(chosen, dtype=torch.float64, device=state.cells.device)

    def _target(self, stage: Stage) -> torch.Tensor:
        """(systems,) K; `Stage.temperatures_K` on the device, to which nothing is copied."""
        key = self.progress.stage, self.progress.state.labels
        if self._ramp is None or self._ramp[0] != key:
            self._ramp = key, self._per_cell(stage.start_K), self._per_cell(stage.end_K)
        _, start, end = self._ramp
        return start + (end - start) * (self.progress.step / stage.steps)

    # ── looks ──────────────────────────────────────────────────────────────────────────────────

    def _look(self, judged: Sequence[JudgedCells]) -> None:
        """Judge the frames so far; the verdicts are part of the next checkpoint."""
        self.trajectories.grow()
        self.trajectories.wait()
        labels = self.progress.state.labels
        runs = {label: open_trajectory(self.trajectories.paths[label]) for label in labels}
        ending = take_looks(judged, runs, self.progress)
        for run in runs.values():
            run.close()
        if ending:
            outcomes = self._at_their_end(self.schedule[self.progress.stage])
            self._remove({place: outcomes[place] for place, label in enumerate(labels) if label in ending})

    # ── stop criteria ──────────────────────────────────────────────────────────────────────────

    def _verdicts(self, stage: Stage, temperature_K: torch.Tensor) -> tuple[list[bool], list[bool]]:
        """(systems,) whether energy and forces are finite, and whether the temperature has run away."""
        state, evaluation = self.progress.state, self.evaluation
        force_sums = state.sum_over_atoms(evaluation.forces.abs().sum(-1))
        finite = torch.isfinite(evaluation.energies + force_sums + temperature_K)
        if stage.ensemble == "relax":
            runaway = torch.zeros_like(finite)
        else:
            runaway = temperature_K > self.conditions.max_temperature_ratio * self._target(stage)
        finite, runaway = torch.stack([finite, runaway]).tolist()
        return finite, runaway

    def _check_drift(self, stage: Stage) -> None:
        """Stop cells whose conserved quantity drifts in the last stage."""
        limit, progress = self.conditions.max_energy_drift_meV_atom_ps, self.progress
        is_last = progress.stage == len(self.schedule) - 1
        if limit is None or not is_last or len(progress.conserved) not in DRIFT_CHECKS:
            return
        lost = {
            place: f"energy drifts by {drift:.2g} meV per atom and ps"
            for place, (drift, error) in enumerate(self._drifts(stage))
            if drifts_faster(drift, error, limit=limit)
        }
        self._stop(lost, stage, replace(progress.state))

    def _drifts(self, stage: Stage) -> list[tuple[float, float] | tuple[None, None]]:
        """Drift of the conserved quantity in meV per atom and ps, and its error, of each cell."""
        interval_ps = _conserved_interval(stage) * self.conditions.step_fs / 1000
        state, energies = self.progress.state, self.progress.conserved
        of_cells = torch.stack(energies, 1).tolist() if energies else [[]] * state.systems
        return [
            drift_meV_atom_ps(own, interval_ps=interval_ps, atoms=atoms)
            for own, atoms in zip(of_cells, state.atoms_of_cells, strict=True)
        ]

    def _stop(self, lost: Mapping[int, str], stage: Stage, last_finite: MDState) -> None:
        """Remove cells that met a stop criterion.

        Args:
            lost: place in the batch → reason. last_finite: what is kept of them.
        """
        progress, outcomes = self.progress, {}
        for place, why in lost.items():
            reason = f"{why} in stage '{stage.name}'"
            log.warning(
                "cell %d stopped at step %d: %s", progress.state.labels[place] + 1, progress.total_steps, reason
            )
            outcomes[place] = RunOutcome(last_finite.atoms_of(place), reason, progress.total_steps)
        self._remove(outcomes)

    def _remove(self, outcomes: Mapping[int, RunOutcome]) -> None:
        """Take cells out of the batch: place in it → their end."""
        progress = self.progress
        for place in sorted(outcomes, reverse=True):
            progress.ended += ((progress.state.labels[place], outcomes[place]),)
            kept = [index for index in range(progress.state.systems) if index != place]
            progress.state = progress.state.without(place)
            if progress.volume_sum is not None:
                progress.volume_sum = progress.volume_sum[kept]
            if progress.cell_sum is not None:
                progress.cell_sum = progress.cell_sum[kept]
            progress.conserved = tuple(values[kept] for values in progress.conserved)
        if outcomes and progress.state.systems:
            self._bind()

    # ── observation ────────────────────────────────────────────────────────────────────────────

    def _observe(self, stage: Stage) -> None:
        progress = self.progress
        if stage.ensemble in BAROSTATS and 2 * progress.step > stage.steps:
            volume, cells = progress.state.volume_A3(), progress.state.cells
            progress.volume_sum = volume if progress.volume_sum is None else progress.volume_sum + volume
            if stage.ensemble == "npt-full":
                progress.cell_sum = cells if progress.cell_sum is None else progress.cell_sum + cells
            progress.volume_count += 1
        now = {"step": progress.total_steps, "time_ps": progress.total_steps * self.conditions.step_fs / 1000}
        if stage.records_velocities(progress.step):
            self.recorded.append(velocities_of(progress.state, **now))
        if stage.frame_interval and progress.step % stage.frame_interval == 0:
            has_pressure = self.constraint is None
            self.recorded.append(frames_of(progress.state, self.evaluation, **now, has_pressure=has_pressure))
        if stage.ensemble in ("nvt", "nve") and progress.step % _conserved_interval(stage) == 0:
            progress.conserved += (self._conserved(stage),)
            self._check_drift(stage)

    def _conserved(self, stage: Stage) -> torch.Tensor:
        state = self.progress.state
        energy = state.kinetic_energy() + self.evaluation.energies
        if stage.ensemble == "nvt":
            time = self.conditions.thermostat_time_fs * units.fs
            energy = energy + self.thermostat.energy(state, target_K=self._target(stage), time=time)
        return energy

    def _report(self, first: int, seconds: float) -> None:
        steps = self.progress.total_steps - first
        if steps and self.progress.state.systems:
            each_s, step_fs = seconds / steps, self.conditions.step_fs
            log.info(progress_line(self.progress, self.schedule, step_fs=step_fs, seconds_per_step=each_s))

    def _outcomes(self) -> list[RunOutcome]:
        progress = self.progress
        at_the_end = zip(progress.state.labels, self._at_their_end(self.schedule[-1]), strict=True)
        outcomes = dict(progress.ended) | dict(at_the_end)
        return [outcomes[label] for label in sorted(outcomes)]

    def _at_their_end(self, stage: Stage) -> list[RunOutcome]:
        """Outcomes of the cells that are left, where they end now."""
        progress, interval = self.progress, _conserved_interval(stage)
        conserved = torch.stack(progress.conserved, 1).tolist() if progress.conserved else [[]] * progress.state.systems
        outcomes = []
        for place, (drift, error) in enumerate(self._drifts(stage)):
            state = progress.state.only([place]).at("cpu")
            end = CellEnd(state, progress.step, progress.total_steps, tuple(conserved[place]), interval)
            atoms = progress.state.atoms_of(place)
            outcomes.append(RunOutcome(atoms, "ok", progress.total_steps, drift, error, end))
        return outcomes

    # ── checkpoints ────────────────────────────────────────────────────────────────────────────

    def _write_checkpoint(self) -> None:
        progress = self.progress
        state = {name: _at(value, "cpu") for name, value in progress.state.tensors().items()}
        content = {
            "state": state,
            "progress": progress.at("cpu", state=None),
            "listed_at": [values.cpu() for values in self.potential.listed_at],
            "max_atoms": self.potential.max_atoms,
        }
        if self.committee.device.type == "cuda":
            torch.cuda.synchronize()  # recorded frames are on their way
        frames = [frame for recorded in self.recorded for frame in recorded.frames()]
        self.segments.add(content | {"frames": frames})
        self.recorded = []

    def _continue_from(self, checkpoint: dict) -> None:
        device = self.committee.device.type
        state = MDState(**{name: _at(value, device) for name, value in checkpoint["state"].items()})
        self.progress = checkpoint["progress"].at(device, state=state)
        log.info("resuming at step %d, after segment %d", self.progress.total_steps, self.segments.finished)
        if state.systems:
            self._set_potential(checkpoint["max_atoms"])
            self.potential.list_neighbours(*(values.to(device) for values in checkpoint["listed_at"]))
            state = self.progress.state
            self.evaluation = self.potential.evaluate(state.positions, state.cells)

    def _go_on_from(self, earlier: EarlierRun) -> None:
        """Begin in the last stage, at the end of an earlier run; its frames are the first ones."""
        first, stage = earlier.ends[0], self.schedule[-1]
        self.progress = Progress(
            joined([end.state for end in earlier.ends]).at(self.committee.device.type),
            stage=len(self.schedule) - (first.step < stage.steps),
            step=first.step,
            total_steps=first.total_steps,
            started=True,
            conserved=earlier.conserved(_conserved_interval(stage), device=self.committee.device.type),
            looks=earlier.looks,
        )
        self._bind(find_size=True)
        if earlier.is_enough:
            self._remove(dict(enumerate(self._at_their_end(stage))))
        self.trajectories.begin_with(earlier.trajectories)
        self._write_checkpoint()
        log.info("going on from step %d of an earlier run", first.total_steps)

    def _on_sigterm(self, *_: object) -> None:
        self._stop_requested = True


def _check_ensembles(schedule: Sequence[Stage], frozen: Frozen | None) -> None:
    moves_cells = [stage.name for stage in schedule if stage.ensemble in ("relax", *BAROSTATS) or stage.at_mean_volume]
    if frozen and frozen.motions and moves_cells:
        raise SaltflowError(f"Frozen groups allow NVE and NVT only; remove the stages {', '.join(moves_cells)}.")


def _conserved_interval(stage: Stage) -> int:
    """Steps between two records of the conserved quantity."""
    return max(1, stage.least_steps // CONSERVED_VALUES)


def _at(value: object, device: str) -> object:
    """A field of the state with its tensor on a device; the random states stay on the host."""
    return value.to(device) if isinstance(value, torch.Tensor) else value
