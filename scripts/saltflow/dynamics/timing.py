"""How fast a potential drives molecular dynamics here: steps of the engine, checkpoint and neighbour lists included."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from ase import Atoms

from saltflow.base.errors import SaltflowError
from saltflow.dynamics.runner import Run
from saltflow.dynamics.runs import conditions
from saltflow.dynamics.schedule import Stage, timestep_fs
from saltflow.potentials.mace import Committee

RELAX_STEPS, WARM_STEPS = 50, 10
LARGEST_TEMPERATURE_RATIO = 10.0
MOST_REPEATS = 24  # along an edge


@dataclass(frozen=True)
class Timing:
    """What was measured.

    atoms: of a cell. cells: that ran together. step_fs: time step. seconds_per_step: of all cells together.
    """

    atoms: int
    cells: int
    step_fs: float
    seconds_per_step: float

    @property
    def seconds_per_atom_step(self) -> float:
        """Seconds that one atom adds to a step."""
        return self.seconds_per_step / (self.atoms * self.cells)

    @property
    def ns_per_day(self) -> float:
        """Of each of the cells."""
        return 86400 / self.seconds_per_step * self.step_fs * 1e-6


def repeated_to(structure: Atoms, *, atoms: int) -> Atoms:
    """A structure repeated along its edges to about so many atoms, as near to a cube as that goes.

    Args:
        structure: a periodic cell.
        atoms: the number wished for; a fifth more or less is as bad as one edge of twice the length.
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
    committee: Committee,
    *,
    cells: int,
    steps: int,
    temperature_K: float,
    dynamics: Mapping,
    workdir: Path,
) -> Timing:
    """Relax a cell, warm up, and time NVT steps of some copies of it that run together.

    Args:
        cell: a periodic cell.
        committee: the potential.
        cells: copies that run together, each with its own velocities.
        steps: that are timed.
        temperature_K: of the run.
        dynamics: the section `dynamics`.
        workdir: an empty folder.

    Raises:
        SaltflowError: a cell blew up, so that its steps would say nothing.
    """
    step_fs = timestep_fs(cell.symbols, rules=dynamics["timestep_fs"])
    target = (temperature_K,) * cells
    how = conditions(
        dynamics,
        step_fs=step_fs,
        checkpoint_ps=steps * step_fs / 1000,
        max_temperature_ratio=LARGEST_TEMPERATURE_RATIO,
    )

    def run(starts: list[Atoms], stages: list[Stage], folder: str) -> Run:
        return Run(starts, stages, committee, conditions=how, seeds=range(cells), workdir=workdir / folder)

    prepare = [
        Stage("relax", "relax", RELAX_STEPS, target, target),
        Stage("warm up", "nvt", WARM_STEPS, target, target),
    ]
    warm = _sound(run([cell] * cells, prepare, "warm"))
    timed = run(warm, [Stage("timed", "nvt", steps, target, target, frame_interval=max(1, steps // 4))], "timed")
    began = time.perf_counter()
    _sound(timed)
    return Timing(len(cell), cells, step_fs, (time.perf_counter() - began) / steps)


def _sound(run: Run) -> list[Atoms]:
    """Finish a run and take its cells, all of which must have come through."""
    outcomes = run.finish()
    for outcome in outcomes:
        if outcome.status != "ok":
            raise SaltflowError(
                f"The cell of {len(outcome.atoms)} atoms was lost ({outcome.status}) after {outcome.steps} steps; give "
                "a structure that this model holds together, such as a quenched replica, or a lower --temperature."
            )
    return [outcome.atoms for outcome in outcomes]
