import base64
import json
import shutil
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import reduction_record, sha256_as_made, sha256_of_file
from saltflow.base.reduced_file import reduced
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.loading import load_campaign
from saltflow.operations.archive.contents import (
    ArchivedRun,
    Item,
    archived_run,
    items,
    record_path,
    renamed_record,
)
from saltflow.operations.archive.crate import crate_text
from saltflow.operations.archive.facts import Facts
from saltflow.operations.archive.narrowing import Narrowed, narrow
from saltflow.operations.archive.verification import verify
from saltflow.operations.archive.zip_file import MANIFEST, Packed, archived_files, pack
from saltflow.operations.plan.dag import PlannedJob, Reason

ROOT = Path(__file__).parents[3]
TINY = ROOT / "tests/tiny"
RULES = ("release_potential", "run_md", "analyse_structure", "fit_arrhenius")
DATE = datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC)


def job(index: int, rule: str, *, before: tuple[int, ...] = (), due: bool = False, **wildcards: str) -> PlannedJob:
    """A job that makes one file named after itself."""
    return PlannedJob(
        index=index,
        rule=rule,
        wildcards=wildcards,
        dependencies=before,
        inputs=(),
        outputs=("/".join(["results", *wildcards.values(), f"{rule}.json"]),),
        log=None,
        benchmark=None,
        local=False,
        reason=Reason() if due else None,
    )


def jobs(*, due: str = "") -> list[PlannedJob]:
    rules = [
        ("release_potential", (), {"potential": "P"}),
        ("run_md", (0,), {"composition": "LiCl"}),
        ("analyse_structure", (1,), {"composition": "LiCl"}),
        ("fit_arrhenius", (1,), {"composition": "LiCl"}),
        ("fit_arrhenius", (0,), {"composition": "NaCl"}),
        ("rank_electrolytes", (3, 4), {}),
    ]
    return [
        job(index, rule, before=before, due=rule == due, **wildcards)
        for index, (rule, before, wildcards) in enumerate(rules)
    ]


# ── which jobs made it ─────────────────────────────────────────────────────────────────────────


def test_a_composition_was_made_by_its_jobs_and_those_before_them():
    archived = archived_run("LiCl", jobs())
    assert [job.index for job in archived.jobs] == [0, 1, 2, 3]
    assert archived.targets == ("results/LiCl/analyse_structure.json", "results/LiCl/fit_arrhenius.json")


def test_what_is_due_elsewhere_does_not_matter():
    assert archived_run("LiCl", jobs(due="rank_electrolytes")).composition == "LiCl"


def test_a_composition_with_due_jobs_is_refused_with_their_names():
    with pytest.raises(SaltflowError, match=r"'LiCl' is not complete.*1 of its 4 jobs.*run_md composition=LiCl"):
        archived_run("LiCl", jobs(due="run_md"))


def test_an_unknown_composition_is_refused():
    with pytest.raises(SaltflowError, match="'KCl' is not a composition of this sweep"):
        archived_run("KCl", jobs())


# ── settings, tables and records ───────────────────────────────────────────────────────────────


