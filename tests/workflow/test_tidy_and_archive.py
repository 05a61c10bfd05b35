"""What may be deleted of a finished campaign is not missed, and an archived composition needs nothing else."""

import csv
import re
import subprocess
import zipfile
from pathlib import Path

import pytest
import yaml
from workplaces import SALTFLOW, Workplace, call_program

from saltflow.base.errors import SaltflowError
from saltflow.operations.archive.verification import verify

CONFIG = "tests/tiny/config.yaml"
TARGETS = ["results/LiCl-crystal/arrhenius.json", "results/LiCl-crystal/md/500K/structure.json"]


def command(campaign: Workplace, name: str, *options: str) -> subprocess.CompletedProcess:
    """One of the commands around a sweep, as a user types it."""
    call = [*SALTFLOW, name, str(campaign.work), *options, "--configfile", CONFIG, "--profile", "profiles/local"]
    return call_program(call, campaign.repo, joined=True)


def files(work: Path) -> set[str]:
    return {path.relative_to(work).as_posix() for path in (work / "results").rglob("*") if path.is_file()}


def test_what_is_deleted_is_not_missed_even_by_a_later_analysis(campaign: Workplace):
    campaign.replace(CONFIG, "device: cpu", "device: cpu\n  quota_GB: 0.000001")
    before = files(campaign.work)
    tidied = command(campaign, "tidy", "--delete")
    assert tidied.returncode == 0, tidied.stdout
    gone = before - files(campaign.work)
    assert {path for path in gone if ".work/" not in path} == {
        *(f"results/{name}/replica{replica}/quench.h5md" for name in ("LiAlCl4", "LiCl-crystal") for replica in (1, 2)),
        "results/potentials/fine-tuned/generation1/exploration.extxyz",
    }
    assert f"Deleted: {len(gone)} files." in tidied.stdout
    assert "In this order should go:" in tidied.stdout
    with (campaign.work / "housekeeping.tsv").open() as handle:
        listed = {row["path"]: row["mark"] for row in csv.DictReader(handle, delimiter="\t")}
    assert listed["results/LiAlCl4/md/500K/replica1.h5md"] == "only when archived"
    assert files(campaign.work) <= set(listed)
    assert "may be deleted now" not in listed.values()

    assert campaign.plan() == {}
    overrides = campaign.repo / "tests/tiny/overrides.yaml"
    changed = yaml.safe_load(overrides.read_text())
    changed["compositions"]["LiAlCl4"] = {"transport": {"msd_min_A2": 5.0}}
    overrides.write_text(yaml.safe_dump(changed))
    assert {job.split()[0] for job in campaign.plan()} == {
        "analyse_transport",
        "fit_arrhenius",
        "fit_residence",
        "tabulate_conductivity",
        "rank_electrolytes",
        "relate_order",
        "write_results_page",
    }


def test_trajectories_without_what_no_analysis_reads_give_the_same_results(campaign: Workplace):
    listed = command(campaign, "tidy")
    assert "would save" not in listed.stdout  # spectra are on
    campaign.replace(CONFIG, "spectra, ", "")
    assert campaign.run().returncode == 0
    point = campaign.work / "results/LiCl-crystal/md/500K"
    names = [f"{name}.json" for name in ("transport", "structure", "residence", "motion", "pathways", "md")]
    before, results = files(campaign.work), {name: (point / name).read_bytes() for name in names}
    sizes = {path: path.stat().st_size for path in point.glob("*.h5md")}
    (point / "motion.json").rename(campaign.work / "kept.json")

    listed = command(campaign, "tidy")
    assert re.search(r"`saltflow tidy --reduce` would save 0\.\d+ GB of 10 trajectories", listed.stdout), listed.stdout
    assert "LiCl-crystal waits for analyse_motion (2 trajectories)" in listed.stdout
    assert {path: path.stat().st_size for path in sizes} == sizes
    (campaign.work / "kept.json").rename(point / "motion.json")

    reduced = command(campaign, "tidy", "--reduce")
    assert "Reduced: 12 trajectories" in reduced.stdout, reduced.stdout
    assert all(path.stat().st_size < size for path, size in sizes.items())
    assert {path for path in files(campaign.work) - before if not path.endswith(".reduced.json")} == set()
    assert campaign.plan() == {}
    analyses = ("analyse_transport", "analyse_structure", "analyse_residence", "analyse_motion", "analyse_pathways")
    targets = [str((point / name).relative_to(campaign.work)) for name in names]
    again = campaign.run(*targets, "--forcerun", *analyses, "run_md")
    assert again.returncode == 0, again.stdout[-2000:]
    assert (
        "made before from the same settings and inputs: kept"
        in (campaign.work / "logs/LiCl-crystal/md/500K/run_md.log").read_text()
    )
    assert {name: (point / name).read_bytes() for name in names} == results
    assert "would save" not in command(campaign, "tidy").stdout


