"""What was paid for stays: repeated jobs find it, failed ones leave it, and a run asks before it is done again."""

import shutil
from pathlib import Path

import yaml
from workplaces import SALTFLOW, Workplace

from saltflow.base.provenance import read_json, sha256_of_file
from saltflow.campaign.config_files import updated
from saltflow.trajectory.h5md import read_trajectory

CONFIG = "tests/tiny/config.yaml"
BASE = "results/potentials/base"
POINT = "results/LiAlCl4/md/500K"
QUENCH = "results/LiAlCl4/replica1"
REPEATED = (
    f"{BASE}/generation0/labels/chunk0.extxyz",
    f"{BASE}/generation0/labels/chunk0.ledger.tsv",
    f"{BASE}/generation0/committee/member1.model",
    f"{BASE}/generation0/committee/member1.train_check.json",
    "results/references/gfn1-xtb/Cl.json",
)


def configure(campaign: Workplace, **sections: dict) -> None:
    """Change keys in the configuration of the campaign."""
    path = campaign.repo / CONFIG
    path.write_text(yaml.safe_dump(updated(yaml.safe_load(path.read_text()), sections)))


def log_of(campaign: Workplace, name: str) -> str:
    return (campaign.work / "logs" / name).read_text()


def hashes(campaign: Workplace, paths) -> dict[str, str]:
    return {path: sha256_of_file(campaign.work / path) for path in paths}


def test_jobs_whose_inputs_come_out_as_they_were_are_not_done_again(campaign: Workplace):
    """A time step changed by mistake makes frames anew that no dynamics has moved."""
    before = hashes(campaign, REPEATED)
    configure(campaign, dynamics={"timestep_fs": {"default": 1.0}})
    made = campaign.run(f"{BASE}/released.model")
    assert made.returncode == 0, made.stdout[-3000:]
    assert "rule propose_initial_frames" in made.stdout
    assert "rule fine_tune" in made.stdout
    for name in ("labels/label_frames.chunk0", "committee/fine_tune.member1"):
        assert "made before from the same settings and inputs: kept" in log_of(
            campaign, f"potentials/base/generation0/{name}.log"
        )
    assert hashes(campaign, REPEATED) == before
    assert campaign.plan(f"{BASE}/released.model") == {}


def test_labels_that_were_deleted_come_from_the_store(campaign: Workplace, finished: Path):
    lost = REPEATED[:2]
    for path in lost:
        (campaign.work / path).unlink()
    made = campaign.run(lost[0])
    assert made.returncode == 0, made.stdout[-3000:]
    assert " frame " not in log_of(campaign, "potentials/base/generation0/labels/label_frames.chunk0.log")
    assert hashes(campaign, lost) == {path: sha256_of_file(finished / "work" / path) for path in lost}


def test_a_second_sweep_takes_its_labels_from_a_shared_store(fresh: Workplace, finished: Path):
    shared = fresh.work / "shared"
    shutil.copytree(finished / "work/labels", shared)
    written = {path: path.read_bytes() for path in shared.rglob("*") if path.is_file()}
    configure(fresh, labels={"store_path": str(shared)})
    made = fresh.run(REPEATED[0], REPEATED[-1])
    assert made.returncode == 0, made.stdout[-3000:]
    assert " frame " not in log_of(fresh, "potentials/base/generation0/labels/label_frames.chunk0.log")
    assert {path: path.read_bytes() for path in shared.rglob("*") if path.is_file()} == written
    assert not (fresh.work / "labels").exists()


