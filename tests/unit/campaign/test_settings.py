"""config.yaml, its models and its schema agree; what is wrong in it comes out as a sentence that names the key."""

import copy
import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from saltflow.base.errors import InputError
from saltflow.campaign.config_files import DEFAULTS, read_configuration
from saltflow.campaign.settings import Section, Settings, json_schema, load_overrides, load_settings, overridden
from saltflow.campaign.settings.references import (
    Cp2kReference,
    GpawReference,
    QuantumEspressoReference,
    TbliteReference,
    resolve_likeness,
)

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = read_configuration([])
PRESETS = sorted((ROOT / "config/presets").glob("*/config.yaml"))
DEMO = yaml.safe_load((ROOT / "config/presets/demo/config.yaml").read_text())


def changed(path: str, value: object) -> dict:
    """The shipped configuration with the value of one dotted key replaced or added."""
    config = copy.deepcopy(SHIPPED)
    section = config
    *parents, last = path.split("/")
    for parent in parents:
        section = section[parent]
    section[last] = value
    return config


def whole(config: dict) -> dict:
    """The configuration with all keys of every reference."""
    return config | {"references": resolve_likeness(config["references"])}


def problems(config: object) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_settings(config)
    return caught.value.problems


def merged(base: dict, changes: dict) -> dict:
    """As Snakemake puts a sparse configuration over the shipped one."""
    result = dict(base)
    for key, value in changes.items():
        result[key] = merged(base[key], value) if isinstance(value, dict) and key in base else value
    return result


def test_the_shipped_settings_load():
    settings = load_settings(SHIPPED)
    assert settings.sweep.temperatures_K == SHIPPED["sweep"]["temperatures_K"]
    assert load_settings(merged(SHIPPED, DEMO)).cells.atoms == DEMO["cells"]["atoms"]


def test_every_key_of_the_file_is_in_the_models_and_the_other_way_round():
    assert load_settings(SHIPPED).model_dump(mode="json") == whole(SHIPPED)


def sections(model: type = Section) -> set[type]:
    return {below for each in model.__subclasses__() for below in {each, *sections(each)}}


REFERENCES = {TbliteReference, Cp2kReference, QuantumEspressoReference, GpawReference}


