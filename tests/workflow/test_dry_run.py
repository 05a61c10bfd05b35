"""The shipped campaigns plan; every rule, script and module keeps the habits of the house."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from workplaces import BY_DEFAULT, ENVIRONMENT, LOCALLY, ON_REQUEST, ROOT, Workplace, copy_sources

from engine.reporting import CATEGORIES, label_of
from saltflow.campaign.config_files import read_configuration
from saltflow.operations.rules import RULE as SPEC

RULE_FILES = sorted((ROOT / "rules").rglob("*.smk"))
ENTRY_SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))
LIBRARY = sorted((ROOT / "scripts/saltflow").rglob("*.py"))
RULE = re.compile(r"^rule (\w+):\n((?: {4}.*\n|\n)+)", re.MULTILINE)
RULES = {name: (path, body) for path in RULE_FILES for name, body in RULE.findall(path.read_text())}
DERIVED = re.compile(r"^use rule (\w+) as (\w+) with:\n((?: {4}.*\n|\n)+)", re.MULTILINE)
DERIVED_RULES = {name: (base, body) for path in RULE_FILES for base, name, body in DERIVED.findall(path.read_text())}
DIRECTIVES = ("output", "log", "benchmark", "threads", "resources", "conda", "envmodules", "script")


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository as it is, for planning only."""
    repo = tmp_path_factory.mktemp("planning") / "repo"
    copy_sources(repo)
    return repo


def test_the_whole_catalogue_plans(repo: Path, tmp_path: Path):
    plan = Workplace(repo, tmp_path, config="config/config.yaml").plan()
    header, *rows = (line.split("\t") for line in (ROOT / "config/compositions.tsv").read_text().splitlines())
    simulated = [row for row in rows if row[header.index("start")] != "none"]
    counts = {name: sum(job.split()[0] == name for job in plan) for name in (*RULES, *DERIVED_RULES)}
    assert counts["build_cell"] == counts["quench_cell"] == 3 * len(simulated)
    assert counts["run_md"] == counts["analyse_transport"] == counts["analyse_structure"] == 5 * len(simulated)
    assert counts["analyse_residence"] == counts["analyse_motion"] == counts["analyse_pathways"] == 5 * len(simulated)
    assert counts["fit_arrhenius"] == counts["fit_residence"] == counts["draw_pathways"] == len(simulated)
    assert counts["assess_domain"] == len(simulated)
    assert counts["tabulate_conductivity"] == counts["tabulate_structure"] == counts["rank_electrolytes"] == 1
    assert {name for name, count in counts.items() if count} == BY_DEFAULT | {"measure_diffusion"}
    assert all(plan.values())


def test_the_demonstration_plans(repo: Path, tmp_path: Path):
    plan = Workplace(repo, tmp_path, config="config/presets/demo/config.yaml").plan()
    assert sum(job.startswith("run_md ") for job in plan) == 2 * 3
    rules = {job.split()[0] for job in plan}
    assert {job for job in plan if "potential=" in job} == {"release_potential potential=demo"}
    assert {"quench_replicas", "analyse_transport", "fit_arrhenius", "rank_electrolytes"} <= rules


def test_the_model_of_the_demonstration_is_planned_from_its_teacher(repo: Path, tmp_path: Path):
    released = "results/potentials/demo/released.model"
    plan = Workplace(repo, tmp_path, config="config/presets/foundation/config.yaml").plan(released)
    trained = {job.split("potential=")[1] for job in plan if job.startswith("fine_tune ")}
    assert trained == {"packed", "molten", "oxychloride", "demo"}


def test_replicas_and_temperatures_share_a_batch_where_the_settings_ask_for_it(repo: Path, tmp_path: Path):
    asked = (*LOCALLY, "--config", "execution={quench_together: true, temperatures_together: true}")
    plan = Workplace(repo, tmp_path, options=asked).plan()
    rules = [job.split()[0] for job in plan]
    assert not {"quench_cell", "run_md"} & set(rules)
    compositions = len({job for job in plan if job.startswith("fit_arrhenius ")})
    assert rules.count("quench_replicas") == rules.count("run_state_points") == compositions
    assert rules.count("build_cell") == 2 * rules.count("quench_replicas")


