"""Which trajectories are reduced, and which are not."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from saltflow.operations.housekeeping import mark_files
from saltflow.operations.reduction import reduce_trajectories, reducible, reduction_text
from saltflow.trajectory.h5md import H5MDWriter, open_velocities, read_trajectory

POINTS = {name: f"results/{name}/md/500K" for name in ("LiCl", "NaCl")}


@dataclass
class Job:
    rule: str
    outputs: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    due: bool = False
    wildcards: dict[str, str] = field(default_factory=dict)


def jobs(*, due: tuple[str, ...] = (), spectra: bool = False) -> list[Job]:
    """Two state points and their analyses; rules in `due` are due for LiCl."""
    plan = []
    for name, point in POINTS.items():
        made = (f"{point}/replica1.h5md", f"{point}/md.json")
        plan += [
            Job("run_md", made, wildcards={"composition": name, "temperature": "500"}),
            Job("analyse_transport", (f"{point}/transport.json", f"{point}/msd.csv.gz"), made),
            Job("analyse_structure", (f"{point}/structure.json",), made),
            Job("fit_arrhenius", (f"results/{name}/arrhenius.json",), (f"{point}/transport.json",)),
        ]
        if spectra and name == "LiCl":
            plan.append(Job("analyse_spectra", (f"{point}/spectra.json",), made))
    for job in plan:
        job.due = job.rule in due and "LiCl" in job.outputs[0]
    return plan


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Every product of the plan; trajectories have velocities."""
    for path in (path for job in jobs(spectra=True) for path in job.outputs):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        if path.endswith(".h5md"):
            write_trajectory(tmp_path / path)
        else:
            (tmp_path / path).write_text("{}")
    return tmp_path


def write_trajectory(path: Path) -> None:
    random = np.random.default_rng(1)
    salt = Atoms("LiCl", positions=[[0, 0, 0], [2, 2, 2]], cell=[5, 5, 5], pbc=True)
    with H5MDWriter(path, salt, metadata={}) as writer:
        for step in range(100):
            frame = {"step": step, "time_ps": 0.1 * step, "positions_A": random.random((2, 3)), "cell_A": salt.cell[:]}
            writer.append_positions(**frame)
            writer.append_velocities(**frame, velocities_A_ps=random.random((2, 3)))


def found(sweep: Path, plan: list[Job]) -> dict[str, str]:
    """Composition → what its trajectory waits for."""
    entries = mark_files(sweep, plan, archived={})
    return {each.composition: each.missing for each in reducible(sweep, plan, entries)}


def reduced(sweep: Path, plan: list[Job]) -> set[str]:
    entries = mark_files(sweep, plan, archived={})
    return set(reduce_trajectories(sweep, reducible(sweep, plan, entries)))


def test_finished_points_are_reduced_once(sweep):
    before = {point: read_trajectory(sweep / point / "replica1.h5md") for point in POINTS.values()}
    assert reduced(sweep, jobs()) == {f"{point}/replica1.h5md" for point in POINTS.values()}
    for point, run in before.items():
        assert open_velocities(sweep / point / "replica1.h5md") is None
        np.testing.assert_array_equal(read_trajectory(sweep / point / "replica1.h5md").positions_A, run.positions_A)
    assert found(sweep, jobs()) == {}


def test_where_spectra_are_on_velocities_stay(sweep):
    assert found(sweep, jobs(spectra=True)) == {"NaCl": ""}


@pytest.mark.parametrize("rule", ["run_md", "analyse_structure"])
def test_a_point_whose_md_or_analysis_is_due_waits(sweep, rule):
    plan = jobs(due=(rule,))
    assert found(sweep, plan) == {"LiCl": rule, "NaCl": ""}
    assert reduced(sweep, plan) == {f"{POINTS['NaCl']}/replica1.h5md"}
    assert open_velocities(sweep / POINTS["LiCl"] / "replica1.h5md") is not None


def test_a_result_that_is_gone_holds_its_trajectory_though_nothing_is_due(sweep):
    (sweep / POINTS["LiCl"] / "transport.json").unlink()
    assert found(sweep, jobs()) == {"LiCl": "analyse_transport", "NaCl": ""}


def test_links_and_what_changed_meanwhile_stay(sweep):
    entries = mark_files(sweep, jobs(), archived={})
    listed = reducible(sweep, jobs(), entries)
    linked, changed = (sweep / point / "replica1.h5md" for point in POINTS.values())
    linked.rename(sweep / "elsewhere.h5md")
    linked.symlink_to(sweep / "elsewhere.h5md")
    write_trajectory(changed)
    assert reduce_trajectories(sweep, listed) == {}
    assert found(sweep, jobs()) == {"NaCl": ""}


def test_a_damaged_trajectory_is_none_of_them(sweep):
    (sweep / POINTS["LiCl"] / "replica1.h5md").write_text("no HDF5")
    assert found(sweep, jobs()) == {"NaCl": ""}


def test_the_text_has_what_is_saved_by_composition_and_what_is_waited_for(sweep):
    plan = jobs(due=("analyse_structure",))
    lines = reduction_text(reducible(sweep, plan, mark_files(sweep, plan, archived={}))).splitlines()
    assert [line.split(" GB ")[-1] for line in lines] == [
        "of 1 trajectory: frames with velocities, which no analysis of this sweep reads.",
        " NaCl",
        "Not yet to be reduced, 0.000 GB:",
        "  LiCl waits for analyse_structure (1 trajectory)",
    ]
    assert reduction_text([]) == ""