@pytest.mark.parametrize("model", sorted({*sections(), *REFERENCES}, key=lambda each: each.__name__))
def test_models_hold_no_defaults(model):
    assert [name for name, field in model.model_fields.items() if not field.is_required()] == []


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("sweep/temperatuers_K", "temperatures_K"),
        ("dynamcs", "dynamics"),
        ("dynamics/production/duration_fs", "duration_ps"),
        ("references/gfn1-xtb/acuracy", "accuracy"),
        ("references/pbe-d3/cutof_Ry", "cutoff_Ry"),
        ("references/pbe-d3-draft/cutof_Ry", "cutoff_Ry"),
        ("references/pbe-d3-gpaw/cutof_eV", "cutoff_eV"),
        ("references/chgnet-pbe/wieghts", "weights"),
    ],
)
def test_a_misspelt_key_is_named_with_the_one_that_was_meant(misspelt, meant):
    (sentence,) = problems(changed(misspelt, 1))
    assert f"unknown key '{misspelt.replace('/', '.')}' (did you mean '{meant}'?)" in sentence


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("sweep/temperatures_K", [], "sweep.temperatures_K"),
        ("sweep/temperatures_K", [-300], "sweep.temperatures_K.0' = -300"),
        ("sweep/temperatures_K", [300, 300], "a temperature twice"),
        ("sweep/replicas", 0, "sweep.replicas' = 0"),
        ("sweep/compositions", "LiCl", "sweep.compositions' = 'LiCl'"),
        ("execution/device", "tpu", "execution.device' = 'tpu'"),
        ("execution/quota_GB", 0, "execution.quota_GB' = 0"),
        ("execution/modules", {"cluster": []}, "execution.modules.cluster'"),
        ("cells/atoms", "many", "cells.atoms' = 'many'"),
        ("cells/min_separations_A", {"ClCl": 2.5}, "cells.min_separations_A.ClCl'"),
        ("references/gfn1-xtb/accuracy", -1.0, "references.gfn1-xtb.accuracy' = -1.0"),
        ("references/gfn1-xtb/code", "orca", "'tblite', 'cp2k'"),
        ("references/chgnet-pbe/weights", None, "weights and sha256 belong together: give both, or null for both"),
        ("references/chgnet-pbe/arguments", {"path": "other.pt"}, 'are loaded: give "{weights}" to an argument'),
        ("references/chgnet-pbe/elements", ["Li", "Xx"], "'Xx' in 'Xx' is not an element"),
        ("references/pbe-d3-qe/functional", "r2SCAN", "references.pbe-d3-qe.functional' = 'r2SCAN'"),
        ("references/pbe-d3-draft/like", "pbe", "'pbe-d3-draft' is like 'pbe', which is not a reference with all"),
        ("references/pbe-d3-draft/like", "r2scan-d3", "'pbe-d3-draft' is like 'r2scan-d3', which is not"),
        ("references/a;b", SHIPPED["references"]["gfn1-xtb"], "references.a;b'"),
        ("dynamics/production/duration_ps", float("inf"), "dynamics.production.duration_ps' = inf"),
        ("dynamics/timestep_fs/default", float("nan"), "dynamics.timestep_fs.default' = nan"),
        ("dynamics/stop_criteria/max_temperature_ratio", 1, "dynamics.stop_criteria.max_temperature_ratio' = 1"),
        ("transport/max_lag_fraction", 0.6, "transport.max_lag_fraction' = 0.6"),
        ("transport/alpha_min", 1.2, "alpha_min must be below alpha_max"),
        ("learning/committee", 1, "committee must be at least 2"),
        (
            "learning/initial_structures/heldout_cells",
            7,
            "learning.initial_structures' is not valid: heldout_cells must leave",
        ),
        ("learning/exploration/heldout_cells", 6, "learning.exploration' is not valid: heldout_cells must be fewer"),
        ("learning/selection/heldout_frames", 20, "learning.selection' is not valid: heldout_frames must be fewer"),
        (
            "learning/training/replay_structures",
            {"path": "a.extxyz", "sha256": "abc", "dispersion": "none"},
            "learning.training.replay_structures.sha256' = 'abc'",
        ),
        ("dynamics", None, "the section 'dynamics' is empty; write its keys below it (barostat_time_fs, "),
        ("sweep/temperatures_K", [300, 60], "sweep.temperatures_K.1' = 60 is not valid: temperatures of dynamics are"),
        ("sweep/temperatures_K", [25], "lie between 100 and 3000 (is this in °C?); correct the value."),
        ("sweep/temperatures_K", [5000], "lie between 100 and 3000; correct the value."),
        ("dynamics/quench/melt_temperature_K", 99.9, "dynamics.quench.melt_temperature_K' = 99.9"),
        ("dynamics/quench/final_temperature_K", 25, "dynamics.quench.final_temperature_K' = 25"),
        (
            "dynamics/quench/rate_K_per_ps",
            1e-30,
            "dynamics.quench' is not valid: rate_K_per_ps 1e-30 cools for 9e+32 ps",
        ),
        ("learning/exploration/temperatures_K", [600, 3001], "learning.exploration.temperatures_K.1' = 3001"),
        ("learning/initial_structures/melt_temperatures_K", [20], "initial_structures.melt_temperatures_K.0' = 20"),
        ("constraints/temperatures_K", [25], "constraints.temperatures_K.0' = 25"),
        ("arrhenius/target_temperature_K", 25, "arrhenius.target_temperature_K' = 25"),
        ("order/temperature_K", 25, "order.temperature_K' = 25"),
        ("dynamics/production/duration_ps", 1e30, "duration_ps' = 1e+30 is not valid: no machine computes more than"),
        ("dynamics/production/equilibrate_npt_ps", 1e30, "dynamics.production.equilibrate_npt_ps' = 1e+30"),
        ("dynamics/quench/melt_ps", 1e30, "dynamics.quench.melt_ps' = 1e+30"),
        ("learning/exploration/duration_ps", 1e30, "learning.exploration.duration_ps' = 1e+30"),
        ("constraints/duration_ps", 1e30, "constraints.duration_ps' = 1e+30"),
        (
            "dynamics/production/duration_ps",
            9.9,
            "dynamics.production' is not valid: duration_ps 9.9 holds 99 frames of",
        ),
        ("constraints/frame_interval_fs", 1e6, "constraints' is not valid: duration_ps"),
        ("cells/atoms", 10**9, "cells.atoms' = 1000000000 is not valid: no node holds more than 1000000 atoms"),
        ("learning/exploration/atoms", 10**9, "learning.exploration.atoms' = 1000000000"),
        ("learning/initial_structures/atoms", 10**9, "learning.initial_structures.atoms' = 1000000000"),
    ],
)
def test_a_wrong_value_is_a_sentence_that_names_the_key(key, value, said):
    sentences = problems(changed(key, value))
    assert any(said in sentence for sentence in sentences)
    assert all(len(sentence) < 300 and "\n" not in sentence for sentence in sentences)