@pytest.mark.parametrize("deployment", ["env-modules", "conda"])
def test_the_tiny_campaign_plans_with_deployed_environments(repo: Path, tmp_path: Path, deployment: str):
    if deployment == "conda" and not shutil.which("conda"):
        pytest.skip("Snakemake asks the conda command for its version before it plans, and there is none here")
    plan = Workplace(repo, tmp_path).plan("--software-deployment-method", deployment)
    assert {job.split()[0] for job in plan} == set(RULES) - ON_REQUEST


def test_snakemake_finds_nothing_to_lint(repo: Path, tmp_path: Path):
    command = [sys.executable, "-m", "snakemake", "--lint", "--directory", str(tmp_path)]
    command += ["--configfile", "tests/tiny/config.yaml"]
    lint = subprocess.run(command, cwd=repo, env=ENVIRONMENT, capture_output=True, text=True)
    assert lint.returncode == 0, lint.stdout + lint.stderr


# ── rules ──────────────────────────────────────────────────────────────────────────────────────


def test_every_rule_is_found_where_rules_belong():
    total = sum(text.count("\nrule ") for text in (path.read_text() for path in RULE_FILES))
    assert total == len(RULES)
    assert re.findall(r"^rule (\w+):", (ROOT / "Snakefile").read_text(), re.MULTILINE) == ["all"]


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_complete(name: str):
    path, body = RULES[name]
    found = re.findall(r"^ {4}(\w+):", body, re.MULTILINE)
    assert [directive for directive in DIRECTIVES if directive not in found] == []
    assert re.match(r' {4}"""[^"]{20,}"""', body), "the docstring comes first and says what is done"
    assert re.search(r"^ {4}resources:\n {8}\*\*resources,", body, re.MULTILINE)
    script = re.search(r'script:\n +"(.*)"', body)[1]
    assert (path.parent / script).resolve() == ROOT / f"scripts/{name}.py"
    assert (path.parent / script).is_file()
    environment = re.search(r'conda:\n +"(.*)"', body)[1]
    assert (path.parent / environment).is_file()
    assert Path(environment).stem == SPEC[name].environment
    assert f'campaign.modules("{Path(environment).stem}")' in body, "modules and conda file are of one environment"


@pytest.mark.parametrize("name", [*RULES, *DERIVED_RULES])
def test_a_rule_asks_the_registry_by_its_own_name(name: str):
    _, body = (RULES | DERIVED_RULES)[name]
    assert f'log:\n        spec["{name}"].log' in body
    assert f'benchmark:\n        spec["{name}"].benchmark' in body
    assert (f'localrule: spec["{name}"].is_local' in body) is SPEC[name].is_local
    assert (f'group:\n        group("{name}")' in body) is (SPEC[name].group is not None)
    assert ("serial_slot=1" in body) is (SPEC[name].group is not None)
    named = set(re.findall(r'(?:spec\[|\bgroup\(|code_of\()"(\w+)"', body))
    assert named == {name}


def test_the_registry_has_every_rule_and_no_other():
    assert set(SPEC) == {*RULES, *DERIVED_RULES}


def test_logs_mirror_the_folders_of_results():
    for spec in SPEC.values():
        assert spec.log.startswith(str(Path(spec.product).parent).replace("results", "logs", 1) + f"/{spec.name}")
        assert {f"{{{name}}}" for name in spec.wildcards} <= set(re.findall(r"{\w+}", spec.log))


@pytest.mark.parametrize("name", DERIVED_RULES)
def test_a_rule_made_from_another_writes_files_of_its_own(name: str):
    base, body = DERIVED_RULES[name]
    assert base in RULES
    assert re.findall(r"^ {4}(\w+):", body, re.MULTILINE)[:3] == ["output", "log", "benchmark"]
    assert SPEC[name].environment == SPEC[base].environment


