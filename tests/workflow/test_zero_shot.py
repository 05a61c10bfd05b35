"""A foundation that drives molecular dynamics as it is: a first number without a label, and every table says so."""

import shutil
from pathlib import Path

import ase
import pandas as pd
from workplaces import Workplace

from saltflow.base.provenance import read_json, sha256_of_file

FOUNDATION = "tests/tiny/universal.model"
OTHER_POTENTIAL = "Li:+1 Cl:-1\ttiny\tfine-tuned"
# Any ASE calculator: pairs of Lennard-Jones atoms.
PAIRS = f"""
references:
  pairs:
    like: chgnet-pbe
    method: Lennard-Jones pairs of ASE
    functional: null
    package: ase
    version: {ase.__version__}
    calculator: ase.calculators.lj.LennardJones
    arguments: {{sigma: 2.3, epsilon: 0.2, rc: 5.0, smooth: true}}
    weights: null
    sha256: null
    atomic_energies: fitted
    device_argument: null
    python: null
"""


def driven_as_it_is(campaign: Workplace) -> str:
    """The crystal is driven by a model file without training; its hash."""
    shutil.copy2(campaign.work / "results/potentials/base/released.model", campaign.repo / FOUNDATION)
    sha256 = sha256_of_file(campaign.repo / FOUNDATION)
    row = ["as-it-is", Path(FOUNDATION).name, sha256, "-", "LiCl-crystal", "-"]
    campaign.append("tests/tiny/potentials.tsv", "\t".join(row) + "\n")
    campaign.replace("tests/tiny/compositions.tsv", OTHER_POTENTIAL, OTHER_POTENTIAL.replace("fine-tuned", "as-it-is"))
    return sha256


def test_a_foundation_drives_a_composition_and_every_table_says_so(campaign: Workplace):
    sha256 = driven_as_it_is(campaign)
    plan = campaign.plan()
    rules = {job.split()[0] for job in plan}
    assert {job for job in plan if "potential=" in job} == {"release_potential potential=as-it-is"}
    assert "run_md" in rules
    assert rules.isdisjoint({"label_frames", "fine_tune", "assess_potential", "build_cell", "assess_domain"})
    ran = campaign.run("results/summary/conductivity.csv", "results/summary/ranking.csv")
    assert ran.returncode == 0, ran.stdout[-3000:]

    results = campaign.work / "results"
    release = read_json(results / "potentials/as-it-is/released.json")
    known = {"foundation": "universal", "sha256": sha256}
    assert release["reference"] == {"name": "zero-shot universal", "dispersion": "unknown"} | known
    assert release["sha256"] == sha256_of_file(results / "potentials/as-it-is/released.model") == sha256
    run = read_json(results / "LiCl-crystal/md/500K/md.json")
    assert run["potential"] == "as-it-is"
    assert run["provenance"]["reference"] == release["reference"]
    assert run["provenance"]["inputs"]["model"] == sha256

    for table in ("conductivity", "ranking"):
        rows = pd.read_csv(results / f"summary/{table}.csv").groupby("composition").first()
        crystal, glass = rows.loc["LiCl-crystal"], rows.loc["LiAlCl4"]
        assert (crystal["potential_status"], crystal["method"]) == ("zero-shot", "zero-shot universal")
        assert crystal[["force_rmse_meV_A", "domain"]].isna().all()
        assert (glass["potential_status"], glass["method"]) == ("not converged", "gfn1-xtb")
        assert glass[["force_rmse_meV_A", "domain"]].notna().all()
        assert "zero-shot universal" in (results / f"summary/{table}.txt").read_text()

    assert "as-it-is: released" in (status := campaign.saltflow("status").stdout)
    assert "released, zero-shot" in status
    planned = campaign.saltflow("plan")
    assert planned.returncode == 0, planned.stdout
    (sentence,) = (each for each in read_json(campaign.work / "plan/plan.json")["unchecked"] if "Zero-shot" in each)
    assert "foundations drive LiCl-crystal (universal) as they are" in sentence


def test_any_calculator_drives_a_composition_and_every_product_names_it(campaign: Workplace):
    campaign.append(campaign.config, PAIRS)
    campaign.append("tests/tiny/potentials.tsv", "as-it-is\tpairs\t-\t-\tLiCl-crystal\t-\n")
    campaign.replace("tests/tiny/compositions.tsv", OTHER_POTENTIAL, OTHER_POTENTIAL.replace("fine-tuned", "as-it-is"))
    ran = campaign.run("results/summary/conductivity.csv", "results/LiCl-crystal/arrhenius.json")
    assert ran.returncode == 0, ran.stdout[-3000:]

    results, name = campaign.work / "results", "zero-shot pairs"
    release = read_json(results / "potentials/as-it-is/released.json")
    assert release["reference"]["universal"]["calculator"] == "ase.calculators.lj.LennardJones"
    run = read_json(results / "LiCl-crystal/md/500K/md.json")
    assert (run["method"], run["evaluated_by"]) == (name, f"ase {ase.__version__}")
    for product in ("md/500K/transport.json", "md/500K/structure.json", "arrhenius.json"):
        assert read_json(results / "LiCl-crystal" / product)["method"] == name
    assert name in (results / "LiCl-crystal/md/500K/transport.svg").read_text()
    rows = pd.read_csv(results / "summary/conductivity.csv").groupby("composition").first()
    assert rows.loc["LiCl-crystal", ["potential_status", "method"]].tolist() == ["zero-shot", name]

    campaign.replace(campaign.config, "epsilon: 0.2", "epsilon: 0.3")
    assert "run_md composition=LiCl-crystal temperature=500" in campaign.plan()
