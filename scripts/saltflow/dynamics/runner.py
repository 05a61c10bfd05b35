"""Run a schedule on a batch of cells, segment by segment, so that a killed run goes on where it was.

After every segment one file holds the state and the frames of that segment; it appears by a rename. A new
process finds the last one and continues from there, to the same trajectory as an undisturbed run's: each
segment begins with a fresh neighbour list, and the random numbers are part of the state.
"""

import logging
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from ase import Atoms, units

from saltflow.dynamics import integrators
from saltflow.dynamics.schedule import Stage
from saltflow.dynamics.state import MDState, draw_velocities, initial_state
from saltflow.errors import SaltflowError
from saltflow.potentials import BatchedPotential, Committee, Evaluation
from saltflow.provenance import atomic_write
from saltflow.trajectory import H5MDWriter

log = logging.getLogger(__name__)
RELAX_STEP_A2_PER_EV = 0.01


@dataclass(frozen=True)
class Conditions:
    """How a schedule is integrated.

    step_fs: time step. thermostat_time_fs, barostat_time_fs: relaxation times.
    compressibility_1_GPa: of the barostat; it sets its speed, not its result. pressure_GPa: target.
    max_temperature_ratio: a cell hotter than this × its target has run away.
    segment_ps: time between checkpoints.
    """

    step_fs: float
    thermostat_time_fs: float
    barostat_time_fs: float
    compressibility_1_GPa: float
    pressure_GPa: float
    max_temperature_ratio: float
    segment_ps: float


@dataclass(frozen=True)
class Outcome:
    """What became of one cell.

    atoms: its last good frame, with velocities. status: "ok" or why it was stopped.
    steps: steps it lived. conserved_drift_meV_atom_ps: slope of the conserved quantity over the last stage (NVE, NVT).
    """

    atoms: Atoms
    status: str
    steps: int
    conserved_drift_meV_atom_ps: float | None


class Interrupted(SaltflowError):
    """The run was asked to stop; its checkpoint is written."""


@dataclass
class Progress:
    """Where a run stands; together with the MD state it is a checkpoint."""

    state: MDState
    stage: int = 0
    step: int = 0
    total_steps: int = 0
    segment: int = 0
    started: bool = False
    volume_sum: torch.Tensor | None = None
    volume_count: int = 0
    conserved: tuple[torch.Tensor, ...] = ()
    stopped: tuple[tuple[int, str, int, Atoms], ...] = ()