def test_no_rule_file_is_long_and_none_holds_logic():
    lengths = {path.name: len(path.read_text().splitlines()) for path in RULE_FILES}
    assert lengths["common.smk"] <= 150
    assert max(lengths.values()) <= 300


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.name)
def test_a_rule_file_opens_with_its_contract(path: Path):
    contract = re.match(r'"""(.+?)"""\n', path.read_text(), re.DOTALL)[1]
    assert re.search(r"^REQUIRED", contract, re.MULTILINE)
    assert re.search(r"^(OUTPUTS|DEFINES):", contract, re.MULTILINE)


def test_the_snakefile_is_a_table_of_contents():
    lines = (ROOT / "Snakefile").read_text().splitlines()
    assert len(lines) <= 70
    included = {line.split('"')[1] for line in lines if line.startswith("include:")}
    # How cells are quenched and run is chosen where the other rules of cells, and of their dynamics, are.
    files = {str(path.relative_to(ROOT)) for path in RULE_FILES if not path.name.startswith(("quench", "md"))}
    assert included == files
    assert not [line for line in lines if re.match(r"\s*(def|if|for) ", line)]


# ── scripts and library ────────────────────────────────────────────────────────────────────────


def imported(path: Path) -> set[str]:
    """Top-level packages that a file imports anywhere."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("path", ENTRY_SCRIPTS, ids=lambda path: path.stem)
def test_an_entry_script_is_dull(path: Path):
    assert path.stem in RULES
    assert len(path.read_text().splitlines()) <= 40
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_the_library_never_imports_snakemake():
    assert [path.name for path in LIBRARY if "snakemake" in imported(path)] == []


def mentioning(pattern: str) -> set[str]:
    """Library modules with code, strings included, that names an external program."""
    return {
        str(path.relative_to(ROOT / "scripts/saltflow"))
        for path in LIBRARY
        if re.search(pattern, path.read_text(), re.MULTILINE)
    }


def test_each_external_code_has_one_adapter():
    evaluating = {"fetched_foundation.py", "mace.py", "mace_training.py", "training.py", "weights.py"}
    assert {path.name for path in LIBRARY if "mace" in imported(path)} <= evaluating
    assert mentioning(r"mace\.cli") == {"learning/mace_training.py", "potentials/lammps_export.py"}
    adapters = {
        "tblite": "labels/reference/tblite.py",
        "gpaw": "labels/reference/gpaw.py",
        "dftd3": "labels/reference/d3_correction.py",
        "torch_dftd": "potentials/d3.py",
    }
    for package, adapter in adapters.items():
        importing = {path.relative_to(ROOT / "scripts/saltflow") for path in LIBRARY if package in imported(path)}
        assert {str(path) for path in importing} == {adapter}
    assert {path.name for path in LIBRARY if "packmol" in imported(path)} | mentioning(r'"packmol"\]') <= {
        "packmol.py",
        "provenance.py",
    }


def test_what_the_snakefile_imports_is_light():
    """Planning must not wait for torch, pandas or any other heavy package."""
    code = (
        "import sys; from engine import lifecycle; from saltflow.operations import jobs, resources; "
        "heavy = {'torch', 'mace', 'pandas', 'scipy', 'matplotlib', 'MDAnalysis', 'tblite', 'pymatgen', 'h5py'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    environment = ENVIRONMENT | {"PYTHONPATH": str(ROOT / "scripts")}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


# ── Snakemake's report ─────────────────────────────────────────────────────────────────────────


def test_the_report_has_a_dozen_items_of_a_composition_at_most():
    """At the temperatures of the shipped settings; the results page leads to everything else."""
    items = [
        item
        for path in RULE_FILES
        for item in re.findall(r'shown\(\s*f?"([^"]+)", *\s*"composition"', path.read_text())
    ]
    temperatures = len(read_configuration([])["sweep"]["temperatures_K"])
    assert len(items) > 5
    assert sum(temperatures if "POINT" in item else 1 for item in items) <= 12


def test_the_report_starts_with_the_summary_and_sorts_temperatures_by_number():
    assert min(CATEGORIES.values()) == CATEGORIES["summary"]
    kelvins = [1000, 600, 800, 99]
    assert sorted(kelvins, key=lambda kelvin: label_of("temperature", str(kelvin))) == sorted(kelvins)
