"""Short molecular dynamics that tests share: of real MACE models, of the jobs of a sweep, and of springs."""

import numpy as np
import torch
from mace_models import rock_salt
from springs import Springs, tetrahedra

from saltflow.dynamics.progress import Conditions
from saltflow.dynamics.runner import MDRun
from saltflow.dynamics.schedule import Stage
from saltflow.materials.cells import pack_cell
from saltflow.materials.compositions import Composition
from saltflow.trajectory.h5md import read_trajectory

# ── of real models ─────────────────────────────────────────────────────────────────────────────

STEP_FS = 2.0


def conditions(*, segment_steps=1000, **changes):
    values = {
        "step_fs": STEP_FS,
        "thermostat": "nose-hoover",
        "thermostat_time_fs": 50.0,
        "barostat_time_fs": 200.0,
        "compressibility_per_GPa": 0.05,
        "pressure_GPa": 2.0,
        "max_temperature_ratio": 4.0,
        "segment_ps": segment_steps * STEP_FS / 1000,
    }
    return Conditions(**values | changes)


def stage(ensemble, steps, *, cells=1, temperature_K=500.0, **choices):
    return Stage(ensemble, ensemble, steps, (temperature_K,) * cells, (temperature_K,) * cells, **choices)


def every_ensemble(cells=1):
    """Every ensemble, a cooling ramp, and frames from all of them."""
    return [
        stage("relax", 4, cells=cells, frame_interval=2),
        Stage("melt", "npt", 40, (700.0,) * cells, (400.0,) * cells, frame_interval=8),
        stage("nvt", 36, cells=cells, frame_interval=6, at_mean_volume=True),
    ]


def replica(seed):
    return rock_salt(repeats=(1, 2, 2), rattle_A=0.1, seed=seed)


def run(cells, schedule, committee, folder, *, seeds=None, **changes):
    seeds = seeds or range(1, len(cells) + 1)
    return MDRun(cells, schedule, committee, conditions=conditions(**changes), seeds=seeds, workdir=folder / "work")


def trajectories(finished, folder):
    paths = [folder / f"replica{index}.h5md" for index in range(len(finished.cells))]
    finished.write_trajectories(paths, metadata=[{"replica": index} for index in range(len(paths))])
    return [read_trajectory(path) for path in paths]


def assert_same_to_the_last_bit(one, other):
    assert [outcome.steps for outcome in one.finish()] == [outcome.steps for outcome in other.finish()]
    for mine, theirs in zip(one.finish(), other.finish(), strict=True):
        np.testing.assert_array_equal(mine.atoms.positions, theirs.atoms.positions)
        np.testing.assert_array_equal(mine.atoms.get_velocities(), theirs.atoms.get_velocities())
        np.testing.assert_array_equal(mine.atoms.cell.array, theirs.atoms.cell.array)
        assert mine.conserved_drift_meV_atom_ps == theirs.conserved_drift_meV_atom_ps


def assert_same_trajectory(mine, theirs):
    np.testing.assert_array_equal(mine.times_ps, theirs.times_ps)
    np.testing.assert_array_equal(mine.positions_A, theirs.positions_A)
    for name, values in mine.observables.items():
        np.testing.assert_array_equal(values, theirs.observables[name])


# ── of the jobs of a sweep ─────────────────────────────────────────────────────────────────────

# The random model knows no ions: only its repulsion of cores keeps atoms apart.
ACCEPTANCE = {"min_density_ratio": 0.6, "min_pair_factor": 0.3}
DYNAMICS = {
    "timestep_fs": {"default": 2.0, "with_O_or_F": 1.0, "with_H": 0.5},
    "thermostat": "nose-hoover",
    "thermostat_time_fs": 40.0,
    "barostat_time_fs": 300.0,
    "compressibility_per_GPa": 0.05,
    "pressure_GPa": 3.0,  # it holds the atoms together: the model's random weights do not
    "quench": {
        "relax_steps": 30,
        "melt_temperature_K": 900,
        "melt_ps": 0.1,
        "melt_npt_ps": 0.1,
        "rate_K_per_ps": 3000.0,
        "final_temperature_K": 300,
        "anneal_ps": 0.1,
    },
    "production": {
        "equilibrate_npt_ps": 0.1,
        "equilibrate_cell": "isotropic",
        "equilibrate_nvt_ps": 0.04,
        "duration_ps": 0.3,
        "frame_interval_fs": 20.0,
        "until_known": None,
        "velocities": {"duration_ps": 0.02, "interval_fs": 4.0},
    },
    "stop_criteria": {"max_temperature_ratio": 4.0, "max_energy_drift_meV_atom_ps": 20.0},
}
COMPOSITION = Composition.from_identity({
    "id": "Li2ZrCl6", "formula": "Li2ZrCl6", "host": "ZrCl4", "salt": "2 LiCl", "mobile_ion": "Li",
    "oxidation_states": {"Li": 1, "Zr": 4, "Cl": -1}, "start": "pack", "density_g_cm3": 2.3,
})  # fmt: skip


def packed(seed=1, *, formula_units=2):
    size = {"formula_units": formula_units, "density_g_cm3": 2.3}
    return pack_cell(COMPOSITION, **size, seed=seed, min_separation_factor=0.8, min_separations_A={})


# ── of springs ─────────────────────────────────────────────────────────────────────────────────


class SmallMemory(Springs):
    """Springs on a device with room for some atoms, which may shrink; it records the requested numbers of cells."""

    def __init__(self, *, room):
        springs = tetrahedra()[2]
        super().__init__(springs.groups, springs.rest_A)
        self.room, self.requests = room, []

    def evaluate(self, positions, cells, *, isolate=True):
        self.requests.append(len(cells))
        if len(positions) > self.room:
            raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {len(positions)} atoms.")
        return super().evaluate(positions, cells, isolate=isolate)


def run_springs(folder, potential, *, cells=3, segment_steps=1000):
    conditions = Conditions(
        step_fs=1.0, thermostat="bussi", thermostat_time_fs=30.0, barostat_time_fs=200.0, compressibility_per_GPa=0.05,
        pressure_GPa=0.0, max_temperature_ratio=5.0, segment_ps=segment_steps / 1000,
    )  # fmt: skip
    target = (500.0,) * cells
    schedule = [Stage("hold", "nvt", 30, target, target, frame_interval=5)]
    starts = [tetrahedra(seed=seed)[0] for seed in range(cells)]
    return MDRun(starts, schedule, potential, conditions=conditions, seeds=range(cells), workdir=folder)
