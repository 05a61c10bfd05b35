"""The documentation is true: links, paths, commands, keys, columns, files, numbers of words, words of the field."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pandas as pd
import pytest
import yaml
from field_words import PRIVATE_ON_PAGES, PRIVATE_WORDS

from saltflow.analysis.conductivity_table import tabulate
from saltflow.analysis.ranking.ranking import COLUMNS as RANKING_COLUMNS
from saltflow.analysis.structure.analysis import no_structure
from saltflow.analysis.structure.table import tabulate_structure
from saltflow.analysis.transport.analysis import no_transport
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.family import KEYS as KEYS_OF_FAMILY
from saltflow.campaign.potentials_table import COLUMNS as POTENTIAL_COLUMNS
from saltflow.campaign.settings import COMPOSITION_SECTIONS, POTENTIAL_SECTIONS, load_settings, overridden
from saltflow.campaign.settings.descriptions import Method, read_methods
from saltflow.cli import COMMANDS
from saltflow.learning.domain.domain_assessment import IN_DOMAIN, NOT_ASSESSED, OUT_OF_DOMAIN
from saltflow.learning.loco.loco_errors import COLUMNS as LOCO_COLUMNS
from saltflow.materials.compositions import COLUMNS, DENSITY_BASES, ORIGINS
from saltflow.operations.rule_spec import STAGES
from saltflow.operations.rules import RULES
from saltflow.studies.entropy.space import KEYS as KEYS_OF_SPACE

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path for pattern in ("*.md", "config/*.md", "docs/*.md", "profiles/**/*.md") for path in ROOT.glob(pattern)
)
CONFIG = read_configuration([])
# Sections whose keys are the user's: pairs of elements, elements, environments, options of a command.
FREE_FORM = {"execution.modules", "cells.min_separations_A", "electrodes.options"} | {
    f"references.{name}.{key}"
    for name in CONFIG["references"]
    for key in (
        "unpaired_electrons",
        "potential_of",
        "pseudopotential_files",
        "generated_datasets",
        "incar",
        "potcars",
        "arguments",
        "atomic_energies",
    )
}
FOLDERS = ("config", "docs", "envs", "profiles", "requirements", "rules", "scripts", "tests")
# What the reader makes while following a page.
OWN_FILES = ("my-sweep/", "my-trial/", "profiles/mysite", "profiles/<site>")
CAPTIONS = sorted((ROOT / "rules/captions").glob("*.rst"))
MOST_WORDS = {"README.md": 1_200, "config/README.md": 5_000, "docs/benchmarks.md": 3_000}
# Studies are read one at a time; each has a page of its own.
STUDIES = {
    "docs/alloy-structure.md",
    "docs/barriers-beside-others.md",
    "docs/barriers.md",
    "docs/cooling-rates.md",
    "docs/dopant-spaces.md",
    "docs/electrode-cycles.md",
    "docs/electrodes.md",
    "docs/glass-forming-ability.md",
    "docs/interfaces.md",
    "docs/isolated-anions.md",
    "docs/mechanics.md",
    "docs/screen-crystals.md",
    "docs/screening-beside-others.md",
    "docs/species.md",
}
MOST_WORDS_OF_A_PAGE, MOST_WORDS_OF_ALL, MOST_WORDS_OF_A_CAPTION = 1_200, 20_000, 80
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


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


def text_of(page: Path) -> str:
    """The text of a page; of the changelog without the column of names that are gone."""
    text = page.read_text()
    return re.sub(r"^\| .*? (?=\| [^|]+ \|$)", "", text, flags=re.M) if page.name == "CHANGELOG.md" else text


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def anchors(path: Path) -> set[str]:
    """Names of the headings as a link addresses them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_pages_are_all_there():
    names = {name_of(path) for path in PAGES}
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "config/README.md"} <= names
    for page in ("add-an-electrolyte", "choose-a-reference", "read-the-results", "run-on-your-cluster"):
        assert f"docs/{page}.md" in names


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent.name == "docs"], ids=name_of)
def test_the_readme_leads_to_every_page(page):
    assert f"]({name_of(page)})" in (ROOT / "README.md").read_text()


@each_page
def test_pages_are_short(page):
    limit = MOST_WORDS.get(name_of(page), MOST_WORDS_OF_A_PAGE)
    assert page.name == "CHANGELOG.md" or len(page.read_text().split()) <= limit


def test_the_documentation_is_short():
    """What is written by hand, without the studies; the list of settings is made from their comments."""
    pages = [ROOT / "README.md", *(page for page in (ROOT / "docs").glob("*.md") if name_of(page) not in STUDIES)]
    assert sum(len(page.read_text().split()) for page in pages) <= MOST_WORDS_OF_ALL