class Run:
    """A schedule under way.

    Args:
        cells: starting cells, one per glass.
        schedule: stages in order.
        committee: the potential; its first model drives the dynamics.
        conditions: how to integrate.
        seeds: one per cell.
        workdir: folder of this run's checkpoints; the same folder makes a new process continue.
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
    ):
        self.cells, self.schedule, self.committee = list(cells), list(schedule), committee
        self.conditions, self.workdir = conditions, Path(workdir)
        self.step = conditions.step_fs * units.fs
        self.frames: list[dict] = []
        self._asked_to_stop = False
        self.workdir.mkdir(parents=True, exist_ok=True)
        self.progress = self._last_checkpoint() or Progress(
            initial_state(cells, seeds=seeds, device=committee.device.type)
        )

    def finish(self) -> list[Outcome]:
        """Integrate to the end of the schedule.

        Raises:
            Interrupted: SIGTERM came; a checkpoint is written.
        """
        previous = signal.signal(signal.SIGTERM, self._on_sigterm)
        try:
            while self.progress.stage < len(self.schedule) and self.progress.state.systems:
                self._run_segment()
                self._write_checkpoint()
                if self._asked_to_stop:
                    raise Interrupted("The run was asked to stop (SIGTERM); it goes on from here when started again.")
        finally:
            signal.signal(signal.SIGTERM, previous)
        return self._outcomes()

    def write_trajectories(self, paths: Sequence[Path], *, metadata: Sequence[dict]) -> None:
        """Assemble the recorded frames of every cell into one H5MD file each.

        Args:
            paths: one file per cell, in the order of the cells.
            metadata: one provenance record per cell.
        """
        for label, (path, cell, record) in enumerate(zip(paths, self.cells, metadata, strict=True)):
            with atomic_write(path) as temporary:
                writer = H5MDWriter(temporary, cell, metadata=record, mode="w")
                for segment in self._segment_files():
                    for frame in torch.load(segment, weights_only=False)["frames"]:
                        if frame["label"] == label:
                            writer.append(**{key: value for key, value in frame.items() if key != "label"})
                    writer.flush()

    # ── integration ────────────────────────────────────────────────────────────────────────────

    def _run_segment(self) -> None:
        progress = self.progress
        length = max(1, round(self.conditions.segment_ps * 1000 / self.conditions.step_fs))
        began, first = time.perf_counter(), progress.total_steps
        potential, evaluation = self._bind()
        while progress.total_steps - first < length and not self._asked_to_stop:
            stage = self.schedule[progress.stage]
            if not progress.started:
                self._enter(stage)
                potential, evaluation = self._bind()
            before = replace(progress.state)
            evaluation = self._advance(stage, potential, evaluation)
            progress.step += 1
            progress.total_steps += 1
            if self._stop_lost_cells(stage, evaluation, before):
                if not progress.state.systems:
                    break
                potential, evaluation = self._bind()
            self._observe(stage, evaluation)
            if progress.step == stage.steps:
                if progress.stage + 1 == len(self.schedule):
                    progress.stage += 1
                    break
                progress.stage, progress.step, progress.started = progress.stage + 1, 0, False
        self._report(first, time.perf_counter() - began)

    def _bind(self) -> tuple[BatchedPotential, Evaluation]:
        state = self.progress.state
        potential = self.committee.on(state.numbers.cpu().numpy(), state.system.cpu().numpy())
        return potential, potential.evaluate(state.positions, state.cells)

    def _enter(self, stage: Stage) -> None:
        """Begin a stage: velocities at its first temperature when there are none, the mean volume when asked."""
        progress, state = self.progress, self.progress.state
        if stage.at_mean_volume and progress.volume_sum is not None:
            mean = (progress.volume_sum / progress.volume_count).to(state.cells.device)
            integrators.scale_cells(state, (mean / state.volume_A3()) ** (1 / 3))
        if stage.ensemble != "relax" and not state.velocities.any():
            draw_velocities(state, self._per_cell(stage.start_K))
        progress.volume_sum, progress.volume_count, progress.conserved = None, 0, ()
        progress.started = True

    def _advance(self, stage: Stage, potential: BatchedPotential, evaluation: Evaluation) -> Evaluation:
        state, forces, step = self.progress.state, potential.evaluate, self.step
        if stage.ensemble == "relax":
            return integrators.relax_step(state, evaluation, forces, step_size=RELAX_STEP_A2_PER_EV)
        if stage.ensemble == "nve":
            return integrators.verlet_step(state, evaluation, forces, step=step)
        target = self._target(stage)
        time = self.conditions.thermostat_time_fs * units.fs
        if stage.ensemble == "npt":
            integrators.rescale_cells(
                state,
                evaluation,
                target_K=target,
                pressure=self.conditions.pressure_GPa * units.GPa,
                step=step,
                time=self.conditions.barostat_time_fs * units.fs,
                compressibility=self.conditions.compressibility_1_GPa / units.GPa,
            )
        integrators.thermostat_half_step(state, target_K=target, step=step, time=time)
        evaluation = integrators.verlet_step(state, evaluation, forces, step=step)
        integrators.thermostat_half_step(state, target_K=target, step=step, time=time)
        return evaluation

    def _per_cell(self, values: Sequence[float]) -> torch.Tensor:
        state = self.progress.state
        chosen = [values[label] for label in state.labels]
        return torch.tensor(chosen, dtype=torch.float64, device=state.cells.device)

    def _target(self, stage: Stage) -> torch.Tensor:
        start, end = self._per_cell(stage.start_K), self._per_cell(stage.end_K)
        return start + (end - start) * self.progress.step / stage.steps

    # ── guards ─────────────────────────────────────────────────────────────────────────────────

    def _stop_lost_cells(self, stage: Stage, evaluation: Evaluation, before: MDState) -> bool:
        """Take cells that have blown up out of the batch; True when there was one."""
        state = self.progress.state
        temperature = state.temperature_K()
        finite = torch.isfinite(evaluation.energies) & torch.isfinite(temperature)
        sums = state.sum_over_atoms(evaluation.forces.abs().sum(-1))
        finite &= torch.isfinite(sums)
        runaway = temperature > self.conditions.max_temperature_ratio * self._target(stage)
        if stage.ensemble == "relax":
            runaway = torch.zeros_like(runaway)
        for position in reversed(torch.nonzero(~finite | runaway).flatten().tolist()):
            reason = "temperature ran away" if bool(finite[position]) else "energy or forces are not finite"
            self._stop(position, f"{reason} in stage '{stage.name}'", before.atoms_of(position))
        return self.progress.state.systems < state.systems

    def _stop(self, position: int, reason: str, last_good: Atoms) -> None:
        progress = self.progress
        label = progress.state.labels[position]
        log.warning("glass %d stopped at step %d: %s", label + 1, progress.total_steps, reason)
        progress.stopped += ((label, reason, progress.total_steps, last_good),)
        kept = [index for index in range(progress.state.systems) if index != position]
        progress.state = progress.state.without(position)
        if progress.volume_sum is not None:
            progress.volume_sum = progress.volume_sum[kept]
        progress.conserved = tuple(values[kept] for values in progress.conserved)

    # ── observation ────────────────────────────────────────────────────────────────────────────

    def _observe(self, stage: Stage, evaluation: Evaluation) -> None:
        progress = self.progress
        if stage.ensemble == "npt" and 2 * progress.step > stage.steps:
            volume = progress.state.volume_A3().cpu()
            progress.volume_sum = volume if progress.volume_sum is None else progress.volume_sum + volume
            progress.volume_count += 1
        if stage.ensemble in ("nvt", "nve") and progress.step % max(1, stage.steps // 100) == 0:
            progress.conserved += (self._conserved(stage, evaluation),)
        if stage.frame_interval and progress.step % stage.frame_interval == 0:
            self._record(evaluation)

    def _conserved(self, stage: Stage, evaluation: Evaluation) -> torch.Tensor:
        state = self.progress.state
        energy = state.kinetic_energy() + evaluation.energies
        if stage.ensemble == "nvt":
            time = self.conditions.thermostat_time_fs * units.fs
            energy = energy + integrators.thermostat_energy(state, target_K=self._target(stage), time=time)
        return energy.cpu()

    def _record(self, evaluation: Evaluation) -> None:
        state, progress = self.progress.state, self.progress
        temperature, pressure = state.temperature_K().cpu(), state.pressure(evaluation.stresses).cpu() / units.GPa
        momentum = state.momentum().cpu() * units.fs * 1000  # per ASE time → per ps
        owner = state.system.cpu()
        for position, label in enumerate(state.labels):
            self.frames.append(
                {
                    "label": label,
                    "step": progress.total_steps,
                    "time_ps": progress.total_steps * self.conditions.step_fs / 1000,
                    "positions_A": state.positions.cpu()[owner == position].numpy().astype(np.float32),
                    "cell_A": state.cells[position].cpu().numpy(),
                    "potential_energy_eV": float(evaluation.energies[position]),
                    "temperature_K": float(temperature[position]),
                    "pressure_GPa": float(pressure[position]),
                    "com_momentum_u_A_ps": momentum[position].numpy(),
                }
            )

    def _report(self, first: int, seconds: float) -> None:
        progress, conditions = self.progress, self.conditions
        steps, all_steps = progress.total_steps - first, sum(stage.steps for stage in self.schedule)
        if not (steps and progress.state.systems):
            return
        picoseconds_per_day = steps * conditions.step_fs / 1000 / seconds * 86400
        left = (all_steps - progress.total_steps) * conditions.step_fs / 1000
        density = self._densities()
        log.info(
            "step %d of %d · %s · %d cells · %.4g ns/day · %.3g ps and %.2g h left · T %.0f K · density %.2f g/cm³",
            progress.total_steps,
            all_steps,
            self.schedule[min(progress.stage, len(self.schedule) - 1)].name,
            progress.state.systems,
            picoseconds_per_day / 1000,
            left,
            left / picoseconds_per_day * 24,
            float(progress.state.temperature_K().mean()),
            float(density.mean()),
        )

    def _densities(self) -> torch.Tensor:
        state = self.progress.state
        grams = state.sum_over_atoms(state.masses) / units.kg * 1000
        return grams / (state.volume_A3() * 1e-24)

    def _outcomes(self) -> list[Outcome]:
        progress = self.progress
        stopped = {label: Outcome(atoms, reason, steps, None) for label, reason, steps, atoms in progress.stopped}
        for position, label in enumerate(progress.state.labels):
            drift = self._drift(position)
            stopped[label] = Outcome(progress.state.atoms_of(position), "ok", progress.total_steps, drift)
        return [stopped[label] for label in sorted(stopped)]

    def _drift(self, position: int) -> float | None:
        """meV per atom and ps: slope of the conserved quantity over the last stage."""
        if len(self.progress.conserved) < 3:
            return None
        stage = self.schedule[-1]
        values = np.array([float(value[position]) for value in self.progress.conserved])
        interval = max(1, stage.steps // 100) * self.conditions.step_fs / 1000
        slope = np.polyfit(np.arange(len(values)) * interval, values, 1)[0]
        atoms = int((self.progress.state.system == position).sum())
        return float(1000 * slope / atoms)

    # ── checkpoints ────────────────────────────────────────────────────────────────────────────

    def _segment_files(self) -> list[Path]:
        return sorted(self.workdir.glob("segment-*.pt"))[: self.progress.segment]

    def _write_checkpoint(self) -> None:
        progress = self.progress
        content = {"state": progress.state.tensors(), "progress": replace(progress, state=None), "frames": self.frames}
        with atomic_write(self.workdir / f"segment-{progress.segment:06d}.pt") as temporary:
            torch.save(content | {"segments": progress.segment + 1}, temporary)
        progress.segment += 1
        self.frames = []

    def _last_checkpoint(self) -> Progress | None:
        files = sorted(self.workdir.glob("segment-*.pt"))
        if not files:
            return None
        device = self.committee.device.type
        content = torch.load(files[-1], weights_only=False, map_location="cpu")
        tensors = {
            name: value.to(device) if isinstance(value, torch.Tensor) else value
            for name, value in content["state"].items()
        }
        log.info("continuing after segment %d", content["segments"])
        return replace(content["progress"], state=MDState(**tensors), segment=content["segments"])

    def _on_sigterm(self, *_: object) -> None:
        self._asked_to_stop = True
