"""The papers say what is: links, paths, commands, keys, columns and the rule graph stand beside the files they name."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from saltflow.analysis.conductivity_table import tabulate
from saltflow.analysis.structure.analysis import no_structure
from saltflow.analysis.structure.table import tabulate_structure
from saltflow.analysis.transport.analysis import no_transport
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.potentials_table import COLUMNS as POTENTIAL_COLUMNS
from saltflow.campaign.settings import COMPOSITION_SECTIONS, POTENTIAL_SECTIONS, load_settings, overridden
from saltflow.campaign.settings.descriptions import Method, read_methods
from saltflow.learning.loco.assessment import COLUMNS as LEFT_OUT_COLUMNS
from saltflow.materials.compositions import COLUMNS, DENSITY_BASES, ORIGINS

ROOT = Path(__file__).parents[2]
PAPERS = sorted(
    path for pattern in ("*.md", "config/*.md", "docs/*.md", "profiles/**/*.md") for path in ROOT.glob(pattern)
)
CONFIG = read_configuration([])
# Sections whose keys are the user's: pairs of elements, elements, environments.
FREE_FORM = {"execution.modules", "cells.min_separations_A"} | {
    f"references.{name}.{key}"
    for name in CONFIG["references"]
    for key in (
        "unpaired_electrons",
        "potential_of",
        "pseudopotential_files",
        "generated_datasets",
        "incar",
        "potcars",
    )
}
FOLDERS = ("config", "docs", "envs", "profiles", "requirements", "rules", "scripts", "tests")
# What the reader makes while following a page.
OWN_FILES = ("my-sweep/", "my-trial/", "profiles/mysite", "profiles/<site>")

each_paper = pytest.mark.parametrize("paper", PAPERS, ids=lambda path: str(path.relative_to(ROOT)))


def key_paths(settings: dict, prefix: str = "") -> list[str]:
    """Dotted paths of every value."""
    paths = []
    for key, value in settings.items():
        path = f"{prefix}{key}"
        nested = isinstance(value, dict) and path not in FREE_FORM
        paths += key_paths(value, f"{path}.") if nested else [path]
    return paths


def code_blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language, without the indentation of a list."""
    blocks = re.findall(rf"^( *)```{language}\n(.*?)^ *```", text, flags=re.M | re.S)
    return [re.sub(rf"^{indent}", "", block, flags=re.M) for indent, block in blocks]


