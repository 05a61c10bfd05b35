"""Every setting is described once, by the comment beside its value; schema and README repeat that."""

import re
from pathlib import Path

import pytest
import yaml

from saltflow.base.errors import InputError
from saltflow.campaign.config_files import DEFAULTS, METHODS
from saltflow.campaign.settings import COMPOSITION_SECTIONS, POTENTIAL_SECTIONS, Settings, json_schema
from saltflow.campaign.settings.descriptions import (
    Described,
    read_defaults,
    read_descriptions,
    read_methods,
    read_title,
)
from saltflow.campaign.settings.readme import MARK, readme
from saltflow.campaign.settings.schema import REFERENCES, model_keys, section_models

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = read_defaults()
DESCRIPTIONS = {each.key: each.description for each in SETTINGS if each.description}
METHOD = {method.name: method for method in read_methods()}
WHOLE = [method for method in METHOD.values() if method.value("code")]
EXAMPLE = """\
# A file.
# More about it.

# ── cells · expert ──
# Starting cells.
cells:
  atoms: 1300   # Atoms per cell
  # Two lines
  # above.
  pairs: {Cl-Cl: 2.5, "#": 1}
  limits:       # Acceptance criteria
    ratio: 0.6  # Half # and more
  free: [1,
    2]          # Behind the end
"""


def described(tmp_path: Path, text: str) -> list[Described]:
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    return read_descriptions(path)


def leaves() -> set[str]:
    """Dotted keys of the settings that hold a value, but those of reference methods."""
    return {
        key
        for key, model, name in model_keys(Settings)
        if not section_models(model.model_fields[name].annotation) and key != "references"
    }


def test_a_description_stands_behind_its_key_or_above_it(tmp_path):
    assert described(tmp_path, EXAMPLE) == [
        Described("cells", None, "Starting cells."),
        Described("cells.atoms", "1300", "Atoms per cell"),
        Described("cells.pairs", '{Cl-Cl: 2.5, "#": 1}', "Two lines above."),
        Described("cells.limits", None, "Acceptance criteria"),
        Described("cells.limits.ratio", "0.6", "Half # and more"),
        Described("cells.free", "[1,\n    2]", "Behind the end"),
    ]
    assert read_title(tmp_path / "settings.yaml") == "A file."


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("# one\na: 1   # two\n", "line 2: a key has one description"),
        ("a: 1\n# of nothing\n", "line 2: this comment describes no key"),
        ("a: 1\n# cut off\n\nb: 2\n", "line 2: this comment describes no key"),
        ("a:\n# too far left\n  b: 2\n", "line 2: this comment describes no key"),
    ],
)
def test_comments_that_describe_nothing_or_twice_are_refused(tmp_path, text, sentence):
    with pytest.raises(InputError, match=sentence):
        described(tmp_path, text)


def test_a_file_without_a_title_is_refused(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("# yaml-language-server: $schema=x\na: 1\n")
    with pytest.raises(InputError, match="must be a comment that says what the file is"):
        read_title(path)


@pytest.mark.parametrize("key", sorted(leaves()))
def test_every_setting_is_described(key):
    assert key in DESCRIPTIONS


def test_no_description_belongs_to_no_setting():
    assert set(DESCRIPTIONS) <= {key for key, _, _ in model_keys(Settings)}
    assert {each.key for each in SETTINGS if each.value is not None} == leaves()


@pytest.mark.parametrize("path", [*DEFAULTS, *sorted((ROOT / METHODS).glob("*.yaml"))], ids=lambda path: path.name)
def test_values_as_written_are_the_values(path):
    values = yaml.safe_load(path.read_text())
    for setting in read_descriptions(path):
        value = values
        for key in setting.key.split("."):
            value = value[key]
        assert isinstance(value, dict) if setting.value is None else yaml.safe_load(setting.value) == value


def test_few_settings_are_met_first():
    assert len([each for each in read_descriptions(DEFAULTS[-1]) if each.value is not None]) <= 25


def test_headings_say_whose_settings_are_expert():
    headings = re.findall(r"^# ── (\w+) · expert · ([\w ,]+) ─+\n(?:#.*\n)*(\w+):", DEFAULTS[0].read_text(), flags=re.M)
    sections = list(yaml.safe_load(DEFAULTS[0].read_text()))
    assert [section for _, _, section in headings] == [name for name, _, _ in headings] == sections
    for name, scope, _ in headings:
        scopes = {"per composition": COMPOSITION_SECTIONS, "per potential": POTENTIAL_SECTIONS}
        expected = [words for words, names in scopes.items() if name in names] or ["whole sweep"]
        assert scope.split(", ") == expected


@pytest.mark.parametrize("method", WHOLE, ids=lambda method: method.name)
def test_every_setting_of_a_method_is_described(method):
    assert {each.key for each in method.settings} == set(REFERENCES[method.value("code")].model_fields)
    assert [each.key for each in method.settings if not each.description] == []


def test_a_method_like_another_describes_no_setting_again():
    for method in set(METHOD.values()) - set(WHOLE):
        assert method.value("like") in {each.name for each in WHOLE}
        assert [each.key for each in method.settings if each.description] == ["like"]


def test_the_schema_shows_the_descriptions():
    schema = json_schema()
    learning = schema["$defs"]["Learning"]["properties"]
    assert learning["committee"]["description"] == DESCRIPTIONS["learning.committee"]
    assert learning["exploration"]["description"] == DESCRIPTIONS["learning.exploration"]
    assert schema["$defs"]["DiffusionAgreement"]["properties"]["max_relative_error"]["description"]
    assert schema["properties"]["cells"]["description"] == DESCRIPTIONS["cells"]
    (cutoff,) = (each.description for each in METHOD["pbe-d3"].settings if each.key == "cutoff_Ry")
    assert schema["$defs"]["Cp2kReference"]["properties"]["cutoff_Ry"]["description"] == cutoff
    assert schema["properties"]["references"]["properties"]["r2scan-d3"]["description"] == METHOD["r2scan-d3"].title


def test_the_readme_is_what_the_command_writes():
    page = (ROOT / "config/README.md").read_text()
    assert page == readme(page), "run: PYTHONPATH=scripts python -m saltflow.campaign.settings --write"


def test_the_readme_keeps_what_is_written_by_hand():
    assert readme(f"By hand.\n{MARK}Old tables.\n").startswith(f"By hand.\n{MARK}\n## Presets\n")
    assert "Old tables" not in readme(f"By hand.\n{MARK}Old tables.\n")
    with pytest.raises(InputError, match="lacks the line that its tables follow"):
        readme("By hand.\n")