@pytest.mark.parametrize("page", [*PAGES, *CAPTIONS], ids=name_of)
def test_words_are_those_of_the_field(page):
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.S)
    prose = " ".join(prose.split())
    assert PRIVATE_WORDS.findall(prose) + PRIVATE_ON_PAGES.findall(prose) == []


@pytest.mark.parametrize("caption", CAPTIONS, ids=lambda path: path.stem)
def test_captions_are_short_and_shown(caption):
    assert len(caption.read_text().split()) <= MOST_WORDS_OF_A_CAPTION
    rules = "\n".join(path.read_text() for path in (ROOT / "rules").rglob("*.smk"))
    name = re.escape(caption.stem)
    shown = re.search(rf'[/"]{name}(?:\.\w+)?"|caption="{name}"', rules)
    assert shown or f"captions/{caption.name}" in (ROOT / "Snakefile").read_text()


@each_page
def test_links_lead_somewhere(page):
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"https?://", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


@each_page
def test_named_files_exist(page):
    pattern = re.compile(rf"(?<![\w/.{{}}<-])(?:{'|'.join(FOLDERS)})/[\w./*-]*[\w*]")
    named = set(pattern.findall(text_of(page)))
    missing = [path for path in named if not path.startswith(OWN_FILES) and not any(ROOT.glob(path))]
    assert not missing


@each_page
def test_make_targets_exist(page):
    targets = set(" ".join(re.findall(r"^([a-z ]+):", (ROOT / "Makefile").read_text(), flags=re.M)).split())
    text = text_of(page)
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


@each_page
def test_named_settings_exist(page):
    sections = "|".join(CONFIG)
    named = set(re.findall(rf"`((?:{sections})\.[\w.-]+)[`:]", text_of(page)))
    prefixes = {".".join(key.split(".")[:depth]) for key in key_paths(CONFIG) for depth in range(2, 5)}
    assert {
        key
        for key in named
        if key not in prefixes and not re.search(r"\.(?:yaml|tsv|json|csv|txt|svg|html|cube)$", key)
    } == set()


@pytest.mark.parametrize("column", [*COLUMNS, *POTENTIAL_COLUMNS])
def test_every_column_is_explained(column):
    assert re.search(rf"^`{column}` \| \S", (ROOT / "config/README.md").read_text(), flags=re.M)


@pytest.mark.parametrize("word", [*DENSITY_BASES, *ORIGINS])
def test_every_word_of_the_tables_is_explained(word):
    assert f"`{word}` (" in (ROOT / "config/README.md").read_text()


def conductivity_table(*, converged: bool) -> pd.DataFrame:
    """The table of a state point without an accepted replica."""
    identity = {"composition": "LiCl", "potential": "trial"}
    release = {
        "potential": "trial",
        "reference": {"name": "gfn1-xtb"},
        "converged": converged,
        "heldout": {"force_rmse_meV_A": 90.0},
    }
    return tabulate(
        [identity | no_transport(["gas"], temperature_K=500.0)],
        {"trial": release},
        {"LiCl": {"sides": {}}},
        dispersion={"LiCl": "none"},
        domain={"LiCl": {"status": "no accepted replica", "worst": None}},
    )


def test_status_words_are_those_of_the_results():
    row = conductivity_table(converged=False).iloc[0]
    page = (ROOT / "docs/read-the-results.md").read_text()
    assert f"\n`{row['status']}` |" in page
    assert f"`{row['potential_status']}`" in page


def test_columns_of_the_conductivity_table_are_explained():
    page = (ROOT / "docs/read-the-results.md").read_text()
    explained = set(conductivity_table(converged=True).columns) - {"composition", "temperature_K"}
    assert [column for column in explained if f"`{column}`" not in page] == []


def test_columns_of_the_structure_table_are_explained():
    table = tabulate_structure([{"composition": "LiCl", "temperature_K": 500.0} | no_structure(["gas"])])
    page = (ROOT / "docs/structure.md").read_text()
    explained = {column.removesuffix("_err") for column in table.columns} - {"composition", "temperature_K"}
    assert [column for column in explained if f"`{column}`" not in page] == []


@pytest.mark.parametrize("status", [IN_DOMAIN, OUT_OF_DOMAIN, NOT_ASSESSED])
def test_statuses_of_the_domain_are_explained(status):
    assert f"\n`{status}` |" in (ROOT / "docs/domain.md").read_text()


def test_columns_of_the_ranking_are_explained():
    page = (ROOT / "docs/ranking-and-order.md").read_text()
    assert [column for column in RANKING_COLUMNS if f"`{column}`" not in page] == ["composition"]