def test_a_missing_key_is_named():
    config = copy.deepcopy(SHIPPED)
    del config["dynamics"]["quench"]["melt_ps"]
    (sentence,) = problems(config)
    assert sentence == "config: key 'dynamics.quench.melt_ps' is missing; add it (config/README.md explains it)."


def test_all_problems_are_listed_at_once():
    config = changed("sweep/replicas", 0)
    config["transport"]["alpha"] = 1
    del config["labels"]
    assert len(problems(config)) == 3


def test_settings_cannot_be_changed_after_loading():
    settings = load_settings(SHIPPED)
    with pytest.raises(ValueError, match="frozen"):
        settings.sweep.replicas = 7


# ── overrides ──────────────────────────────────────────────────────────────────────────────────


def test_an_override_changes_what_it_names_and_nothing_else():
    settings = load_settings(SHIPPED)
    dumped = overridden(settings, {"dynamics": {"production": {"duration_ps": 50.0}}}).model_dump(mode="json")
    assert dumped == whole(changed("dynamics/production/duration_ps", 50.0))
    assert overridden(settings, None) is settings


def read(tmp_path: Path, text: str):
    path = tmp_path / "overrides.yaml"
    path.write_text(text)
    settings = load_settings(SHIPPED)
    return load_overrides(path, settings=settings, compositions=["LiCl", "NaCl"], potentials=["chlorides"])


def overrides_problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    return caught.value.problems


def test_valid_overrides_are_kept_as_written(tmp_path):
    overrides = read(
        tmp_path,
        "compositions: {LiCl: {dynamics: {production: {duration_ps: 50.0}}}}\n"
        "potentials: {chlorides: {learning: {generations: 2}}}\n",
    )
    assert overrides.compositions == {"LiCl": {"dynamics": {"production": {"duration_ps": 50.0}}}}
    assert overrides.potentials == {"chlorides": {"learning": {"generations": 2}}}


@pytest.mark.parametrize("text", ["", "# nothing\n", "compositions:\npotentials:\n", "compositions: {}\n"])
def test_a_file_without_entries_overrides_nothing(tmp_path, text):
    overrides = read(tmp_path, text)
    assert overrides.compositions == {}
    assert overrides.potentials == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("compositions: {LiCI: {}}", "composition 'LiCI' is not in its table (did you mean 'LiCl'?)"),
        ("potentials: {chloride: {}}", "potential 'chloride' is not in its table (did you mean 'chlorides'?)"),
        ("compositions: {LiCl: {sweep: {replicas: 1}}}", "LiCl: 'sweep' cannot be overridden here; use cells"),
        ("compositions: {LiCl: {learning: {generations: 1}}}", "LiCl: 'learning' cannot be overridden here"),
        ("potentials: {chlorides: {transport: {alpha_min: 0.8}}}", "chlorides: 'transport' cannot be overridden here"),
        ("compositions: {LiCl: {dynamics: {dtpye: float64}}}", "unknown key 'dynamics.dtpye' (did you mean 'dtype'?)"),
        ("compositions: {LiCl: {cells: {atoms: -5}}}", "compositions: LiCl: 'cells.atoms' = -5 is not valid"),
        ("compositions: {LiCl: {transport: {alpha_min: 2.0}}}", "alpha_min must be below alpha_max"),
        ("composition: {}", "unknown key 'composition' (did you mean 'compositions'?)"),
        ("compositions: {LiCl: 5}", "'compositions.LiCl' = 5 is not valid"),
        ("[LiCl]", "keys and values are wanted here, not ['LiCl']"),
        ("compositions: {LiCl: {", "line 1: this is not YAML"),
    ],
)
def test_a_wrong_override_is_a_sentence(tmp_path, text, said):
    sentences = overrides_problems(tmp_path, text)
    assert any(said in sentence for sentence in sentences)
    assert all("overrides.yaml" in sentence for sentence in sentences)


def test_problems_of_all_entries_are_listed_at_once(tmp_path):
    text = "compositions: {LiCl: {cells: {atoms: -5}}, KCl: {}}\npotentials: {bromides: {}}\n"
    assert len(overrides_problems(tmp_path, text)) == 3


def test_a_reference_follows_the_one_that_it_is_like():
    references = load_settings(changed("references/pbe-d3/basis", "TZVP-MOLOPT-GTH")).references
    assert references["pbe-d3-draft"].basis == "TZVP-MOLOPT-GTH"
    assert references["pbe-d3-draft"].cutoff_Ry < references["pbe-d3"].cutoff_Ry
    assert references["pbe-d3-draft"].digest() != references["pbe-d3"].digest()


