"""What is planned after each kind of change, job by job: what it invalidates, and nothing else."""

import os
import re
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import pytest
import yaml
from workplaces import Workplace

CONFIG = "tests/tiny/config.yaml"
OVERRIDES = "tests/tiny/overrides.yaml"
COMPOSITIONS = ("LiAlCl4", "LiCl-crystal")
TEMPERATURES = (500, 700, 900)
REPLICAS = (1, 2)
TABLES = {"tabulate_conductivity", "rank_electrolytes"}
SUMMARIES = {"tabulate_conductivity", "rank_electrolytes", "relate_order"}
ORDER = {"tabulate_structure", "relate_order", "rank_electrolytes"}
# It reads everything, so whatever a sweep makes again, it makes this again.
PAGE = {"write_results_page"}


def jobs(rule: str, **wildcards: Iterable) -> set[str]:
    """Jobs of a rule for every combination of wildcards."""
    names = sorted(wildcards)
    return {
        " ".join([rule, *(f"{name}={value}" for name, value in zip(names, values, strict=True))])
        for values in product(*(wildcards[name] for name in names))
    }


def cells(compositions: Iterable[str] = COMPOSITIONS) -> set[str]:
    return jobs("build_cell", composition=compositions, replica=REPLICAS)


def quenches(compositions: Iterable[str] = COMPOSITIONS) -> set[str]:
    return jobs("quench_cell", composition=compositions, replica=REPLICAS)


def analyses(compositions: Iterable[str] = COMPOSITIONS, temperatures: Iterable[int] = TEMPERATURES) -> set[str]:
    where = {"composition": compositions, "temperature": temperatures}
    rules = ("transport", "structure", "residence", "motion", "pathways", "spectra")
    each = (jobs(f"analyse_{rule}", **where) for rule in rules)
    return set().union(*each, pictures(compositions))


def pictures(compositions: Iterable[str] = COMPOSITIONS) -> set[str]:
    return jobs("draw_pathways", composition=compositions)


def fits(compositions: Iterable[str] = COMPOSITIONS) -> set[str]:
    return jobs("fit_arrhenius", composition=compositions) | releases(compositions)


def domain(compositions: Iterable[str] = COMPOSITIONS) -> set[str]:
    return jobs("assess_domain", composition=compositions)


def releases(compositions: Iterable[str] = COMPOSITIONS) -> set[str]:
    return jobs("fit_residence", composition=compositions)


def points(compositions: Iterable[str] = COMPOSITIONS, temperatures: Iterable[int] = TEMPERATURES) -> set[str]:
    """MD of these points, their analyses, the fits of their compositions and the summaries.

    The domain of a composition is asked at its coolest and its hottest point.
    """
    runs = jobs("run_md", composition=compositions, temperature=temperatures)
    runs |= domain(compositions) if {500, 900} & set(temperatures) else set()
    return runs | analyses(compositions, temperatures) | fits(compositions) | SUMMARIES | ORDER


def learning(potential: str, *, generations: Iterable[int], members: Iterable[int]) -> set[str]:
    """Every job of these generations of a potential and its release."""
    where = {"potential": [potential], "generation": generations}
    later = {"potential": [potential], "generation": [number for number in generations if number > 0]}
    first = jobs("propose_initial_frames", potential=[potential]) if 0 in generations else set()
    gathered = jobs("gather_environments", potential=[potential]) if potential != "base" else set()  # simulates nothing
    return (
        first
        | gathered
        | jobs("explore", **later)
        | jobs("select_frames", **later)
        | jobs("label_frames", **where, chunk=[0])
        | jobs("collect_labels", **where)
        | jobs("fine_tune", **where, member=members)
        | jobs("assess_potential", **where)
        | jobs("release_potential", potential=[potential])
        | jobs("describe_dataset", potential=[potential])
    )


