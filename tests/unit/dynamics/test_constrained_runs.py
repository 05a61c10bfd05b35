"""A constrained point from a free one: groups found, frozen, run, analysed; and replicas that have none."""

import numpy as np
import pytest
from springs import tetrahedra

from saltflow.dynamics.constrained_runs import run_constrained_state_point
from saltflow.dynamics.runs import of_replicas, run_batch
from saltflow.dynamics.schedule import Stage
from saltflow.materials.compositions import Composition
from saltflow.materials.density import density_g_cm3
from saltflow.materials.groups.group_report import describe_groups
from saltflow.trajectory.h5md import GRID_A, open_trajectory, read_trajectory

COMPOSITION = Composition.from_identity({
    "id": "Li2SO4", "formula": "Li2SO4", "host": "", "salt": "", "mobile_ion": "Li",
    "oxidation_states": {"Li": 1, "S": 6, "O": -2}, "start": "none", "density_g_cm3": None,
})  # fmt: skip
DYNAMICS = {
    "timestep_fs": {"default": 1.0, "with_O_or_F": 1.0, "with_H": 0.5},
    "thermostat": "nose-hoover",
    "thermostat_time_fs": 50.0,
    "barostat_time_fs": 300.0,
    "compressibility_per_GPa": 0.05,
    "pressure_GPa": 0.0,
    "stop_criteria": {"max_temperature_ratio": 5.0, "max_energy_drift_meV_atom_ps": 1000.0},
}
CONSTRAINTS = {"equilibrate_ps": 0.02, "duration_ps": 0.1, "frame_interval_fs": 5.0}
COMMON = {"dynamics": DYNAMICS, "acceptance": {"min_density_ratio": 0.0, "min_pair_factor": 0.0}, "checkpoint_ps": 0.05,
          "metadata": {"composition": "Li2SO4"}}  # fmt: skip


class Springs:
    """The springs, as a committee: they know every element."""

    evaluated_by = "springs"

    def __init__(self, springs):
        self.springs, self.device = springs, springs.device

    def on(self, numbers, system):
        return self.springs

    def check_elements(self, numbers, *, composition):
        pass


@pytest.fixture(scope="module")
def free(tmp_path_factory):
    """Two replicas of tetrahedra and ions after a free run, and what was found in it."""
    folder = tmp_path_factory.mktemp("free")
    replicas = []
    for seed in (0, 1):
        replica, _, springs = tetrahedra(seed=seed)
        replica.wrap()
        replica.info |= {"status": "ok", "start_density_g_cm3": density_g_cm3(replica), "formula_units": 2}
        replica.set_array("unit", np.repeat([0, 1, 2, 3, -1], [5, 5, 5, 5, 4]))
        replicas.append(replica)
    # The springs name the atoms, so that tetrahedra of other seeds are only turned differently.
    _, _, springs = tetrahedra()
    paths = [folder / f"replica{number}.h5md" for number in (1, 2)]
    stage = Stage("free", "nvt", 200, (400.0,) * 2, (400.0,) * 2, frame_interval=5)
    records, _, _ = run_batch(
        replicas, COMPOSITION, Springs(springs), schedule=lambda accepted: [stage], seeds=[1, 2],
        workdir=folder / "work", trajectory_paths=paths, **COMMON | {"metadata": of_replicas({}, 2)},
    )  # fmt: skip
    found = describe_groups(
        paths, statuses=[record["status"] for record in records], composition=COMPOSITION, wanted=["polyanions"],
        max_exchanged_fraction=0.1,
    )  # fmt: skip
    return replicas, paths, found, springs


def constrained(free, folder, *, motions, found=None):
    replicas, paths, known, springs = free
    targets = [folder / f"replica{number}.h5md" for number in (1, 2)]
    record = run_constrained_state_point(
        replicas, [open_trajectory(path) for path in paths], found or known, COMPOSITION, Springs(springs),
        motions=motions, temperature_K=400.0, constraints=CONSTRAINTS, seeds=[5, 6], workdir=folder / "work",
        trajectory_paths=targets, **COMMON,
    )  # fmt: skip
    return record, [read_trajectory(path) for path in targets]


def test_groups_of_the_free_run_are_found(free):
    for replica in free[2]["replicas"]:
        assert replica["status"] == "ok"
        assert [group["atoms"] for group in replica["groups"]] == [list(range(5 * k, 5 * k + 5)) for k in range(4)]


@pytest.mark.parametrize("motions", ["T", "RV", "TRV"])
def test_a_constrained_run_starts_where_the_free_one_ended(free, tmp_path, motions):
    record, trajectories = constrained(free, tmp_path, motions=motions)
    assert (record["mode"], record["production_ps"]) == (motions, pytest.approx(0.1))
    assert record["evaluated_by"] == "springs"
    for replica, path, run in zip(record["replicas"], free[1], trajectories, strict=True):
        assert (replica["status"], replica["frozen_groups"], replica["steps"]) == ("ok", 4, 120)
        assert run.n_frames == 20
        before = read_trajectory(path)
        np.testing.assert_allclose(run.cells_A[-1], before.cells_A[-1])
        last = before.positions_A[-1].astype(float)
        shift = run.positions_A[0] - last
        fractional = shift / np.diagonal(before.cells_A[-1])
        assert np.abs(shift - np.round(fractional) * np.diagonal(before.cells_A[-1])).max() < 1.0
        if "T" in motions:
            centres = run.positions_A[:, :20].reshape(20, 4, 5, 3)
            masses = run.masses_u[:5] / run.masses_u[:5].sum()
            assert np.ptp(np.einsum("fgnx,n->fgx", centres, masses), axis=0).max() < GRID_A + 1e-5
        assert np.ptp(run.positions_A[:, 20:], axis=0).max() > 0.05  # the ions move


def test_replicas_without_groups_are_not_run_and_state_why(free, tmp_path):
    found = {"replicas": [free[2]["replicas"][0], {"status": "groups exchange atoms", "groups": [], "kinds": {}}]}
    record, trajectories = constrained(free, tmp_path, motions="V", found=found)
    assert [replica["status"] for replica in record["replicas"]] == ["ok", "not run: groups exchange atoms"]
    assert [run.n_frames for run in trajectories] == [20, 0]
