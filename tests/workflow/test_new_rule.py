"""A new rule takes three places: a block in rules/, an entry script of its name, a row of the registry."""

import json
import subprocess
from pathlib import Path

import pytest
from workplaces import SALTFLOW, Workplace, call_program, copy_sources

BLOCK = '''

rule count_atoms:
    """How many atoms each replica of a composition has."""
    input:
        replicas=ask.of_replicas(rules.quench_cell.output.replica),
    output:
        table="results/{composition}/atoms.tsv",
    log:
        spec["count_atoms"].log,
    benchmark:
        spec["count_atoms"].benchmark
    conda:
        "../envs/dynamics.yaml"
    envmodules:
        *campaign.modules("dynamics"),
    threads: 1
    resources:
        **resources,
    script:
        "../scripts/count_atoms.py"
'''
SCRIPT = '''"""Count the atoms of each replica."""

from pathlib import Path

from saltflow.operations.job_log import start_job

job = snakemake
start_job(job, subject=job.wildcards.composition)
Path(job.output.table).write_text("".join(f"{path}\\n" for path in job.input.replicas))
'''
ROW = """    RuleSpec(
        "count_atoms",
        stage="analysis",
        product=f"{COMPOSITION}/atoms.tsv",
        environment="dynamics",
        jobs=per_composition(),
        unit="atoms",
        work=cost_model.cell_atoms,
        memory_MB=fixed(500),
        upper_bounds={"": UpperBound(60, 1)},
        is_target=True,
        deletable=(Deletable("atoms.tsv", "counts of atoms", "seconds", "may be deleted now"),),
    ),
)
RULE: Mapping"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A repository with one rule more, and a folder where nothing has run."""
    folder = tmp_path_factory.mktemp("new-rule")
    copy_sources(folder / "repo")
    (folder / "work").mkdir()
    with (folder / "repo/rules/dynamics.smk").open("a") as rules:
        rules.write(BLOCK)
    (folder / "repo/scripts/count_atoms.py").write_text(SCRIPT)
    registry = folder / "repo/scripts/saltflow/operations/rules.py"
    text = registry.read_text()
    assert text.count(")\nRULE: Mapping") == 1
    registry.write_text(text.replace(")\nRULE: Mapping", ROW))
    return Workplace(folder / "repo", folder / "work")


def ask(place: Workplace, command: str, *options: str) -> str:
    """What a command of saltflow prints."""
    call = [*SALTFLOW, command, str(place.work), "--configfile", place.config, *options]
    result = call_program(call, place.repo)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_snakemake_plans_it_with_the_sweep(place: Workplace):
    jobs = sorted(job for job in place.plan() if job.startswith("count_atoms"))
    assert jobs == ["count_atoms composition=LiAlCl4", "count_atoms composition=LiCl-crystal"]


def test_plan_status_and_housekeeping_know_it(place: Workplace):
    ask(place, "plan", "--profile", "profiles/local")
    plan = json.loads((place.work / "plan/plan.json").read_text())
    (row,) = (row for row in plan["rules"] if row["rule"] == "count_atoms")
    assert (row["stage"], row["due"], row["memory_MB"], row["runtime_min"]) == ("analysis", 2, 800, 10)
    assert row["basis"] == "upper bound"
    assert ["quench_cell", "count_atoms"] in plan["graph"]["edges"]
    assert f"{plan['counts']['due']} jobs" in ask(place, "status")
    ask(place, "tidy", "--profile", "profiles/local")


def python(place: Workplace, code: str) -> str:
    """What the library of that repository prints."""
    result = subprocess.run(
        [SALTFLOW[0], "-c", code], cwd=place.repo, env=place.environment, capture_output=True, text=True, check=True
    )
    return result.stdout


def test_its_log_names_its_job(place: Workplace):
    code = "from saltflow.operations.jobs import job_of_log; print(job_of_log('logs/LiCl/count_atoms.log').subject)"
    assert python(place, code) == "composition LiCl\n"


def test_its_product_may_be_deleted_as_its_row_says(place: Workplace):
    code = (
        "from types import SimpleNamespace as Job; from saltflow.operations.housekeeping import FileUse; "
        "path = 'results/LiCl/atoms.tsv'; "
        "job = Job(rule='count_atoms', wildcards={}, due=False, inputs=(), outputs=(path,)); "
        "kind = FileUse([job]).kind(path); print(kind.mark, kind.title, sep=': ')"
    )
    assert python(place, code) == "may be deleted now: counts of atoms\n"


def test_three_files_were_touched(place: Workplace):
    root = Path(__file__).resolve().parents[2]
    listed = subprocess.run(
        ["diff", "-rq", "--exclude=__pycache__", *(str(each / "rules") for each in (root, place.repo))],
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    listed += subprocess.run(
        ["diff", "-rq", "--exclude=__pycache__", *(str(each / "scripts") for each in (root, place.repo))],
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    assert len(listed) == 3