ATOMS = jobs("label_atom", element=["Al", "Cl", "Li"], reference=["gfn1-xtb"])
BASE = learning("base", generations=[0], members=[1])
FINE_TUNED = learning("fine-tuned", generations=[0, 1], members=[1, 2])
ALL_POINTS = points()
EVERYTHING = ATOMS | BASE | FINE_TUNED | cells() | quenches() | ALL_POINTS


def add_row(campaign: Workplace, table: str, **cells: str) -> None:
    """Append a row to a table of the tiny campaign; columns not given are empty."""
    path = campaign.repo / "tests/tiny" / table
    header = path.read_text().splitlines()[0].split("\t")
    campaign.append(f"tests/tiny/{table}", "\t".join(cells.pop(name, "-") for name in header) + "\n")
    assert not cells, f"no such columns: {cells}"


def override(campaign: Workplace, kind: str, name: str, **sections: dict) -> None:
    path = campaign.repo / OVERRIDES
    content = yaml.safe_load(path.read_text())
    content[kind].setdefault(name, {}).update(sections)
    path.write_text(yaml.safe_dump(content))


def assert_planned(campaign: Workplace, expected: set[str], *arguments: str) -> dict[str, str]:
    """The plan holds exactly these jobs and, after any, the results page; it says why each of them runs."""
    plan = campaign.plan(*arguments)
    assert set(plan) == (expected | PAGE if expected else set())
    assert not [job for job, reason in plan.items() if not reason]
    return plan


# ── nothing that matters has changed ───────────────────────────────────────────────────────────


def test_the_undone_campaign_plans_every_job(fresh: Workplace):
    assert_planned(fresh, EVERYTHING)


def test_a_finished_campaign_has_nothing_to_do(campaign: Workplace):
    assert_planned(campaign, set())


def test_new_times_of_all_sources_rerun_nothing(campaign: Workplace):
    for path in campaign.repo.rglob("*"):
        os.utime(path)
    assert_planned(campaign, set())


def test_a_repository_at_another_place_reruns_nothing(campaign: Workplace):
    moved = campaign.repo.parent / "elsewhere"
    moved.mkdir()
    repo, work = campaign.repo.rename(moved / "repo"), campaign.work.rename(moved / "work")
    assert_planned(Workplace(repo, work), set())


@pytest.mark.parametrize(
    ("path", "comment"),
    [
        (CONFIG, "# a remark\n"),
        ("config/config.yaml", "# a remark\n"),
        (OVERRIDES, "# a remark\n"),
        ("scripts/saltflow/analysis/transport/windows.py", "\n# a remark\n"),
        ("scripts/analyse_transport.py", "\n# a remark\n"),
        ("rules/transport.smk", "\n# a remark\n"),
    ],
)
def test_a_comment_reruns_nothing(campaign: Workplace, path: str, comment: str):
    campaign.append(path, comment)
    assert_planned(campaign, set())


@pytest.mark.parametrize(
    "path",
    ["analysis/transport/windows.py", "analysis/arrhenius/fit.py", "analysis/structure/rdf.py", "base/provenance.py"],
)
def test_a_docstring_reruns_nothing(campaign: Workplace, path: str):
    source = campaign.repo / "scripts/saltflow" / path
    text = source.read_text()
    assert text.startswith('"""')
    source.write_text('"""A better word. ' + text[3:])
    assert_planned(campaign, set())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("checkpoint_ps: 0.04", "checkpoint_ps: 0.06"),
        ("device: cpu", "device: cuda"),
        ("device: cpu", "device: cpu\n  modules: {analysis: [python/3.11]}"),
    ],
)
def test_how_jobs_are_executed_reruns_nothing(campaign: Workplace, old: str, new: str):
    campaign.replace(CONFIG, old, new)
    assert_planned(campaign, set())


