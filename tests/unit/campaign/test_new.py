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
    return load_campaign(read_configuration([folder / "config.yaml"], sweep=folder), folders=[folder, ROOT])


def test_the_presets_are_those_of_the_design():
    assert set(PRESETS) == {"trial", "dft", "demo", "coupling"}


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
    assert load_campaign(configuration, folders=[ROOT]).swept


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
            assert yaml.safe_load(setting.value) != yaml.safe_load(defaults.get(setting.key) or "{}"), setting.key


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


def test_the_help_says_what_each_preset_is():
    words = " ".join(saltflow_new("--help").output.split())
    for name, title in PRESETS.items():
        assert f"{name} {title}" in words


def test_an_unknown_preset_is_named():
    refused = saltflow_new("my-sweep", "--preset", "tial")
    assert refused.exit_code == 2
    assert "'tial' is not one of" in refused.output
