"""Speed of molecular dynamics with a potential on this machine, checkpoint and neighbour lists included."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from ase import Atoms

from saltflow.base.errors import SaltflowError
from saltflow.dynamics.runner import MDRun
from saltflow.dynamics.runs import conditions
from saltflow.dynamics.schedule import Stage, timestep_fs
from saltflow.potentials.protocol import MDPotential

RELAX_STEPS, WARM_STEPS = 50, 10
LARGEST_TEMPERATURE_RATIO = 10.0
MOST_REPEATS = 24  # along an edge


@dataclass(frozen=True)
class Timing:
    """A measured speed.

    atoms: per cell. cells: in the batch. step_fs: time step. seconds_per_step: of the batch.
    """

    atoms: int
    cells: int
    step_fs: float
    seconds_per_step: float

    @property
    def seconds_per_atom_step(self) -> float:
        """Seconds per step and atom of the batch."""
        return self.seconds_per_step / (self.atoms * self.cells)

    @property
    def ns_per_day(self) -> float:
        """Simulated time per day, of each cell."""
        return 86400 / self.seconds_per_step * self.step_fs * 1e-6


def repeated_to(structure: Atoms, *, atoms: int) -> Atoms:
    """A near-cubic supercell with about the wanted number of atoms.

    Args:
        structure: a periodic cell.
        atoms: wanted number; 20 % off weighs as much as an edge twice as long as another.
    """
    copies = atoms / len(structure)

    def badness(repeats: tuple[int, int, int]) -> float:
        edges = [number * edge for number, edge in zip(repeats, structure.cell.lengths(), strict=True)]
        return max(edges) / min(edges) + 5 * abs(math.log(math.prod(repeats) / copies))

    most = min(MOST_REPEATS, max(1, round(2 * copies)))
    within = [each for each in product(range(1, most + 1), repeat=3) if math.prod(each) <= 2 * copies + 1]
    return structure.repeat(min(within, key=badness))


def time_dynamics(
    cell: Atoms,
    committee: MDPotential,
    *,
    cells: int,
    steps: int,
    temperature_K: float,
    dynamics: Mapping,
    workdir: Path,
) -> Timing:
    """Relax copies of a cell, warm up, and time NVT steps of the batch.

    Args:
        cell: a periodic cell.
        committee: the potential.
        cells: copies in the batch, each with its own velocities.
        steps: timed steps.
        temperature_K: of the run.
        dynamics: the section `dynamics`.
        workdir: an empty folder.

    Raises:
        SaltflowError: a cell met a stop criterion.
    """
    step_fs = timestep_fs(cell.symbols, rules=dynamics["timestep_fs"])
    target = (temperature_K,) * cells
    how = conditions(
        dynamics,
        step_fs=step_fs,
        checkpoint_ps=steps * step_fs / 1000,
        max_temperature_ratio=LARGEST_TEMPERATURE_RATIO,
    )

    def run(starts: list[Atoms], stages: list[Stage], folder: str) -> MDRun:
        return MDRun(starts, stages, committee, conditions=how, seeds=range(cells), workdir=workdir / folder)

    prepare = [
        Stage("relax", "relax", RELAX_STEPS, target, target),
        Stage("warm up", "nvt", WARM_STEPS, target, target),
    ]
    warm = _completed(run([cell] * cells, prepare, "warm"))
    timed = run(warm, [Stage("timed", "nvt", steps, target, target, frame_interval=max(1, steps // 4))], "timed")
    began = time.perf_counter()
    _completed(timed)
    return Timing(len(cell), cells, step_fs, (time.perf_counter() - began) / steps)


def _completed(run: MDRun) -> list[Atoms]:
    """Finish a run whose cells must all reach its end; returns them."""
    outcomes = run.finish()
    for outcome in outcomes:
        if outcome.status != "ok":
            raise SaltflowError(
                f"The cell of {len(outcome.atoms)} atoms was stopped after {outcome.steps} steps ({outcome.status}); "
                "give a structure that is stable with this model, such as a quenched replica, or a lower --temperature."
            )
    return [outcome.atoms for outcome in outcomes]
