"""The engine on a device: no tensor of the host gets in, numbers are those of the CPU, and the host seldom waits."""

import numpy as np
import pytest
import torch
from mace_models import bound, rock_salt, save_models
from md_cases import conditions, stage, trajectories

from saltflow.base.provenance import sha256_of_file
from saltflow.dynamics.constraints import Frozen
from saltflow.dynamics.runner import MDRun
from saltflow.potentials.mace import SKIN_A, load_committee

ADDED = "D3(BJ) of PBE"
GROUPS = [(0, 1, 2), (4, 5, 6)]
WAITS_PER_STEP = 2  # before and after the potential
WAITS_PER_LIST = 3  # how far images reach, how many pairs there are, and how many are near


def committee_on(device, paths, *, dtype="float64", dispersion=ADDED):
    committee = load_committee(
        paths, sha256=[sha256_of_file(path) for path in paths], device=device, dtype=dtype, dispersion=dispersion
    )
    committee.compiled = []  # mace on both
    return committee


@pytest.fixture(scope="module")
def committees(model_paths, pretend):
    """One model with dispersion, on the CPU and on the device."""
    return [committee_on(device, model_paths[:1]) for device in ("cpu", pretend.NAME)]


def cells_of(count):
    return [rock_salt(repeats=(1, 2, 2), rattle_A=0.2, seed=seed) for seed in range(count)]


def run(committee, folder, schedule, *, cells=2, motions="", starts=None, kind=MDRun, **changes):
    starts, frozen = starts or cells_of(cells), Frozen(motions, [GROUPS] * cells)
    how = conditions(**changes)
    return kind(
        starts, schedule, committee, conditions=how, seeds=range(len(starts)), workdir=folder / "work", frozen=frozen
    )


def assert_same_on_both(committees, folder, schedule, **choices):
    """A run on the device is that on the CPU, with its trajectory."""
    found = []
    for place, committee in zip(("cpu", "device"), committees, strict=True):
        (folder / place).mkdir()
        finished = run(committee, folder / place, schedule, **choices)
        found.append((finished.finish(), trajectories(finished, folder / place)))
    for mine, theirs in zip(found[0][0], found[1][0], strict=True):
        assert mine.status == theirs.status
        np.testing.assert_allclose(mine.atoms.positions, theirs.atoms.positions, atol=1e-9)
        np.testing.assert_allclose(mine.atoms.cell.array, theirs.atoms.cell.array, atol=1e-9)
        np.testing.assert_allclose(mine.atoms.get_velocities(), theirs.atoms.get_velocities(), atol=1e-9)
    for mine, theirs in zip(found[0][1], found[1][1], strict=True):
        assert mine.n_frames == theirs.n_frames
        np.testing.assert_allclose(mine.positions_A, theirs.positions_A, atol=1e-5)
        for name, values in mine.observables.items():
            np.testing.assert_allclose(values, theirs.observables[name], atol=1e-6, err_msg=name)
    return [outcome.status for outcome in found[0][0]]


def test_every_part_of_a_model_goes_to_the_device(pretend, tmp_path):
    """e3nn loads its compiled parts onto the CPU: those of vectors hold coefficients."""
    for hidden in ("4x0e", "4x0e + 4x1o"):
        (model,) = committee_on(pretend.NAME, save_models(tmp_path, hidden=hidden), dtype="float32").models
        tensors = dict(model.named_buffers()) | dict(model.named_parameters())
        assert any("w3j" in name for name in tensors) == ("1o" in hidden)
        assert {tensor.device.type for tensor in tensors.values()} == {pretend.NAME}


def test_numbers_of_the_device_are_those_of_the_cpu(committees, pretend):
    cells = cells_of(3)
    (own, *where), (other, *_) = (bound(committee, cells) for committee in committees)
    expected, found = own.evaluate(*where), other.evaluate(*(values.to(pretend.NAME) for values in where))
    for name in ("energies", "forces", "stresses"):
        np.testing.assert_allclose(getattr(found, name).cpu(), getattr(expected, name), atol=1e-11, err_msg=name)


def test_a_tensor_of_the_host_is_refused(pretend):
    """Else the tests here would not fail where a GPU would."""
    with pytest.raises(RuntimeError, match="expected all tensors to be on the same device"):
        pretend.put(torch.ones(3)) + torch.ones(3)


@pytest.mark.parametrize("thermostat", ["nose-hoover", "bussi", "langevin"])
def test_every_ensemble_and_thermostat_runs_on_the_device(committees, tmp_path, thermostat):
    schedule = [
        stage("relax", 2, cells=2, frame_interval=1),
        stage("npt", 4, cells=2, frame_interval=2, velocity_interval=1, velocity_steps=2),
        stage("npt-full", 4, cells=2, frame_interval=2),
        stage("nvt", 4, cells=2, frame_interval=2, at_mean_volume=True),
        stage("nve", 2, cells=2, frame_interval=1),
    ]
    statuses = assert_same_on_both(committees, tmp_path, schedule, thermostat=thermostat, segment_steps=5)
    assert statuses == ["ok", "ok"]