# ── the schema for editors ─────────────────────────────────────────────────────────────────────


def test_the_schema_file_is_what_the_command_writes():
    command = [sys.executable, "-m", "saltflow.campaign.settings"]
    written = subprocess.run(command, cwd=ROOT / "scripts", capture_output=True, text=True, check=True).stdout
    message = "run: PYTHONPATH=scripts python -m saltflow.campaign.settings --write"
    assert (ROOT / "config/config.schema.json").read_text() == written, message


@pytest.mark.parametrize("path", [DEFAULTS[-1], *PRESETS], ids=lambda path: str(path))
def test_editors_find_the_schema(path):
    (named,) = re.findall(r"^# yaml-language-server: \$schema=(.*)$", path.read_text(), flags=re.M)
    assert (path.parent / named).resolve() == ROOT / "config/config.schema.json"


def accepted(config: object) -> bool:
    """Whether an editor that follows the schema finds nothing wrong."""
    return jsonschema.Draft202012Validator(json_schema()).is_valid(config)


def test_the_shipped_settings_satisfy_the_schema():
    jsonschema.Draft202012Validator.check_schema(json_schema())
    jsonschema.validate(SHIPPED, json_schema())


@pytest.mark.parametrize("path", [*DEFAULTS, *PRESETS, ROOT / "tests/tiny/config.yaml"], ids=lambda path: str(path))
def test_a_file_with_some_of_the_keys_satisfies_the_schema(path):
    jsonschema.validate(yaml.safe_load(path.read_text()), json_schema())


@pytest.mark.parametrize(
    "references",
    [
        {"pbe-d3": {"command": "srun cp2k.psmp -s"}},
        {"pbe-d3-draft": {"cutoff_Ry": 500.0}},
        {"pbe-d3-vasp": {"incar": {"NCORE": 4}}},
        {"mine": {"like": "pbe-d3", "dispersion": "none"}},
        {"mine": {"max_scf": 80}},  # of a method in the folder references/ of a sweep
        {"mine": SHIPPED["references"]["gfn1-xtb"]},
    ],
)
def test_the_schema_accepts_changes_of_methods(references):
    assert accepted({"references": references})


@pytest.mark.parametrize(
    "references",
    [
        {"pbe-d3": {"cutoff_eV": 500.0}},
        {"pbe-d3-draft": {"code": "vasp"}},
        {"pbe-d3-qe": {"functional": "r2SCAN"}},
        {"mine": {"accuracy": 1.0, "cutoff_Ry": 500.0}},
        {"mine": {"like": 3}},
        {"a;b": {"max_scf": 80}},
    ],
)
def test_the_schema_refuses_changes_that_no_method_knows(references):
    assert not accepted({"references": references})


def test_what_is_replaced_whole_must_be_complete():
    entry = {"path": "a.extxyz", "sha256": "0" * 64, "reference": "pbe-d3", "composition": "LiCl"}
    assert accepted({"labels": {"imported": [entry]}})
    assert not accepted({"labels": {"imported": [{"path": "a.extxyz"}]}})


@pytest.mark.parametrize(
    "key",
    [
        "sweep/temperatuers_K",
        "references/gfn1-xtb/acuracy",
        "references/pbe-d3-draft/cutof_Ry",
        "learning/training/epoch",
    ],
)
def test_the_schema_refuses_unknown_keys(key):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed(key, 1), json_schema())


def test_the_schema_says_the_same_as_the_models_about_every_section():
    described = json.loads((ROOT / "config/config.schema.json").read_text())
    assert set(described["properties"]) == set(Settings.model_fields)
    assert all(section["additionalProperties"] is False for section in described["$defs"].values())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"md_temperature_K": -1}, "'labels.imported.0.md_temperature_K' = -1 is not valid: Input should be greater"),
        ({"md_temperature": 600}, "unknown key 'labels.imported.0.md_temperature'"),
        ({"md_temperature_K": 600, "sha256": "x"}, "'labels.imported.0.sha256' = 'x' is not valid"),
    ],
)
def test_an_imported_set_that_is_dynamics_says_at_which_temperature(changes, sentence):
    entry = {"path": "a.extxyz", "sha256": "0" * 64, "reference": "pbe-d3", "composition": "LiCl"}
    sound = [entry, entry | {"md_temperature_K": 600.0}]
    settings = load_settings(merged(SHIPPED, {"labels": {"imported": sound}}))
    assert settings.model_dump(mode="json")["labels"]["imported"] == sound
    (problem,) = problems(merged(SHIPPED, {"labels": {"imported": [entry | changes]}}))
    assert sentence in problem
