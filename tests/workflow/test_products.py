"""What a finished campaign holds, and what becomes of generations after convergence."""

import json
from pathlib import Path

import h5py
import MDAnalysis
import numpy as np
import pandas as pd
import pytest
from workplaces import Workplace

from saltflow.base.long_job import is_record
from saltflow.base.provenance import read_json, sha256_of_file
from saltflow.labels.frames import read_frames

POTENTIAL = "results/potentials/fine-tuned"
POINTS = {(name, kelvin) for name in ("LiAlCl4", "LiCl-crystal") for kelvin in (500, 700, 900)}


@pytest.fixture(scope="session")
def work(finished: Path) -> Path:
    return finished / "work"


def test_the_table_has_every_point_with_errors_and_a_status(work: Path):
    table = pd.read_csv(work / "results/summary/conductivity.csv")
    assert set(zip(table["composition"], table["temperature_K"], strict=True)) == POINTS
    for column in ("D_cm2_s", "D_err", "sigma_NE_mS_cm", "sigma_NE_err", "sigma_E_mS_cm", "sigma_E_err", "haven_ratio"):
        assert table[column].dtype == float
    assert set(table["status"]) <= {"ok", "not diffusive", "no accepted replica"}
    assert set(table["method"]) == {"gfn1-xtb"}
    assert set(table["potential_status"]) == {"not converged"}


def test_every_electrolyte_is_ranked_or_says_why_not(work: Path):
    ranking = pd.read_csv(work / "results/summary/ranking.csv")
    assert set(ranking["composition"]) == {"LiAlCl4", "LiCl-crystal"}
    assert (ranking["rank"].notna() == (ranking["status"] == "done")).all()


def test_the_domain_of_every_electrolyte_has_its_replicas_and_its_dynamics(work: Path):
    for name in ("LiAlCl4", "LiCl-crystal"):
        domain = read_json(work / f"results/{name}/domain.json")
        assert [row["state"] for row in domain["states"]] == ["quenched", "MD at 500 K", "MD at 900 K"]
        assert domain["training_environments"]["frames"].keys() == {"fine-tuned", "base"}
        assert all(row["expected_force_error_eV_A"]["mean"] > 0 for row in domain["states"])
        for row in domain["states"]:
            assert all(0 <= row["elements"][symbol]["out_of_domain_fraction"]["value"] <= 1 for symbol in ("Li", "Cl"))
        assert {domain["thresholds"][symbol]["basis"] for symbol in ("Li", "Cl")} == {"potential"}, "two cells each"
    ranking = pd.read_csv(work / "results/summary/ranking.csv", index_col="composition")
    assert ranking["out_of_domain_fraction"]["LiCl-crystal"] == pytest.approx(domain["worst"]["value"], abs=1e-5)


def test_an_element_with_too_few_held_out_cells_is_not_assessed(work: Path):
    domain = read_json(work / "results/LiAlCl4/domain.json")
    assert domain["thresholds"]["Al"]["limit"] is None
    assert domain["reason"].startswith(
        "LiAlCl4: too few held-out atoms for the threshold of Al; raise learning.initial_structures"
    )
    assert domain["status"] in ("not assessed", "out of domain")


def test_the_released_model_is_the_one_that_is_pinned_everywhere(work: Path):
    release = read_json(work / POTENTIAL / "released.json")
    assert sha256_of_file(work / POTENTIAL / "released.model") == release["sha256"]
    record = read_json(work / "results/LiAlCl4/md/500K/md.json")
    assert record["provenance"]["inputs"]["model"] == release["sha256"]
    assert record["provenance"]["reference"]["method"] == "GFN1-xTB"
    assert record["provenance"]["dispersion"] == {"labels": "D3(BJ)", "dynamics": "none"}


def test_trajectories_carry_their_provenance_and_open_elsewhere(work: Path):
    path = work / "results/LiCl-crystal/md/700K/replica1.h5md"
    universe = MDAnalysis.Universe.empty(len(read_frames(work / "results/LiCl-crystal/replica1/quenched.extxyz")[0]))
    universe.load_new(str(path))
    assert universe.trajectory.n_frames == 100  # 0.2 ps, a frame every step of 2 fs
    with h5py.File(path) as file:
        provenance = json.loads(file.attrs["provenance"])
    assert provenance["composition"]["id"] == "LiCl-crystal"
    assert provenance["settings"]["production"]["duration_ps"] == 0.2


def test_a_crystal_is_annealed_but_never_melted(work: Path):
    log = (work / "logs/LiCl-crystal/replica1/quench_cell.log").read_text()
    assert "anneal" in log
    assert "melt" not in log


def test_no_lineage_is_in_two_sets(work: Path):
    dataset = work / POTENTIAL / "generation1/dataset"
    lineages = [
        {frame.info["lineage"] for frame in read_frames(dataset / f"{part}.extxyz")}
        for part in ("train", "valid", "test")
    ]
    assert all(lineages)
    assert sum(map(len, lineages)) == len(set.union(*lineages))


def test_a_second_generation_sees_more_frames_and_is_judged_beside_the_first(work: Path):
    first, second = (work / POTENTIAL / f"generation{number}" for number in (0, 1))
    assert len(read_frames(second / "dataset/train.extxyz")) > len(read_frames(first / "dataset/train.extxyz"))
    assessment = read_json(second / "assessment.json")
    assert assessment["previous_generation_on_same_frames"]["frames"] == assessment["heldout"]["frames"]