@pytest.fixture
def config() -> dict:
    """The shipped settings with the tables of the tiny campaign."""
    tables = yaml.safe_load((TINY / "config.yaml").read_text())["tables"]
    return read_configuration([]) | {"tables": {key: f"tests/tiny/{path}" for key, path in tables.items()}}


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with tables of its own: a foundation file, a crystal, a composition that nothing here needs."""
    shutil.copytree(TINY, tmp_path / "tests/tiny")
    (tmp_path / "models").mkdir()
    (tmp_path / "models/big.model").write_text("weights")
    potentials = tmp_path / "tests/tiny/potentials.tsv"
    text = potentials.read_text().replace("base\tnone\t-", f"base\t../../models/big.model\t{'0' * 64}")
    potentials.write_text(text + "other\tnone\t-\tgfn1-xtb\tLiAlCl4\tfor another composition\n")
    rows = (tmp_path / "tests/tiny/compositions.tsv").read_text().splitlines()
    other = rows[1].replace("LiAlCl4\tLiAlCl4", "unneeded\tLiAlCl4", 1)
    member = rows[1].replace("fine-tuned", "other")
    (tmp_path / "tests/tiny/compositions.tsv").write_text("\n".join([rows[0], member, rows[2], other]) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def narrowed(config: dict, composition: str, target: Path):
    """What is left of the campaign, written into another folder."""
    campaign = load_campaign(config)
    found = narrow(campaign, config, composition)
    for path, text in found.files.items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_text(text)
    for old, new in found.moved.items():
        (target / new).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(old, target / new)
    return campaign, found


def test_the_narrowed_campaign_is_the_same_physics_without_the_rest(config, sweep, tmp_path_factory, monkeypatch):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    campaign, found = narrowed(config, "LiCl-crystal", elsewhere)
    monkeypatch.chdir(elsewhere)
    kept = yaml.safe_load((elsewhere / "config.yaml").read_text())
    assert "site" not in kept["execution"]
    kept["execution"]["site"] = config["execution"]["site"]  # of the config.yaml that the archived workflow brings
    again = load_campaign(kept)
    assert again.swept == ("LiCl-crystal",)
    assert set(again.compositions) == {"LiAlCl4", "LiCl-crystal"}
    assert set(again.potentials) == {"base", "fine-tuned"}
    assert again.needed_potentials == ["fine-tuned", "base"]
    moved = {"tests/tiny/LiCl.cif": "tables/structures/LiCl-crystal.cif"}
    assert found.moved == moved | {"models/big.model": "tables/foundations/base/big.model"}
    for name in ("fine-tuned", "base"):
        before = json.dumps(
            [
                campaign.potential(name).training_compositions,
                campaign.potential(name).learning,
                campaign.potential(name).foundation,
            ]
        )
        for old, new in found.moved.items():
            before = before.replace(old, new)
        after = json.dumps(
            [
                again.potential(name).training_compositions,
                again.potential(name).learning,
                again.potential(name).foundation,
            ]
        )
        assert after == before
    assert again.settings.references == campaign.settings.references


def test_labels_from_elsewhere_move_along(config, sweep, tmp_path_factory, monkeypatch):
    (sweep / "mine.extxyz").write_text("labels")
    entry = {"path": "mine.extxyz", "sha256": "a" * 64, "reference": "gfn1-xtb", "composition": "LiCl-crystal"}
    overrides = yaml.safe_load((sweep / "tests/tiny/overrides.yaml").read_text())
    overrides["potentials"]["base"]["labels"] = {"imported": [entry | {"path": "../../mine.extxyz"}]}
    (sweep / "tests/tiny/overrides.yaml").write_text(yaml.safe_dump(overrides))
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    campaign, found = narrowed(config, "LiCl-crystal", elsewhere)
    monkeypatch.chdir(elsewhere)
    kept = yaml.safe_load((elsewhere / "config.yaml").read_text())
    kept["execution"]["site"] = config["execution"]["site"]
    again = load_campaign(kept)
    (moved,) = again.potential("base").imported(0)
    assert moved == entry | {"path": "tables/labels/aaaaaaaa-mine.extxyz"}
    assert Path(moved["path"]).read_text() == "labels"
    assert campaign.potential("base").imported(0) == [entry], "without a key for dynamics where the entry has none"
    assert not campaign.potential("base").has_reference_md
    assert again.potential("base").imported(1) == again.potential("fine-tuned").imported(0) == []
    assert "imported" not in campaign.potential("base").labelling


def test_a_foundation_that_is_used_as_it_is_keeps_its_name(config, sweep, tmp_path_factory, monkeypatch):
    tables = {name: sweep / f"tests/tiny/{name}.tsv" for name in ("potentials", "compositions")}
    row = f"as-it-is\t../../models/big.model\t{'0' * 64}\t-\tLiCl-crystal\tno label\n"
    tables["potentials"].write_text(tables["potentials"].read_text() + row)
    driven = tables["compositions"].read_text().replace("Cl:-1\ttiny\tfine-tuned\tLiCl", "Cl:-1\ttiny\tas-it-is\tLiCl")
    tables["compositions"].write_text(driven)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    campaign, _ = narrowed(config, "LiCl-crystal", elsewhere)
    monkeypatch.chdir(elsewhere)
    kept = yaml.safe_load((elsewhere / "config.yaml").read_text())
    kept["execution"]["site"] = config["execution"]["site"]
    again = load_campaign(kept)
    assert list(again.potentials) == again.needed_potentials == ["as-it-is"]
    assert again.potential("as-it-is").foundation_model == "tables/foundations/as-it-is/big.model"
    released = [each.potential("as-it-is").sampling.released_reference for each in (campaign, again)]
    assert released[0] == released[1]
    assert released[0]["name"] == "zero-shot big"


def test_structures_to_replay_move_along(config, sweep, tmp_path_factory, monkeypatch):
    (sweep / "mine.extxyz").write_text("structures")
    entry = {"path": "mine.extxyz", "sha256": "b" * 64, "dispersion": "none"}
    overrides = yaml.safe_load((sweep / "tests/tiny/overrides.yaml").read_text())
    named = entry | {"path": "../../mine.extxyz"}
    overrides["potentials"]["base"]["learning"]["training"] = {"recipe": "replay", "replay_structures": named}
    (sweep / "tests/tiny/overrides.yaml").write_text(yaml.safe_dump(overrides))
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    campaign, _ = narrowed(config, "LiCl-crystal", elsewhere)
    monkeypatch.chdir(elsewhere)
    kept = yaml.safe_load((elsewhere / "config.yaml").read_text())
    kept["execution"]["site"] = config["execution"]["site"]
    moved = load_campaign(kept).potential("base").fine_tuning.replay_structures
    assert moved == entry | {"path": "tables/replayed/bbbbbbbb-mine.extxyz"}
    assert Path(moved["path"]).read_text() == "structures"
    assert campaign.potential("base").fine_tuning.replay_structures == entry


def test_nothing_is_left_out_again_where_the_other_members_are_missing(config, sweep, tmp_path_factory, monkeypatch):
    (sweep / "tests/tiny/potentials.tsv").write_text(
        (sweep / "tests/tiny/potentials.tsv").read_text() + "more\tnone\t-\tgfn1-xtb\tunneeded LiAlCl4\tfor none here\n"
    )
    overrides = yaml.safe_load((sweep / "tests/tiny/overrides.yaml").read_text())
    overrides["potentials"]["base"]["learning"]["loco_compositions"] = ["LiCl-crystal"]
    (sweep / "tests/tiny/overrides.yaml").write_text(yaml.safe_dump(overrides))
    config["learning"]["loco_compositions"] = ["unneeded"]
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    campaign, _ = narrowed(config, "LiCl-crystal", elsewhere)
    monkeypatch.chdir(elsewhere)
    kept = yaml.safe_load((elsewhere / "config.yaml").read_text())
    kept["execution"]["site"] = config["execution"]["site"]
    assert campaign.with_loco == ["base"]
    assert load_campaign(kept).with_loco == []


def test_a_reduced_product_takes_along_the_hash_under_which_it_was_made(tmp_path):
    archived = archived_run("LiCl", jobs())
    for path in (path for each in archived.jobs for path in each.outputs):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    product = tmp_path / "results/LiCl/run_md.json"
    made = sha256_of_file(product)
    with reduced(product) as smaller:
        smaller.write_text("less")
    for item in items(archived, Narrowed({}, {}), sweep=tmp_path, repository=tmp_path / "none"):
        (tmp_path / "unpacked" / item.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(item.source, tmp_path / "unpacked" / item.path)
    unpacked = tmp_path / "unpacked/sweep/results/LiCl/run_md.json"
    assert unpacked.read_text() == "less"
    assert sha256_as_made(unpacked) == made
    assert [path for path in unpacked.parent.iterdir() if path.name.startswith(".")] == [reduction_record(unpacked)]


def test_a_record_of_snakemakes_follows_the_files_that_moved():
    record = {
        "input": ["../repo/b.cif", "results/a.json"],
        "params": ["'../repo/b.cif.bak'", "{'start': '../repo/b.cif', 'atoms': 12}"],
        "input_checksums": {"../repo/b.cif": "sha256:1"},
        "rule": "build_cell",
    }
    assert renamed_record(record, {"../repo/b.cif": "tables/structures/B.cif"}) == {
        "input": ["results/a.json", "tables/structures/B.cif"],
        "params": ["'../repo/b.cif.bak'", "{'start': 'tables/structures/B.cif', 'atoms': 12}"],
        "input_checksums": {"tables/structures/B.cif": "sha256:1"},
        "rule": "build_cell",
    }


@pytest.mark.parametrize("product", ["results/a.json", "results/" + "long" * 60 + "/a.json"])
def test_records_are_where_snakemake_puts_them(product):
    parts = record_path(product).split("/")[2:]
    assert base64.urlsafe_b64decode("".join(part.removeprefix("@") for part in parts)).decode() == product
    assert all(len(part) <= 255 for part in parts)


# ── the file ───────────────────────────────────────────────────────────────────────────────────


def packed(target: Path, *sources: Path) -> Path:
    items = [Item(f"sweep/results/{source.name}", source) for source in sources]
    pack(target, items, date=DATE, describe=lambda files: [Item("README.md", f"{len(files)} files".encode())])
    return target


def test_equal_files_make_equal_archives_whose_manifest_is_right(tmp_path):
    (tmp_path / "a.h5md").write_bytes(bytes(range(256)) * 8192)
    (tmp_path / "b.json").write_text("{}")
    first = packed(tmp_path / "archives/first.zip", tmp_path / "a.h5md", tmp_path / "b.json")
    second = packed(tmp_path / "archives/second.zip", tmp_path / "a.h5md", tmp_path / "b.json")
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as file:
        names = ["sweep/results/a.h5md", "sweep/results/b.json", "README.md"]
        assert file.namelist() == [*names, MANIFEST]
        assert {entry.date_time for entry in file.infolist()} == {DATE.timetuple()[:6]}
        file.extractall(tmp_path / "out")
    lines = (tmp_path / "out" / MANIFEST).read_text().splitlines()
    assert lines == [f"{sha256_of_file(tmp_path / 'out' / name)}  {name}" for name in names]


def test_an_archive_that_was_damaged_is_not_trusted(tmp_path):
    (tmp_path / "b.json").write_text("{}")
    archive = packed(tmp_path / "archives/LiCl.zip", tmp_path / "b.json")
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("sweep/results/added.json", "{}")
    with pytest.raises(SaltflowError, match=r"damaged.*added\.json"):
        verify(archive, targets=[])
    assert list(archive.parent.iterdir()) == [archive]


def test_a_full_disk_is_noticed_before_anything_is_written(tmp_path, monkeypatch):
    (tmp_path / "b.json").write_text("{}")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))
    with pytest.raises(SaltflowError, match="saltflow tidy"):
        packed(tmp_path / "archives/LiCl.zip", tmp_path / "b.json")
    assert not list((tmp_path / "archives").iterdir())


def test_a_file_counts_as_archived_until_it_changes(tmp_path):
    result = tmp_path / "results/b.json"
    result.parent.mkdir()
    result.write_text("{}")
    packed(tmp_path / "archives/LiCl.zip", result)
    assert archived_files(tmp_path) == {"results/b.json": "archives/LiCl.zip"}
    result.write_text("[0]")
    assert archived_files(tmp_path) == {}


# ── its description ────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def described() -> dict:
    """The metadata of a composition with a character that addresses spell otherwise."""
    name = "Li2O+LiCl"
    plan = jobs()
    archived = ArchivedRun(name, tuple(plan[:4]), (f"results/{name}/arrhenius.json",))
    facts = Facts("0a1b", False, {"ase": "3.29.0", "torch": "2.13.0+cpu"}, DATE, DATE, dict.fromkeys(RULES, "A."), {})
    tables = [f"tables/{table}" for table in ("compositions.tsv", "potentials.tsv", "overrides.yaml")]
    paths = ["workflow/Snakefile", *(f"sweep/{path}" for path in ("config.yaml", *tables, *archived.targets))]
    return json.loads(crate_text(archived, facts, [Packed(path, 10, "f" * 64) for path in paths]))


def references(value: object) -> set[str]:
    """Every `@id` that a value points to."""
    if isinstance(value, list):
        return set().union(*map(references, value))
    return {value["@id"]} if isinstance(value, dict) else set()


def test_every_reference_in_the_metadata_leads_to_an_entity(described):
    entities = {entity["@id"]: entity for entity in described["@graph"]}
    pointed = set().union(*(references(value) for entity in entities.values() for value in entity.values()))
    outside = {each for each in pointed - set(entities) if not each.startswith("https://")}
    assert outside == set()
    assert "sweep/results/Li2O%2BLiCl/arrhenius.json" in entities
    assert entities["pkg:pypi/torch@2.13.0%2Bcpu"]["softwareVersion"] == "2.13.0+cpu"


def test_the_metadata_says_what_made_what(described):
    entities = {entity["@id"]: entity for entity in described["@graph"]}
    action = entities["#run"]
    assert action["@type"] == "CreateAction"
    assert entities[action["instrument"]["@id"]]["@type"] == ["File", "SoftwareSourceCode", "ComputationalWorkflow"]
    assert entities["./"]["mainEntity"] == action["instrument"]
    assert action["result"] == [{"@id": "sweep/results/Li2O%2BLiCl/arrhenius.json"}]
    assert action["startTime"] == "2026-01-02T03:04:06+00:00"
    assert {entity["sha256"] for entity in entities.values() if "contentSize" in entity} == {"f" * 64}