def test_the_command_of_a_reference_reruns_nothing_but_its_method_does(campaign: Workplace):
    """The finished campaign is taken for one that CP2K has labelled, so that CP2K need not be here.

    Its labels have no dispersion. The dynamics may add it: that moves atoms, and leaves alone what nothing moved.
    """
    method = "config/references/pbe-d3.yaml"
    campaign.replace(method, "dispersion: D3(BJ) ", "dispersion: none ")
    table = campaign.repo / "tests/tiny/potentials.tsv"
    table.write_text(table.read_text().replace("gfn1-xtb", "pbe-d3"))
    for path in (campaign.work / "results/references/gfn1-xtb").iterdir():
        target = campaign.work / "results/references/pbe-d3" / path.name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
    touched = campaign.run("--touch", "--forceall")
    assert touched.returncode == 0, touched.stdout[-3000:]
    assert_planned(campaign, set())
    campaign.replace(method, "command: cp2k.psmp -s", "command: mpiexec -np 4 cp2k.psmp -s")
    assert_planned(campaign, set())
    campaign.replace("config/config.yaml", "  dispersion: none   ", "  dispersion: D3(BJ)   ")
    plan = assert_planned(campaign, FINE_TUNED | quenches() | ALL_POINTS)
    assert "Params have changed" in plan["propose_initial_frames potential=fine-tuned"]
    campaign.replace(method, "cutoff_Ry: 800.0", "cutoff_Ry: 900.0")
    atoms = jobs("label_atom", element=["Al", "Cl", "Li"], reference=["pbe-d3"])
    assert_planned(campaign, (EVERYTHING - ATOMS | atoms) - cells() - {"propose_initial_frames potential=base"})


# ── the sweep ──────────────────────────────────────────────────────────────────────────────────


def test_one_composition_with_longer_runs(campaign: Workplace):
    override(campaign, "compositions", "LiAlCl4", dynamics={"production": {"duration_ps": 0.3}})
    plan = assert_planned(campaign, points(["LiAlCl4"]))
    assert "Params have changed" in plan["run_md composition=LiAlCl4 temperature=500"]


def test_one_composition_with_a_slower_quench(campaign: Workplace):
    override(campaign, "compositions", "LiAlCl4", dynamics={"quench": {"rate_K_per_ps": 8000.0}})
    assert_planned(campaign, quenches(["LiAlCl4"]) | points(["LiAlCl4"]))


def test_one_composition_with_larger_cells(campaign: Workplace):
    override(campaign, "compositions", "LiAlCl4", cells={"atoms": 18})
    assert_planned(campaign, cells(["LiAlCl4"]) | quenches(["LiAlCl4"]) | points(["LiAlCl4"]))


def test_one_composition_analysed_otherwise(campaign: Workplace):
    override(campaign, "compositions", "LiAlCl4", transport={"msd_min_A2": 5.0})
    transport = jobs("analyse_transport", composition=["LiAlCl4"], temperature=TEMPERATURES)
    assert_planned(campaign, transport | fits(["LiAlCl4"]) | SUMMARIES)


def test_one_temperature_more(campaign: Workplace):
    campaign.replace(CONFIG, "[500, 700, 900]", "[500, 700, 800, 900]")
    assert_planned(campaign, points(temperatures=[800]) - pictures())  # drawn at the hottest


def test_one_temperature_less(campaign: Workplace):
    campaign.replace(CONFIG, "[500, 700, 900]", "[500, 900]")
    assert_planned(campaign, fits() | SUMMARIES | ORDER)


def test_one_replica_more(campaign: Workplace):
    campaign.replace(CONFIG, "replicas: 2", "replicas: 3")
    third = jobs("build_cell", composition=COMPOSITIONS, replica=[3])
    assert_planned(campaign, third | jobs("quench_cell", composition=COMPOSITIONS, replica=[3]) | ALL_POINTS)


def test_larger_cells_for_all_leave_the_potentials_alone(campaign: Workplace):
    campaign.replace(CONFIG, "cells:\n  atoms: 12", "cells:\n  atoms: 18")
    assert_planned(campaign, cells() | quenches() | ALL_POINTS)