def test_columns_of_the_leave_one_composition_out_table_are_explained():
    page = (ROOT / "docs/fine-tune-a-potential.md").read_text()
    _, _, section = page.partition("## Leave-one-composition-out validation\n")
    assert [column for column in LOCO_COLUMNS if f"`{column}`" not in section.partition("\n## ")[0]] == []


def products() -> dict[str, str]:
    """Base name of every product as the rule files have it → file of the rule."""
    suffixes = "json|svg|tsv|csv|csv.gz|txt|extxyz|model|npz|h5md|cube|html"
    found = {}
    for path in sorted((ROOT / "rules").rglob("*.smk")):
        for block in re.findall(r"^    output:\n((?:        .*\n)+)", path.read_text(), flags=re.M):
            names = re.findall(rf'"[^"\n]*/([^"/\n]+\.(?:{suffixes}))"', block)
            found |= {re.sub(r"\{+(\w+)\}+", r"{\1}", name): path.name for name in names}
    return found


PRODUCTS = products()
TEXT_OF_ALL_PAGES = "\n".join(page.read_text() for page in PAGES)


def test_products_are_those_of_the_registry():
    assert len(PRODUCTS) > len(RULES)
    assert {spec.product.rpartition("/")[2] for spec in RULES} <= set(PRODUCTS)


@pytest.mark.parametrize("product", sorted(PRODUCTS))
def test_every_product_is_named_on_some_page(product):
    stem, _, suffix = product.partition(".")
    stem = r"(?:\d+|\{\w+\})".join(map(re.escape, re.split(r"\{\w+\}", stem)))
    also = rf"{stem}\.\w+` \(`\.{re.escape(suffix)}`\)"  # `frames.extxyz` (`.ledger.tsv`)
    assert re.search(rf"{also}|{stem}\.{re.escape(suffix)}\b", TEXT_OF_ALL_PAGES)


@pytest.mark.parametrize(
    "rule", [spec.name for spec in RULES if spec.stage == "analysis" and "{temperature}" in spec.product]
)
def test_every_analysis_of_a_state_point_has_a_page(rule):
    kind = {"find_groups": "coupling", "analyse_constrained_md": "coupling"}.get(rule, rule.removeprefix("analyse_"))
    assert (ROOT / f"docs/{kind}.md").is_file()


SOURCES = "\n".join(
    path.read_text()
    for pattern in (
        "scripts/**/*.py",
        "rules/**/*.smk",
        "config/**/*.yaml",
        "config/*.tsv",
        "profiles/*/*.yaml",
        "Makefile",
    )
    for path in sorted(ROOT.glob(pattern))
)
# Names that the code puts together, and those of other programs.
COMPOSED = re.compile(
    r"(?:threshold|barrier|connected_volume_fraction|connected_ion_fraction)_[123]D|pt_train_file|slurm_extra|prepend_path|_err$"
)


@each_page
def test_keys_shown_exist_in_the_code(page):
    text = text_of(page)
    code = "\n".join(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.S)))
    shown = set(re.findall(r"(?<![\w/.-])[a-z]+(?:_[A-Za-z0-9]+)+(?![\w/])", code)) - set(LOCO_COLUMNS)
    assert sorted(key for key in shown if key not in SOURCES and not COMPOSED.search(key)) == []


def commands_shown(text: str) -> list[list[str]]:
    """Words after `saltflow` of every command in code, in a block or in a line."""
    blocks = "\n".join(re.findall(r"^ *```(?:bash)?\n(.*?)^ *```", text, flags=re.M | re.S)).replace("\\\n", " ")
    lines = re.findall(r"^ *saltflow (.+)$", blocks, flags=re.M) + re.findall(r"`saltflow ([^`]+)`", text)
    return [shlex.split(line.replace("…", ""), comments=True) for line in lines]