def test_nothing_is_deleted_from_a_sweep_that_was_killed(campaign: Workplace):
    lock = campaign.work / ".snakemake/locks/0.input.lock"
    lock.parent.mkdir()
    lock.touch()
    before = files(campaign.work)
    tidied = command(campaign, "tidy", "--delete")
    assert tidied.returncode == 1
    assert tidied.stdout.startswith("Nothing was deleted")
    assert "Traceback" not in tidied.stdout
    assert files(campaign.work) == before


def test_an_archived_composition_can_be_planned_and_changed_anywhere(campaign: Workplace, tmp_path: Path):
    archived = command(campaign, "archive", "LiCl-crystal")
    assert archived.returncode == 0, archived.stdout
    assert "Snakemake finds nothing to do" in archived.stdout
    archive = campaign.work / "archives/LiCl-crystal.zip"
    assert list(archive.parent.iterdir()) == [archive]
    with zipfile.ZipFile(archive) as file:
        names = set(file.namelist())
        file.extractall(tmp_path / "far/away")
    assert {
        "README.md",
        "ro-crate-metadata.json",
        "sweep/results/LiCl-crystal/md/500K/replica1.h5md",
        "sweep/results/potentials/base/generation0/dataset/ledger.tsv",
        "sweep/results/references/gfn1-xtb/Li.json",
        "sweep/tables/structures/LiCl-crystal.cif",
        "workflow/Snakefile",
    } <= names
    assert not [name for name in names if re.search(r"quench\.h5md|\.work/|LiAlCl4/|summary/", name)]

    elsewhere = Workplace(tmp_path / "far/away/workflow", tmp_path / "far/away/sweep", config="../sweep/config.yaml")
    settings = yaml.safe_load((elsewhere.work / "config.yaml").read_text())
    settings["structure"]["r_max_A"] += 1
    (elsewhere.work / "config.yaml").write_text(yaml.safe_dump(settings))
    readers = ("analyse_structure", "analyse_transport")  # first minima of g(r) bound the shells of clusters
    each = {f"{rule} composition=LiCl-crystal temperature={kelvin}" for rule in readers for kelvin in (500, 700, 900)}
    assert set(elsewhere.plan(*TARGETS)) == each | {"fit_arrhenius composition=LiCl-crystal"}

    poorer = tmp_path / "poorer.zip"
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(poorer, "w") as target:
        for entry in source.infolist():
            if not entry.filename.endswith("fit_arrhenius.py") and "manifest" not in entry.filename:
                target.writestr(entry, source.read(entry))
        lines = source.read("manifest-sha256.txt").decode().splitlines(keepends=True)
        target.writestr("manifest-sha256.txt", "".join(line for line in lines if "fit_arrhenius.py" not in line))
    with pytest.raises(SaltflowError, match=r"would not be complete elsewhere"):
        verify(poorer, targets=TARGETS)


def test_a_composition_that_is_not_complete_is_not_archived(campaign: Workplace):
    (campaign.work / "results/LiCl-crystal/arrhenius.json").unlink()
    refused = command(campaign, "archive", "LiCl-crystal")
    assert refused.returncode == 1
    (sentence,) = refused.stdout.splitlines()
    assert "is not complete" in sentence
    assert "fit_arrhenius composition=LiCl-crystal" in sentence
    assert not (campaign.work / "archives").exists()