NEWCOMER = {
    "id": "LiAl2Cl7",
    "formula": "LiAl2Cl7",
    "mobile_ion": "Li",
    "oxidation_states": "Li:+1 Al:+3 Cl:-1",
    "family": "tiny",
    "start": "pack",
    "density_g_cm3": "1.6",
    "density_basis": "guess",
    "source": "made up for the tests",
}


def test_a_composition_joins_with_a_potential_that_exists(campaign: Workplace):
    add_row(campaign, "compositions.tsv", **NEWCOMER, potential="fine-tuned")
    assert_planned(campaign, cells(["LiAl2Cl7"]) | quenches(["LiAl2Cl7"]) | points(["LiAl2Cl7"]))


def test_a_composition_joins_with_a_potential_of_its_own(campaign: Workplace):
    add_row(campaign, "compositions.tsv", **NEWCOMER, potential="newcomer")
    row = {"name": "newcomer", "foundation": "fine-tuned", "reference": "gfn1-xtb", "compositions": "LiAl2Cl7"}
    add_row(campaign, "potentials.tsv", **row)
    own = learning("newcomer", generations=[0, 1], members=[1, 2])
    assert_planned(campaign, own | cells(["LiAl2Cl7"]) | quenches(["LiAl2Cl7"]) | points(["LiAl2Cl7"]))


def test_a_composition_leaves(campaign: Workplace):
    campaign.replace(CONFIG, "sweep:\n", "sweep:\n  compositions: [LiAlCl4]\n")
    assert_planned(campaign, SUMMARIES | ORDER)


def test_a_literature_value(campaign: Workplace):
    table = campaign.repo / "tests/tiny/compositions.tsv"
    lines = table.read_text().splitlines()
    at = lines[0].split("\t").index
    row = lines[1].split("\t")
    row[at("Ea_eV")], row[at("Ea_origin")] = "0.4", "recalled"
    table.write_text("\n".join([lines[0], "\t".join(row), *lines[2:]]) + "\n")
    assert_planned(campaign, fits(["LiAlCl4"]) | SUMMARIES)


# ── protocols and generations ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("dynamics", quenches() | ALL_POINTS),
        ("labels", EVERYTHING - cells() - {"propose_initial_frames potential=base"}),
        ("learning", EVERYTHING - cells() - ATOMS),
        ("cells", cells() | quenches() | ALL_POINTS),  # the small cells of the sampling are learning's
    ],
)
def test_a_protocol_raised(campaign: Workplace, stage: str, expected: set[str]):
    text = (campaign.repo / "config/expert.yaml").read_text()
    head, section, rest = text.partition(f"\n{stage}:\n")
    assert section
    assert rest.startswith("  protocol: ")
    rest = re.sub(r"protocol: \d+", "protocol: 99", rest, count=1)
    (campaign.repo / "config/expert.yaml").write_text(head + section + rest)
    assert_planned(campaign, expected)


def test_one_generation_more_of_one_potential(campaign: Workplace):
    override(campaign, "potentials", "fine-tuned", learning={"generations": 2})
    second = learning("fine-tuned", generations=[2], members=[1, 2])
    assert_planned(campaign, second | quenches() | ALL_POINTS)


def test_a_composition_left_out_adds_its_own_trainings_and_changes_no_other_job(campaign: Workplace):
    override(campaign, "potentials", "fine-tuned", learning={"loco_compositions": ["LiCl-crystal"]})
    trained = {"generation": [1], "excluded": ["LiCl-crystal"], "member": [1, 2], "potential": ["fine-tuned"]}
    assert_planned(campaign, jobs("fine_tune_loco", **trained) | jobs("assess_loco", potential=["fine-tuned"]))


# ── code ───────────────────────────────────────────────────────────────────────────────────────