@pytest.mark.parametrize("motions", ["T", "R", "V", "TRV"])
def test_every_constraint_runs_on_the_device(committees, tmp_path, motions):
    schedule = [stage("nvt", 4, cells=2, frame_interval=2)]
    assert assert_same_on_both(committees, tmp_path, schedule, motions=motions) == ["ok", "ok"]


def test_a_cell_that_is_lost_on_the_device_leaves_the_others_alone(committees, tmp_path):
    starts = cells_of(3)
    starts[1].positions[1] = starts[1].positions[0]
    statuses = assert_same_on_both(
        committees, tmp_path, [stage("nvt", 4, cells=3, frame_interval=1)], cells=3, starts=starts
    )
    assert statuses == ["ok", "energy or forces are not finite in stage 'nvt'", "ok"]


def test_a_run_goes_on_where_it_stopped_on_the_device(committees, tmp_path):
    schedule = [stage("npt", 5, cells=2, frame_interval=2), stage("nvt", 5, cells=2, at_mean_volume=True)]
    whole = run(committees[1], tmp_path / "whole", schedule).finish()
    first = run(committees[1], tmp_path / "part", schedule, segment_steps=4)
    first._run_segment()
    first._write_checkpoint()
    resumed = run(committees[1], tmp_path / "part", schedule, segment_steps=3)
    assert resumed.progress.total_steps == 4
    for mine, theirs in zip(resumed.finish(), whole, strict=True):
        np.testing.assert_array_equal(mine.atoms.positions, theirs.atoms.positions)


class Watched(MDRun):
    """Notes what the host waited for in each step, and how many lists were made then."""

    pretend = None

    def _make_step(self, stage):
        self.steps = getattr(self, "steps", [])
        (chunk,) = self.potential._chunks
        before = [pairs.listed_at for pairs in chunk[0]._lists]
        with self.pretend.watched() as waits:
            super()._make_step(stage)
        made = sum(pairs.listed_at is not known for pairs, known in zip(chunk[0]._lists, before, strict=True))
        self.steps.append((waits.names, made))

    def _observe(self, stage):
        with self.pretend.watched() as waits:
            super()._observe(stage)
        assert waits.names == []


@pytest.mark.parametrize("ensemble", ["relax", "nve", "nvt", "npt", "npt-full"])
@pytest.mark.parametrize("cells", [1, 4])
def test_the_host_seldom_waits_however_many_cells_there_are(committees, pretend, tmp_path, ensemble, cells):
    Watched.pretend = pretend
    schedule = [stage(ensemble, 8, cells=cells, temperature_K=3000.0, frame_interval=2)]
    thermostat = {"nvt": "bussi", "npt": "langevin"}.get(ensemble, "nose-hoover")
    watched = run(
        committees[1], tmp_path, schedule, cells=cells, kind=Watched, thermostat=thermostat, max_temperature_ratio=9.0
    )
    assert [outcome.status for outcome in watched.finish()] == ["ok"] * cells
    for names, made in watched.steps:
        assert len(names) <= WAITS_PER_STEP + WAITS_PER_LIST * made, names
    assert any(made == 0 for _, made in watched.steps)
    if ensemble in ("nve", "npt") and cells > 1:
        assert any(made for _, made in watched.steps[1:])


def test_constraints_do_not_wait(committees, pretend, tmp_path):
    Watched.pretend = pretend
    watched = run(committees[1], tmp_path, [stage("nvt", 3, cells=2)], motions="TRV", kind=Watched)
    watched.finish()
    assert {len(names) for names, made in watched.steps if not made} == {WAITS_PER_STEP}


def test_pairs_beyond_the_cutoff_give_nothing(committees, pretend):
    """The graph of all listed pairs has the numbers of the graph of those within the cutoff."""
    cells = cells_of(2)
    for committee, device in zip(committees, ("cpu", pretend.NAME), strict=True):
        potential, *where = bound(committee, cells)
        where = [values.to(device) for values in where]
        compact = potential.evaluate(*where)
        edges = len(potential._graph_at(*where)["node_attrs"]), potential._graph_at(*where)["edge_index"].shape[1]
        potential.pairs.cutoff_A += SKIN_A
        potential.pairs.skin_A = 0.0
        padded = potential.evaluate(*where)
        assert potential._graph_at(*where)["edge_index"].shape[1] > 1.1 * edges[1]
        for name in ("energies", "forces", "stresses"):
            np.testing.assert_allclose(getattr(padded, name).cpu(), getattr(compact, name).cpu(), atol=1e-11)