@each_page
def test_commands_shown_exist(page):
    for words in commands_shown(text_of(page)):
        if words[0].startswith("-"):
            continue
        command = import_module(COMMANDS[words[0]].module).command
        if isinstance(command, click.Group) and words[1:]:
            command = command.commands[words[1]]
        known = {"--help", *(option for parameter in command.params for option in parameter.opts)}
        assert {word for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_shown(command):
    shown = [words[0] for page in PAGES for words in commands_shown(text_of(page))]
    assert command in shown


@each_page
def test_yaml_examples_are_valid_settings(page):
    settings = load_settings(CONFIG)
    for block in code_blocks(page.read_text(), "yaml"):
        example = yaml.safe_load(block)
        if set(example) == {"compositions", "potentials"}:
            for kind, allowed in (("compositions", COMPOSITION_SECTIONS), ("potentials", POTENTIAL_SECTIONS)):
                for changes in example[kind].values():
                    assert set(changes) <= set(allowed)
                    overridden(settings, changes)
        elif "prototypes" in example:
            assert set(example) <= set(KEYS_OF_FAMILY)
        elif "dopants" in example:
            assert set(example) <= set(KEYS_OF_SPACE)
        else:
            assert set(example) <= set(CONFIG)
            overridden(settings, example)


@each_page
def test_no_registry_or_machine_is_named(page):
    text = page.read_text()
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
    programs = folder / "bin"
    programs.mkdir()
    (programs / "saltflow").write_text(
        f'#!/bin/sh\nPYTHONPATH="{folder}/scripts" exec "{sys.executable}" -m saltflow "$@"\n'
    )
    (programs / "saltflow").chmod(0o755)
    path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return os.environ | {"HOME": str(folder), "XDG_CACHE_HOME": str(folder), "PATH": path}


def planned(command: str, folder: Path, environment: dict[str, str]) -> dict[str, int]:
    """Rule → number of jobs that a dry run of a command prints."""
    assert command.startswith("snakemake ")
    dry = command.replace("snakemake ", "snakemake -n --quiet rules ", 1)
    run = subprocess.run(
        dry.split(), cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert run.returncode == 0, run.stdout[-2000:]
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", run.stdout, flags=re.M)}


def shown_command(text: str, start: str) -> str:
    """The first command in the code blocks of a page that starts so, without its comment."""
    lines = "\n".join(code_blocks(text, "bash")).splitlines()
    return next(line for line in lines if line.startswith(start)).partition("#")[0].strip()


def test_the_sweep_of_the_readme_can_be_planned(tmp_path):
    environment, text = newcomer(tmp_path), (ROOT / "README.md").read_text()
    subprocess.run(["saltflow", "new", "my-sweep", "--preset", "dft"], cwd=tmp_path, env=environment, check=True)
    (tmp_path / "my-sweep/config.yaml").write_text(code_blocks(text, "yaml")[0])
    jobs = planned(shown_command(text, "snakemake "), tmp_path, environment)
    assert jobs["run_md"] == 2 * 4
    assert jobs["quench_cell"] == 2 * 3


def test_the_first_sweep_of_the_readme_can_be_planned(tmp_path):
    environment, text = newcomer(tmp_path), (ROOT / "README.md").read_text()
    new = shown_command(text, "saltflow new")
    subprocess.run(shlex.split(new), cwd=tmp_path, env=environment, check=True)
    jobs = planned(shown_command(text, "snakemake "), tmp_path, environment)
    settings = read_configuration([tmp_path / "my-sweep/config.yaml"], sweep=tmp_path / "my-sweep")
    assert jobs["run_md"] == 2 * len(settings["sweep"]["temperatures_K"])
    assert jobs["total"] < 150


def test_the_trial_without_dft_can_be_made(tmp_path):
    environment, text = newcomer(tmp_path), (ROOT / "docs/choose-a-reference.md").read_text()
    subprocess.run(shlex.split(shown_command(text, "saltflow new")), cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "my-trial/config.yaml").is_file()
    settings = read_configuration([tmp_path / "my-trial/config.yaml"], sweep=tmp_path / "my-trial")
    assert settings["execution"]["device"] == "cpu"


def boxes_and_arrows() -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Name → title of the boxes of the README's diagram, and its arrows."""
    (picture,) = code_blocks((ROOT / "README.md").read_text(), "mermaid")
    boxes = dict(re.findall(r"(\w+)\[([^\]]+)\]", picture))
    bare = re.sub(r"\[[^\]]+\]", "", picture)
    return boxes, re.findall(r"^ *(\w+) -(?:->|- .* -->) (\w+)", bare, flags=re.M)


def test_the_diagram_has_seven_boxes_the_table_and_the_stages():
    boxes, arrows = boxes_and_arrows()
    assert list(boxes) != []
    assert set(boxes) == {"table", *STAGES} - {"studies"}  # they stand beside the sweep
    assert len(boxes) == 7
    assert {name for arrow in arrows for name in arrow} == set(boxes)


def test_the_diagram_leads_from_the_table_to_the_ranking():
    _, arrows = boxes_and_arrows()
    reached, queue = {"table"}, ["table"]
    while queue:
        start = queue.pop()
        fresh = {end for begin, end in arrows if begin == start} - reached
        reached |= fresh
        queue += fresh
    assert reached == {"table", *STAGES} - {"studies"}
    assert [end for begin, end in arrows if begin == "summary"] == []
    assert {spec.stage for spec in RULES} == set(STAGES)
