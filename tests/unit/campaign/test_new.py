"""`saltflow new` makes the folder of a sweep from a preset, and never writes over one."""

import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from saltflow.campaign.campaign import Campaign
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.loading import load_campaign
from saltflow.campaign.settings.descriptions import read_defaults, read_descriptions, read_presets
from saltflow.cli import main

ROOT = Path(__file__).resolve().parents[3]
PRESETS = read_presets()


def saltflow_new(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["new", *map(str, words)])


def loaded(folder: Path) -> Campaign:
    return load_campaign(read_configuration([folder / "config.yaml"], sweep=folder))


def test_the_presets_are_those_of_the_design():
    assert set(PRESETS) == {"trial", "universal", "dft", "demo", "coupling", "foundation", "families"}


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_can_be_made_and_loads(tmp_path, preset):
    folder = tmp_path / "my-sweep"
    made = saltflow_new(folder, "--preset", preset)
    assert made.exit_code == 0, made.output
    assert f"saltflow plan {folder}" in made.output
    assert f"presets/{preset}" not in (folder / "config.yaml").read_text()
    assert loaded(folder).swept


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_can_be_run_where_it_stands(preset):
    configuration = read_configuration([ROOT / "config/presets" / preset / "config.yaml"])
    assert load_campaign(configuration).swept


@pytest.mark.parametrize("preset", PRESETS)
def test_tables_of_a_new_sweep_are_its_own(tmp_path, preset):
    saltflow_new(tmp_path, "--preset", preset)
    for path in yaml.safe_load((tmp_path / "config.yaml").read_text())["tables"].values():
        assert (tmp_path / path).is_file()


@pytest.mark.parametrize("preset", PRESETS)
def test_a_new_sweep_names_the_schema_for_editors(tmp_path, preset):
    saltflow_new(tmp_path, "--preset", preset)
    settings = (tmp_path / "config.yaml").read_text()
    (schema,) = re.findall(r"^# yaml-language-server: \$schema=(.*)$", settings, flags=re.M)
    assert Path(schema) == ROOT / "config/config.schema.json"


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_holds_only_what_differs_each_with_a_reason(preset):
    defaults = {each.key: each.value for each in read_defaults()}
    for setting in read_descriptions(ROOT / "config/presets" / preset / "config.yaml"):
        if setting.value is not None:
            assert setting.description, setting.key
            # The path of a table is relative to the file that names it.
            assert setting.key.startswith("tables.") or yaml.safe_load(setting.value) != yaml.safe_load(
                defaults.get(setting.key) or "{}"
            ), setting.key


def test_what_a_group_decides_is_valid_once_it_is_used(tmp_path):
    saltflow_new(tmp_path, "--preset", "dft")
    settings = tmp_path / "config.yaml"
    used = re.sub(r"(?m)^( *)#(?=\w)", r"\1", settings.read_text())
    assert len(yaml.safe_load(used)) > len(yaml.safe_load(settings.read_text()))
    settings.write_text(used)
    assert loaded(tmp_path).settings.labels.licence == "CC-BY-4.0"


def test_a_second_sweep_in_the_same_folder_is_refused_in_a_sentence(tmp_path):
    folder = tmp_path / "my-sweep"
    saltflow_new(folder)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    again = saltflow_new(folder, "--preset", "demo")
    assert again.exit_code == 1
    assert again.output == f"{folder} is not an empty folder; name a new one, so that nothing is overwritten.\n"
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_file_in_the_way_is_refused_in_the_same_sentence(tmp_path):
    (tmp_path / "my-sweep").write_text("notes")
    refused = saltflow_new(tmp_path / "my-sweep")
    assert refused.exit_code == 1
    assert "is not an empty folder" in refused.output


# ── chosen compositions ────────────────────────────────────────────────────────────────────────

CHOSEN = ("2NaCl-ZrCl4", "NaAlCl2.5O0.75", "Li3YCl6")


