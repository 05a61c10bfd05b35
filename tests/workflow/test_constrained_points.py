"""Freezing a motion in a finished campaign: its own jobs and nothing else, down to the figure of the report."""

from workplaces import Workplace

from saltflow.base.provenance import read_json

MODES = """
  LiAlCl4:
    constraints:
      modes: [R]
      temperatures_K: [500]
      groups: [fragments]
      max_exchanged_fraction: 1.0
      equilibrate_ps: 0.01
      duration_ps: 0.2
      frame_interval_fs: 2.0
"""
WHERE = "composition=LiAlCl4 temperature=500"
JOBS = {
    f"find_groups {WHERE}",
    "run_constrained_md composition=LiAlCl4 mode=R temperature=500",
    "analyse_constrained_md composition=LiAlCl4 mode=R temperature=500",
    "relate_coupling composition=LiAlCl4",
    "write_results_page",
}
FOLDER = "results/LiAlCl4/coupling"


def test_a_frozen_motion_adds_its_own_jobs_and_runs(campaign: Workplace):
    campaign.replace("tests/tiny/overrides.yaml", "compositions: {}\n", f"compositions:{MODES}")
    campaign.replace("tests/tiny/config.yaml", "spectra, order]", "spectra, order, constraints]")
    assert set(campaign.plan()) == JOBS
    run = campaign.run()
    assert run.returncode == 0, run.stdout[-3000:]
    assert campaign.plan() == {}
    found = read_json(campaign.work / FOLDER / "groups/500K/groups.json")
    point = read_json(campaign.work / FOLDER / "R/500K/md.json")
    for groups, replica in zip(found["replicas"], point["replicas"], strict=True):
        if not groups["groups"]:
            assert replica["status"] == f"not run: {groups['status']}"
        assert replica["frozen_groups"] == len(groups["groups"])
    coupling = read_json(campaign.work / FOLDER / "coupling.json")
    assert coupling["state_points"][0]["ratios"].keys() == {"R"}
    assert (campaign.work / FOLDER / "coupling.svg").stat().st_size > 1000