TRANSPORT = jobs("analyse_transport", composition=COMPOSITIONS, temperature=TEMPERATURES)
STRUCTURE = jobs("analyse_structure", composition=COMPOSITIONS, temperature=TEMPERATURES)
RESIDENCE = jobs("analyse_residence", composition=COMPOSITIONS, temperature=TEMPERATURES) | releases()
MOTION = jobs("analyse_motion", composition=COMPOSITIONS, temperature=TEMPERATURES)
PATHWAYS = jobs("analyse_pathways", composition=COMPOSITIONS, temperature=TEMPERATURES) | pictures()
SPECTRA = jobs("analyse_spectra", composition=COMPOSITIONS, temperature=TEMPERATURES)
# Transport and residence take the first minima of g(r) from structure.json.
STRUCTURE_AND_READERS = STRUCTURE | TRANSPORT | RESIDENCE | fits() | SUMMARIES | ORDER
EVERY_POINT = TRANSPORT | STRUCTURE | RESIDENCE | MOTION | PATHWAYS | SPECTRA
CARDS = jobs("describe_dataset", potential=["base", "fine-tuned"])
GATHERED = jobs("gather_environments", potential=["fine-tuned"])


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("analysis/transport/analysis.py", TRANSPORT | fits() | SUMMARIES),
        ("analysis/transport/windows.py", TRANSPORT | fits() | SUMMARIES),  # imported by transport/analysis only
        ("analysis/structure/rdf.py", STRUCTURE_AND_READERS),
        ("analysis/structure/scattering.py", STRUCTURE_AND_READERS),
        ("analysis/residence/survival.py", RESIDENCE),
        ("analysis/residence/activation.py", releases()),
        ("analysis/motion/hops.py", MOTION),
        ("analysis/pathways/percolation.py", PATHWAYS | {"relate_order"}),
        ("analysis/pathways/picture.py", pictures()),
        ("analysis/spectra/rigid.py", SPECTRA),
        ("analysis/arrhenius/fit.py", fits() | SUMMARIES),
        ("analysis/arrhenius/glass_transition.py", fits() | SUMMARIES),
        ("analysis/conductivity_table.py", SUMMARIES | ORDER),
        (
            "trajectory/h5md.py",
            EVERY_POINT | domain() | fits() | SUMMARIES | ORDER,
        ),
        ("trajectory/segments.py", TRANSPORT | RESIDENCE | MOTION | fits() | SUMMARIES),
        ("statistics/jackknife.py", EVERY_POINT | domain() | fits() | SUMMARIES | ORDER),
        ("learning/domain/figure.py", domain() | TABLES),
        ("learning/domain/training_environments.py", GATHERED | domain() | TABLES),
        ("operations/job_log.py", set()),  # what a job says changes no product
        ("base/provenance.py", EVERY_POINT | fits() | SUMMARIES | ORDER | CARDS | GATHERED | domain()),
        ("potentials/mace.py", GATHERED | domain() | TABLES),
        ("learning/training.py", set()),
        ("dynamics/runner.py", set()),
        ("materials/cells/packing.py", set()),
        ("labels/reference/tblite.py", set()),
    ],
)
def test_an_edited_module_reruns_the_analyses_that_import_it(campaign: Workplace, module: str, expected: set[str]):
    campaign.append(f"scripts/saltflow/{module}", "\n\nNEW_CONSTANT = 1\n")
    assert_planned(campaign, expected)


def test_an_edited_entry_script_reruns_its_analyses(campaign: Workplace):
    campaign.append("scripts/analyse_structure.py", "\nprint(job.rule)\n")
    assert_planned(campaign, STRUCTURE_AND_READERS)


def test_an_output_that_was_lost_is_made_again(campaign: Workplace):
    Path(campaign.work, "results/LiAlCl4/arrhenius.json").unlink()
    plan = assert_planned(campaign, fits(["LiAlCl4"]) | SUMMARIES)
    assert "Missing output files" in plan["fit_arrhenius composition=LiAlCl4"]
