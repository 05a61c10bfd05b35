"""The five environments: one home of versions, complete locks, and every module imports with its own lock."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata, util
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.io import write
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from saltflow.operations.code_digest import imported_modules

ROOT = Path(__file__).resolve().parents[2]
LOCK_SCRIPT = ROOT / "requirements" / "lock.py"
RULE_FILES = [ROOT / "Snakefile", *sorted((ROOT / "rules").rglob("*.smk"))]
ENVIRONMENTS = ("workflow", "reference", "learning", "dynamics", "analysis")

specification = util.spec_from_file_location("lock", LOCK_SCRIPT)
lock = util.module_from_spec(specification)
specification.loader.exec_module(lock)
INSTALLED = [name for name in lock.LOCKS if name != lock.APART]  # where the tests run
SUPPORTED = lock.first_releases(lock.read_project(ROOT))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the files that hold versions."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    shutil.copytree(ROOT / "envs", tmp_path / "envs")
    return tmp_path


def test_versions_are_in_step():
    assert lock.disagreements(ROOT) == []


@pytest.mark.parametrize(
    ("edited", "pin"),
    [
        ("pyproject.toml", "ase=="),
        ("requirements/analysis.txt", "numpy=="),
        ("requirements/all.txt", "filelock=="),
        ("requirements/dev.txt", "packaging=="),
        ("envs/reference.yaml", "tblite=="),
        ("envs/dynamics.yaml", "python="),
    ],
)
def test_a_version_edited_in_one_place_only_is_found(checkout: Path, edited: str, pin: str):
    path = checkout / edited
    changed = re.sub(rf"(?<=\b{re.escape(pin)})\d+", "999", path.read_text(), count=1)
    assert changed != path.read_text()
    path.write_text(changed)
    assert lock.disagreements(checkout)


def test_a_package_missing_from_one_lock_is_found(checkout: Path):
    path = checkout / "requirements" / "all.txt"
    path.write_text(re.sub(r"^sympy==.*\n", "", path.read_text(), flags=re.MULTILINE))
    assert any("union" in sentence for sentence in lock.disagreements(checkout))


def test_no_version_is_written_twice():
    entries = [
        entry
        for group in lock.read_project(ROOT)["dependency-groups"].values()
        for entry in group
        if isinstance(entry, str)
    ]
    names = [re.split(r"[=<>~!; \[]", entry)[0].lower() for entry in entries]
    assert sorted(names) == sorted(set(names))
    assert all("==" in entry for entry in entries)


def test_supported_pythons_are_those_that_newcomers_read():
    assert SUPPORTED == ["3.11.0", "3.12.0", "3.13.0"]
    for name in ("README.md", "requirements/make_venv.sh"):
        assert "Python 3.11, 3.12 or 3.13" in (ROOT / name).read_text()


@pytest.mark.parametrize("name", INSTALLED)
def test_every_supported_python_takes_every_pin(name: str):
    pins = lock.read_lock(ROOT / f"requirements/{name}.txt")
    assert {package: Version(metadata.version(package)).public for package in pins} == pins
    accepted = {package: SpecifierSet(metadata.metadata(package)["Requires-Python"] or "") for package in pins}
    assert [(package, python) for package in pins for python in SUPPORTED if python not in accepted[package]] == []


@pytest.mark.parametrize("name", INSTALLED)
@pytest.mark.parametrize("python", SUPPORTED)
def test_what_the_pins_need_on_a_supported_python_is_pinned(name: str, python: str):
    pins = lock.read_lock(ROOT / f"requirements/{name}.txt")
    versions = {"extra": "", "python_version": python.removesuffix(".0"), "python_full_version": python}
    needed = [Requirement(each) for package in pins for each in metadata.requires(package) or []]
    needed = [each for each in needed if each.marker is None or each.marker.evaluate(versions)]
    names = {lock.canonicalize_name(each.name) for each in needed}
    assert {each for each in names if not each.startswith(lock.ACCELERATOR_PACKAGES)} - set(pins) == set()


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_conda_file_pins_the_lock(environment: str):
    content = yaml.safe_load((ROOT / "envs" / f"{environment}.yaml").read_text())
    assert content["channels"] == ["conda-forge", "nodefaults"]
    [pins] = [entry["pip"] for entry in content["dependencies"] if isinstance(entry, dict)]
    assert dict(pin.split("==") for pin in pins) == lock.read_lock(ROOT / f"requirements/{environment}.txt")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_modules_import_with_their_lock_alone(environment: str, tmp_path: Path):
    sources = source_files(environment, tmp_path)
    assert sources, f"no rule uses envs/{environment}.yaml"
    statements = import_statements(sources)
    python = make_environment(tmp_path / "venv", environment)
    assert unmet_requirements(python) == ""
    assert failing_statements(python, statements, tmp_path) == {}


@pytest.fixture(scope="module")
def installed_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library as pip installs it with its extra "analysis", without the repository; its `saltflow`."""
    folder = tmp_path_factory.mktemp("alone")
    python = make_environment(folder / "venv", "analysis")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for name in ("scripts", "config", "requirements"):
        shutil.copytree(ROOT / name, folder / name)
    pip, quietly = [sys.executable, "-m", "pip"], ("--no-deps", "--quiet", "--disable-pip-version-check")
    subprocess.run([*pip, "wheel", "--no-build-isolation", *quietly, "-w", folder, folder], check=True)
    subprocess.run([*pip, "--python", python, "install", *quietly, *folder.glob("*.whl")], check=True)
    return python.parent / "saltflow"