def anchors(path: Path) -> set[str]:
    """Names of the headings as a link addresses them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_papers_are_all_there():
    names = {str(path.relative_to(ROOT)) for path in PAPERS}
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "config/README.md"} <= names
    for page in ("add-an-electrolyte", "choose-a-reference", "read-the-report", "run-on-your-cluster"):
        assert f"docs/{page}.md" in names


@each_paper
def test_links_lead_somewhere(paper):
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", paper.read_text()):
        if re.match(r"https?://", link):
            continue
        name, _, anchor = link.partition("#")
        target = (paper.parent / name).resolve() if name else paper
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


@each_paper
def test_named_files_exist(paper):
    pattern = re.compile(rf"(?<![\w/.{{}}<-])(?:{'|'.join(FOLDERS)})/[\w./*-]*[\w*]")
    named = set(pattern.findall(paper.read_text()))
    missing = [path for path in named if not path.startswith(OWN_FILES) and not any(ROOT.glob(path))]
    assert not missing


@each_paper
def test_make_targets_exist(paper):
    targets = set(" ".join(re.findall(r"^([a-z ]+):", (ROOT / "Makefile").read_text(), flags=re.M)).split())
    text = paper.read_text()
    shown = re.findall(r"^make ([a-z]+)", "\n".join(code_blocks(text, "bash")), flags=re.M)
    assert set(shown + re.findall(r"`make ([a-z]+)", text)) <= targets


def test_all_make_targets_are_explained():
    targets = set(" ".join(re.findall(r"^([a-z ]+): \$", (ROOT / "Makefile").read_text(), flags=re.M)).split())
    assert {"demo", "test"} <= targets
    words = "\n".join((ROOT / name).read_text() for name in ("README.md", "CONTRIBUTING.md"))
    assert [target for target in targets if not re.search(rf"\b{target}\b", words)] == []


METHODS = {method.name: method for method in read_methods()}


def described_keys(method: Method) -> set[str]:
    """Keys that the file of a method describes, or that of the one that it is like."""
    own = {setting.key for setting in method.settings if setting.description}
    whole = method.value("like")
    return own | described_keys(METHODS[whole]) if whole else own


@pytest.mark.parametrize("key", key_paths(CONFIG))
def test_every_setting_is_explained(key):
    page = (ROOT / "config/README.md").read_text()
    if key.startswith("references."):
        _, name, setting = key.split(".")
        assert setting in described_keys(METHODS[name])
        assert re.search(rf"^\[`{name}`\]\(references/{name}.yaml\) \| \S", page, flags=re.M)
    else:
        assert re.search(rf"^`{re.escape(key)}` \| \S+.* \| \S", page, flags=re.M)


@each_paper
def test_named_settings_exist(paper):
    sections = "|".join(CONFIG)
    named = set(re.findall(rf"`((?:{sections})\.[\w.-]+)[`:]", paper.read_text()))
    prefixes = {".".join(key.split(".")[:depth]) for key in key_paths(CONFIG) for depth in range(2, 5)}
    assert {
        key for key in named if key not in prefixes and not key.endswith((".yaml", ".tsv", ".json", ".csv", ".txt"))
    } == set()


@pytest.mark.parametrize("column", [*COLUMNS, *POTENTIAL_COLUMNS])
def test_every_column_is_explained(column):
    assert re.search(rf"^\| `{column}` \| \S", (ROOT / "config/README.md").read_text(), flags=re.M)


@pytest.mark.parametrize("word", [*DENSITY_BASES, *ORIGINS])
def test_every_word_of_the_tables_is_explained(word):
    assert f"`{word}` (" in (ROOT / "config/README.md").read_text()


NO_TRANSITION = {"LiCl": {"sides": {}}}
TRIAL = {
    "potentials": {"LiCl": "trial"},
    "dispersion": {"LiCl": "none"},
    "domain": {"LiCl": {"status": "no accepted replica", "worst": None}},
}


def test_status_words_are_those_of_the_results():
    lost = no_transport(["gas"], temperature_K=500.0)
    release = {"reference": {"name": "gfn1-xtb"}, "converged": False, "heldout": {"force_rmse_meV_A": 90.0}}
    row = tabulate([("LiCl", lost)], {"trial": release}, NO_TRANSITION, **TRIAL).iloc[0]
    readme = (ROOT / "README.md").read_text()
    assert f"| `{row['status']}` |" in readme
    assert f"`{row['potential_status']}`" in readme


def test_columns_of_the_conductivity_table_are_explained():
    release = {"reference": {"name": "gfn1-xtb"}, "converged": True, "heldout": {"force_rmse_meV_A": 90.0}}
    lost = no_transport(["gas"], temperature_K=500.0)
    table = tabulate([("LiCl", lost)], {"trial": release}, NO_TRANSITION, **TRIAL)
    page = (ROOT / "docs/read-the-report.md").read_text()
    explained = set(table.columns) - {"composition", "temperature_K"}
    assert [column for column in explained if f"`{column}`" not in page] == []


def test_columns_of_the_structure_table_are_explained():
    table = tabulate_structure([("LiCl", 500.0, no_structure(["gas"]))])
    page = (ROOT / "docs/structure.md").read_text()
    explained = {column.removesuffix("_err") for column in table.columns} - {"composition", "temperature_K"}
    assert [column for column in explained if f"`{column}`" not in page] == []


def test_columns_of_the_table_of_left_out_compositions_are_explained():
    page = (ROOT / "docs/fine-tune-a-potential.md").read_text()
    _, _, section = page.partition("## How good it is on what it never saw\n")
    assert [column for column in LEFT_OUT_COLUMNS if f"`{column}`" not in section.partition("\n## ")[0]] == []


@each_paper
def test_yaml_examples_are_valid_settings(paper):
    settings = load_settings(CONFIG)
    for block in code_blocks(paper.read_text(), "yaml"):
        example = yaml.safe_load(block)
        if set(example) == {"compositions", "potentials"}:
            for kind, allowed in (("compositions", COMPOSITION_SECTIONS), ("potentials", POTENTIAL_SECTIONS)):
                for changes in example[kind].values():
                    assert set(changes) <= set(allowed)
                    overridden(settings, changes)
        else:
            assert set(example) <= set(CONFIG)
            overridden(settings, example)


@each_paper
def test_no_registry_or_machine_is_named(paper):
    text = paper.read_text()
    hosts = set(re.findall(r"https?://([^/\s)>]+)", text))
    assert hosts <= {"semver.org", "github.com", "doi.org", "arxiv.org"}
    assert re.findall(r"pypi\.org|pythonhosted|anaconda\.\w+|ghcr\.io|docker\.io", text) == []
    machine = r"(?<![\w.}/])/(?:work|home|root|tmp|opt|usr|mnt|data|scratch)(?:/|\b)"
    assert re.findall(machine, text) == []


def newcomer(folder: Path) -> dict[str, str]:
    """A copy of the workflow in a folder; the environment to run its commands in."""
    for name in ("config", "envs", "profiles", "rules", "scripts"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", folder)
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return os.environ | {"HOME": str(folder), "XDG_CACHE_HOME": str(folder), "PATH": programs}


def planned(command: str, folder: Path, environment: dict[str, str]) -> dict[str, int]:
    """Rule → number of jobs that a dry run prints."""
    assert command.startswith("snakemake -n ")
    run = subprocess.run(
        command.split(), cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert run.returncode == 0, run.stdout[-2000:]
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", run.stdout, flags=re.M)}


def test_the_sweep_of_the_readme_can_be_planned(tmp_path):
    environment, text = newcomer(tmp_path), (ROOT / "README.md").read_text()
    (tmp_path / "my-sweep").mkdir()
    (tmp_path / "my-sweep/config.yaml").write_text(code_blocks(text, "yaml")[0])
    run = next(line for line in "\n".join(code_blocks(text, "bash")).splitlines() if "--directory my-sweep" in line)
    jobs = planned(run.strip().replace("snakemake ", "snakemake -n --quiet rules ", 1), tmp_path, environment)
    assert jobs["run_md"] == 2 * 4
    assert jobs["quench_cell"] == 2 * 3


def test_the_trial_without_dft_can_be_planned(tmp_path):
    environment, text = newcomer(tmp_path), (ROOT / "docs/choose-a-reference.md").read_text()
    tables, plan = code_blocks(text, "bash")[:2]
    subprocess.run(["bash", "-euc", tables], cwd=tmp_path, check=True, env=environment)
    (tmp_path / "my-trial/config.yaml").write_text(code_blocks(text, "yaml")[0])
    jobs = planned(plan, tmp_path, environment)
    assert jobs["run_md"] == len(CONFIG["sweep"]["temperatures_K"])
    assert jobs["total"] < 100  # "a few dozen jobs"


def rule_graph(tmp_path: Path) -> dict[str, set[str]]:
    """Rule → rules that need it, as Snakemake sees the demonstration."""
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--rulegraph", "dot"),
        *("--directory", tmp_path, "--configfile", ROOT / "config/presets/demo/config.yaml"),
    ]
    environment = os.environ | {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    printed = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    names = dict(re.findall(r'(\d+)\[label = "(\w+)"', printed))
    assert names
    edges = [(names[source], names[target]) for source, target in re.findall(r"(\d+) -> (\d+)", printed)]
    return as_graph([(source, target) for source, target in edges if "all" not in (source, target)])


def as_graph(edges: list[tuple[str, str]]) -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {name: set() for edge in edges for name in edge}
    for source, target in edges:
        graph[source].add(target)
    return graph


def reachable(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """Rule → every rule after it, itself included."""
    found = {}
    for name in graph:
        found[name], queue = {name}, [name]
        while queue:
            fresh = graph[queue.pop()] - found[name]
            found[name] |= fresh
            queue += fresh
    return found


def test_the_drawn_graph_is_snakemakes(tmp_path):
    (picture,) = code_blocks((ROOT / "README.md").read_text(), "mermaid")
    arrows = re.findall(r"^ *(\w+)(?:\[/.*/\])? -(?:->|- .* -->|\. .* \.->) (\w+)", picture, flags=re.M)
    rules = rule_graph(tmp_path)
    drawn = as_graph([(source, target) for source, target in arrows if {source, target} <= set(rules)])
    assert set(drawn) == set(rules)
    assert [(source, target) for source in drawn for target in drawn[source] if target not in rules[source]] == []
    assert reachable(drawn) == reachable(rules)