def test_the_release_says_what_ended_the_learning_and_the_card_what_it_rests_on(work: Path):
    release, card = (read_json(work / POTENTIAL / name) for name in ("released.json", "dataset.json"))
    assert release["ended_because"].startswith("The budget ended with generation 1 (learning.generations)")
    assert release["training"] == "uninterrupted"
    labelled = {
        name: len(read_frames(work / POTENTIAL / f"generation1/dataset/{name}.extxyz")) for name in card["frames"]
    }
    assert card["frames"] == labelled
    assert {row["generation"] for row in card["counts"]} == {0, 1}


def test_what_was_explored_is_counted_and_judged_by_calibrated_uncertainties(work: Path):
    explored, assessment = (
        read_json(work / POTENTIAL / f"generation1/{name}.json") for name in ("explored", "assessment")
    )
    frames = read_frames(work / POTENTIAL / "generation1/exploration.extxyz")
    assert (explored["potential"], explored["generation"]) == (assessment["potential"], 1)
    counted = explored["compositions"]
    assert sum(counts["frames"] for counts in counted.values()) == len(frames)
    driven = {name: counts.pop("stability") for name, counts in counted.items()}
    assert assessment["explored"] == counted
    assert assessment["stability"] == {"driven_by_generation": 0, "compositions": driven}
    assert {name: points["600"]["cells"] for name, points in driven.items()} == {"LiAlCl4": 2, "LiCl-crystal": 2}
    assert {"Al", "Cl", "Li"} == set(assessment["heldout_by_element"])
    assert {"600 K", "500 K"} & set(assessment["heldout_by_temperature"])
    assert assessment["heldout"]["stress_frames"] == assessment["heldout"]["frames"]
    factor = read_json(work / POTENTIAL / "generation0/assessment.json")["calibration"]["pooled"]["factor"]
    force_stds = [frame.info["force_std_eV_A"] for frame in frames]
    for frame in read_frames(work / POTENTIAL / "generation1/frames.extxyz"):
        expected = factor * np.array(force_stds)
        assert np.abs(expected - frame.info["force_uncertainty_eV_A"]).min() < 1e-6 * expected.max()


def test_nothing_temporary_is_left(work: Path):
    """But records of what long jobs were made from."""
    hidden = [path for path in work.glob("results/**/.*") if path.name != ".snakemake_timestamp"]
    assert {path.name for path in hidden if not is_record(path)} == set()
    assert {path.name for path in hidden} >= {".md.json.made.json", ".chunk0.extxyz.made.json"}


def test_generations_after_convergence_pass_the_model_on(campaign: Workplace):
    """And what is learned without a composition is learned from the other labels of the released model."""
    campaign.replace(
        "tests/tiny/overrides.yaml",
        "potentials:\n",
        "potentials:\n  fine-tuned:\n    learning:\n      loco_compositions: [LiCl-crystal]\n"
        "      convergence: {force_rmse_meV_A: 1.0e+9, max_uncertain_fraction: 1.0}\n",
    )
    result = campaign.run(f"{POTENTIAL}/released.json", f"{POTENTIAL}/loco.tsv")
    assert result.returncode == 0, result.stdout[-3000:]
    release = read_json(campaign.work / POTENTIAL / "released.json")
    assert (release["converged"], release["generation"]) == (True, 0)
    first, second = (campaign.work / POTENTIAL / f"generation{number}" for number in (0, 1))
    assert read_frames(second / "frames.extxyz") == []
    for member in (1, 2):
        models = [sha256_of_file(folder / f"committee/member{member}.model") for folder in (first, second)]
        assert models[0] == models[1]
    assert (
        "epoch"
        not in (campaign.work / "logs/potentials/fine-tuned/generation1/committee/fine_tune.member1.log").read_text()
    )
    learned = read_frames(first / "dataset/train.extxyz")
    others = [frame for frame in learned if frame.info["composition"] != "LiCl-crystal"]
    checks = [
        read_json(path / "member1.train_check.json") for path in (second / "committee", second / "loco/LiCl-crystal")
    ]
    assert checks[0]["frames"] == len(learned)
    assert 0 < checks[1]["frames"] <= len(others) < len(learned)
    row = pd.read_csv(campaign.work / POTENTIAL / "loco.tsv", sep="\t").loc[0]
    assert (row["composition"], row["seen_by_ancestors"]) == ("LiCl-crystal", "base")
    assert row["flags"].startswith("the foundation was trained on it; ")
    assert row["heldout_frames"] > 0
    assert row["stress_rmse_without_MPa"] != row["stress_rmse_with_MPa"]


def test_the_report_is_one_file_with_the_figures(campaign: Workplace):
    result = campaign.run("--report", "report.html")
    assert result.returncode == 0, result.stdout[-3000:]
    text = (campaign.work / "report.html").read_text()
    for figure in (
        "index.html",
        "transport.svg",
        "arrhenius.svg",
        "assessment.svg",
        "dataset.txt",
        "learning.svg",
        "domain.svg",
        "ranking.svg",
        "conductivity.csv",
    ):
        assert figure in text