def called(command: Path, *words: str, folder: Path) -> subprocess.CompletedProcess:
    """A command in an environment without a trace of the repository."""
    return subprocess.run(
        [command, *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
    )


def test_a_library_without_the_workflow_analyses_trajectories_of_other_programs(installed_alone, tmp_path):
    rng = np.random.default_rng(1)
    steps_A = rng.normal(0, 0.15, (400, 40, 3)) * (np.arange(40) < 20)[:, None]
    paths_A = 15 * rng.random((40, 3)) + np.cumsum(steps_A, axis=0)
    write(tmp_path / "run.xyz", [Atoms("Li20Cl20", positions=frame_A) for frame_A in paths_A])
    options = ["--charges", "Li=1,Cl=-1", "--temperature", "300", "--interval", "1", "--cell", "15,15,15,90,90,90"]
    done = called(installed_alone, "transport", "run.xyz", *options, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("run, 300 K: ")
    assert json.loads((tmp_path / "transport/transport.json").read_text())["mobile_ion"] == "Li"
    packages = {path.name for path in installed_alone.parents[1].glob("lib/*/site-packages/*")}
    assert "saltflow" in packages
    assert packages & {"torch", "snakemake", "engine", "commands"} == set()


def test_a_library_without_the_workflow_names_what_a_command_lacks(installed_alone, tmp_path):
    sweep = called(installed_alone, "plan", "sweep", folder=tmp_path)
    assert sweep.returncode == 1
    assert "saltflow plan needs the workflow, which a package alone does not bring; clone" in sweep.stderr
    for name in ("model", "LiCl.cif"):
        (tmp_path / name).write_text("")
    options = ["--structure", "LiCl.cif", "--atoms", "64"]
    speed = called(installed_alone, "benchmark", "model", *options, folder=tmp_path)
    assert speed.returncode == 1
    assert re.search(r"needs the package (torch|mace), which is not installed; .* the extra that has it", speed.stderr)


def source_files(environment: str, folder: Path) -> set[Path]:
    """Entry scripts of the rules with this environment and the saltflow modules they import, at any depth.

    They are the files whose code digest the rules carry: what can change a result must be importable. The
    controller reads the rule files in the workflow environment, so their own imports count there.
    """
    scripts = {
        (path.parent / script).resolve()
        for path in RULE_FILES
        for rule in re.split(r"^(?:rule|checkpoint) ", path.read_text(), flags=re.MULTILINE)[1:]
        for conda, script in [(directive(rule, "conda"), directive(rule, "script"))]
        if script and conda and Path(conda).stem == environment
    }
    if environment == "workflow":
        scripts.add(controller_imports(folder / "controller.py"))
    modules = {module for script in scripts for module in imported_modules(script).values()}
    return scripts | modules


def directive(rule: str, name: str) -> str | None:
    """The quoted value of one directive in the text of a rule."""
    match = re.search(rf"^\s+{name}:\s*[\"']([^\"']+)[\"']", rule, flags=re.MULTILINE)
    return match and match[1]


def controller_imports(target: Path) -> Path:
    """Write the import statements at the top level of the rule files to a Python file."""
    pattern = r"^(?:from [\w.]+ import (?:\([^)]*\)|[^\n(]+)|import [^\n]+)"
    texts = [path.read_text() for path in RULE_FILES]
    found = [each for text in texts for each in re.findall(pattern, text, flags=re.MULTILINE)]
    target.write_text("\n".join(found) + "\n")
    return target


def import_statements(sources: set[Path]) -> list[str]:
    """Every import in the files, those inside functions too.

    Snakemake itself provides `snakemake`; `symmetrix` is looked for before it is imported, and comes by card.
    """
    nodes = [node for path in sources for node in ast.walk(ast.parse(path.read_text()))]
    statements = {ast.unparse(node) for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))}
    return sorted(each for each in statements if not re.match(r"(from|import) (snakemake|symmetrix)\b", each))


def make_environment(folder: Path, environment: str) -> Path:
    """A virtual environment that has the packages of one lock and no others; its Python.

    The packages are those that all locks together have put beside this Python, at the same versions; the build
    of torch brings some along that no lock names.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    [site] = folder.glob("lib/python*/site-packages")
    named = set(lock.read_lock(ROOT / f"requirements/{environment}.txt"))
    for package in metadata.distributions():
        name = lock.canonicalize_name(package.name)
        if name in named or name.startswith(lock.ACCELERATOR_PACKAGES):
            link_package(package, site)
            named.discard(name)
    assert named == set(), "in the lock and not installed"
    return folder / "bin" / "python"


def link_package(package: metadata.Distribution, site: Path) -> None:
    """Let a package be imported from another folder as well."""
    for top in {file.parts[0] for file in package.files} - {"..", "__pycache__"}:
        if not (site / top).exists():
            (site / top).symlink_to(package.locate_file(top))


def unmet_requirements(python: Path) -> str:
    """What pip finds missing, or at a version that another package does not take."""
    command = [sys.executable, "-m", "pip", "--python", python, "check", "--disable-pip-version-check"]
    checked = subprocess.run(command, capture_output=True, text=True)
    return "" if checked.returncode == 0 else checked.stdout + checked.stderr


def failing_statements(python: Path, statements: list[str], folder: Path) -> dict[str, str]:
    """Run import statements in one process of that Python; statement → error for those that fail."""
    program = """
import json, sys
failures = {}
for statement in json.load(open(sys.argv[1])):
    try:
        exec(statement, {})
    except Exception as error:
        failures[statement] = repr(error)
json.dump(failures, open(sys.argv[2], "w"))
"""
    asked, answered = folder / "statements.json", folder / "failures.json"
    asked.write_text(json.dumps(statements))
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT / "scripts")}
    command = [python, "-c", program, asked, answered]
    subprocess.run(command, check=True, cwd=folder, env=environment)
    return json.loads(answered.read_text())