def test_chosen_compositions_are_rows_of_the_catalogue_or_made_from_their_formula(tmp_path):
    made = saltflow_new(tmp_path / "my-sweep", "--preset", "demo", "--compositions", ",".join(CHOSEN))
    assert made.exit_code == 0, made.output
    campaign, catalogue = loaded(tmp_path / "my-sweep"), load_campaign(read_configuration([]))
    assert campaign.swept == tuple(campaign.compositions) == CHOSEN
    assert {row.compositions for row in campaign.potentials.values()} == {CHOSEN}
    assert set(campaign.driven_by.values()) == {"demo"}
    for name in CHOSEN[:2]:
        assert campaign.composition(name).identity == catalogue.composition(name).identity
        assert campaign.composition(name).literature == catalogue.composition(name).literature
    made, same = (each.identity for each in (campaign.composition("Li3YCl6"), catalogue.composition("3LiCl-YCl3")))
    assert made == same | {"id": "Li3YCl6", "host": "", "salt": ""}, "states and density as the catalogue has them"


@pytest.mark.parametrize(
    ("names", "foundation"),
    [("KInI2.5O0.75,LiNO3-ZrCl4", "families.model"), ("Li3ScCl6,2LiCl-ZrCl4", "diep-r2scan")],
)
def test_a_sweep_with_a_teacher_is_complete_and_short(tmp_path, names, foundation):
    folder = tmp_path / "my-sweep"
    made = saltflow_new(folder, "--preset", "universal", "--compositions", names)
    assert made.exit_code == 0, made.output
    assert sum(len(path.read_text().splitlines()) for path in folder.iterdir() if path.suffix != ".model") < 30
    campaign = loaded(folder)
    (potential,) = map(campaign.potential, campaign.potentials)
    assert Path(potential.row.foundation).name == foundation
    assert potential.row.reference == "diep-r2scan"
    assert potential.foundation["kind"] == ("universal" if foundation == "diep-r2scan" else "file")
    assert campaign.swept == potential.compositions == tuple(names.split(","))


def test_a_preset_without_tables_sweeps_them_from_the_catalogue(tmp_path):
    saltflow_new(tmp_path / "my-sweep", "--preset", "dft", "--compositions", "NaCl-TaCl5,AgCl-TaCl5")
    campaign = loaded(tmp_path / "my-sweep")
    assert campaign.swept == ("NaCl-TaCl5", "AgCl-TaCl5")
    assert campaign.driven_by == {"NaCl-TaCl5": "Ta-chloride", "AgCl-TaCl5": "Ag-Cu-chloride"}


@pytest.mark.parametrize(
    ("preset", "name", "sentence"),
    [
        ("trial", "Li2ZrCl6-crystal", "has no structure in the catalogue; write its row as docs/add-an-electrolyte.md"),
        ("trial", "Li2Zr(Cl6", "is not in the catalogue, and 'Li2Zr(Cl6' is not a formula; write it such as"),
        ("trial", "Li3(PO4)", "Li3PO4 may hold polyanions of P; write its row as"),
        ("trial", "MgCl2", "has none of the mobile ions Li, Na, K, Ag, Cu; write its row as"),
        ("trial", "Li3PO4", "may hold polyanions of P; write its row as"),
        ("trial", "Li2AlCl4", "has no neutral oxidation states that could be guessed; write its row as"),
        ("dft", "Na3YCl6", "is not in the catalogue, whose tables this preset uses; choose another preset."),
        ("coupling", "2NaCl-ZrCl4", "is an example with compositions of its own; choose another one."),
    ],
)
def test_what_cannot_be_chosen_is_a_sentence_and_nothing_is_made(tmp_path, preset, name, sentence):
    refused = saltflow_new(tmp_path / "my-sweep", "--preset", preset, "--compositions", name)
    assert refused.exit_code == 1
    assert sentence in refused.output
    assert not (tmp_path / "my-sweep").exists()


def test_the_help_says_what_each_preset_is():
    words = " ".join(saltflow_new("--help").output.split())
    for name, title in PRESETS.items():
        assert f"{name} {title}" in words


def test_an_unknown_preset_is_named():
    refused = saltflow_new("my-sweep", "--preset", "tial")
    assert refused.exit_code == 2
    assert "'tial' is not one of" in refused.output