def test_temperatures_that_run_together_keep_those_that_are_there(campaign: Workplace):
    points = {kelvin: f"results/LiCl-crystal/md/{kelvin}K" for kelvin in (500, 700, 900, 1000)}
    files = [f"{points[kelvin]}/{name}" for kelvin in (500, 700, 900) for name in ("md.json", "replica1.h5md")]
    before = hashes(campaign, files)
    configure(campaign, execution={"temperatures_together": True}, sweep={"temperatures_K": list(points)})
    made = campaign.run("results/LiCl-crystal/md/md.json")
    assert made.returncode == 0, made.stdout[-3000:]
    assert "rule run_md" not in made.stdout
    assert log_of(campaign, "LiCl-crystal/md/run_state_points.log").count("same settings and inputs: kept") == 3
    assert hashes(campaign, files) == before
    assert set(read_json(campaign.work / "results/LiCl-crystal/md/md.json")["stopped_because"]) == set(map(str, points))
    assert read_json(campaign.work / points[1000] / "md.json")["temperature_K"] == 1000
    for number in (1, 2):
        run = read_trajectory(campaign.work / points[1000] / f"replica{number}.h5md")
        assert (run.metadata["temperature_K"], run.metadata["replica"]) == (1000, number)


def test_a_longer_run_goes_on_from_the_end_of_the_shorter_one_without_a_question(campaign: Workplace):
    path = campaign.work / POINT / "replica1.h5md"
    before = read_trajectory(path)
    configure(campaign, execution={"repeated_hours": 0.0}, dynamics={"production": {"duration_ps": 0.3}})
    done = campaign.run(f"{POINT}/md.json")
    assert done.returncode == 0, done.stdout[-3000:]
    assert "going on from step" in log_of(campaign, "LiAlCl4/md/500K/run_md.log")
    after = read_trajectory(path)
    assert (before.n_frames, after.n_frames) == (100, 150)
    assert (after.positions_A[:100] == before.positions_A).all()
    assert campaign.plan(f"{POINT}/md.json") == {}


def test_a_job_that_fails_leaves_what_was_there(campaign: Workplace):
    products = [f"{QUENCH}/{name}" for name in ("quenched.extxyz", "quench.json", "quench.h5md")]
    before = hashes(campaign, products)
    model = campaign.work / "results/potentials/fine-tuned/released.model"
    whole, times = model.read_bytes(), model.stat()
    model.write_bytes(whole[: len(whole) // 2])
    failed = campaign.run(products[0])
    assert failed.returncode != 0
    assert "it was not loaded: restore the file" in failed.stdout
    assert hashes(campaign, products) == before
    assert "quench_cell composition=LiAlCl4 replica=1" in campaign.plan(products[0])
    model.write_bytes(whole)
    again = campaign.run(products[0])
    assert again.returncode == 0, again.stdout[-3000:]
    assert "made before from the same settings and inputs: kept" in log_of(campaign, "LiAlCl4/replica1/quench_cell.log")
    assert hashes(campaign, products) == before
    assert times.st_size == model.stat().st_size


def test_a_run_asks_before_it_does_finished_work_again(campaign: Workplace):
    products = [f"{POINT}/{name}" for name in ("md.json", "replica1.h5md", "replica2.h5md")]
    before = hashes(campaign, products)
    configure(campaign, execution={"repeated_hours": 0.0}, dynamics={"production": {"equilibrate_nvt_ps": 0.02}})
    refused = campaign.run(products[0])
    assert refused.returncode != 0
    assert "Nothing was started: Finished jobs that hold 0.0 core-hours are due again (1 run_md)" in refused.stdout
    assert "dynamics.production.equilibrate_nvt_ps: " in refused.stdout
    assert "saltflow plan --accept-loss" in refused.stdout
    assert hashes(campaign, products) == before

    def said(*arguments: str) -> str:
        command = [*SALTFLOW, *arguments, str(campaign.work), "--configfile", campaign.config]
        made = campaign._called([*command, "--profile", "profiles/local"])
        assert made.returncode == 0, made.stdout
        return made.stdout

    assert "(6 run_md): dynamics.production.equilibrate_nvt_ps: " in said("plan")
    assert campaign.run(products[0]).returncode != 0
    assert "may do this finished work again" in said("plan", "--accept-loss")
    done = campaign.run(products[0])
    assert done.returncode == 0, done.stdout[-3000:]
    assert not set(before.values()) & set(hashes(campaign, products[:2]).values())
    # What was accepted is done; the next change is asked about again.
    configure(campaign, dynamics={"production": {"equilibrate_nvt_ps": 0.03}})
    assert "Nothing was started" in campaign.run(products[0]).stdout
