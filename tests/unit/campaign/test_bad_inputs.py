"""Every row of `bad_inputs` is refused in its sentence; what only looks different loads as what it is."""

from pathlib import Path

import pytest
import yaml
from bad_inputs import BAD_INPUTS, COMPOSITIONS, OVERRIDES, POTENTIALS, SETTINGS, TINY, BadInput, every, write_sweep

from saltflow.base.errors import InputError
from saltflow.campaign.campaign import Campaign
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.loading import load_campaign


def load(settings: Path) -> Campaign:
    return load_campaign(read_configuration([settings], sweep=settings.parent))


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_a_bad_input_is_refused_in_one_sentence(tmp_path, name):
    settings = write_sweep(tmp_path / "sweep", BAD_INPUTS[name])
    with pytest.raises(InputError) as caught:
        load(settings)
    (said,) = (problem for problem in caught.value.problems if BAD_INPUTS[name].sentence in problem)
    assert "\n" not in said
    assert said.endswith(".")


def byte_order_mark(content: bytes) -> bytes:
    return b"\xef\xbb\xbf" + content


def trailing_spaces(content: bytes) -> bytes:
    return content.replace(b"\n", b"  \n\n")


@pytest.mark.parametrize("file", [SETTINGS, COMPOSITIONS, POTENTIALS, OVERRIDES])
@pytest.mark.parametrize("spoil", [byte_order_mark, every("\n", "\r\n"), every("\n", "\r"), trailing_spaces])
def test_what_only_looks_different_is_the_same_campaign(tmp_path, file, spoil):
    plain = load(write_sweep(tmp_path / "plain"))
    other = load(write_sweep(tmp_path / "other", BadInput(file, spoil, "")))
    assert other.compositions["LiAlCl4"] == plain.compositions["LiAlCl4"]
    assert other.potentials == plain.potentials
    assert other.overrides == plain.overrides
    assert other.settings.model_dump(exclude={"tables"}) == plain.settings.model_dump(exclude={"tables"})


def test_every_path_is_relative_to_the_file_that_names_it(tmp_path, monkeypatch):
    """Wherever the command is typed; absolute paths and the home folder are kept."""
    sweep = tmp_path / "a sweep"
    settings = write_sweep(sweep)
    (sweep / "tables/models").mkdir(parents=True)
    for name in (COMPOSITIONS, POTENTIALS, OVERRIDES, "LiCl.cif"):
        (sweep / name).rename(sweep / "tables" / name)
    settings.write_text(settings.read_text().replace(": compositions.tsv", f": {sweep}/tables/compositions.tsv"))
    for name in (POTENTIALS, OVERRIDES):
        settings.write_text(settings.read_text().replace(f": {name}", f": tables/{name}"))
    (sweep / "tables/models/big.model").write_text("weights")
    table = sweep / "tables" / POTENTIALS
    table.write_text(table.read_text().replace("base\tnone\t-", f"base\tmodels/big.model\t{'0' * 64}"))
    (sweep / "tables/set.extxyz").write_text("structures")
    replayed = {"path": "set.extxyz", "sha256": "a" * 64, "dispersion": "none"}
    learning = {
        "training": {"recipe": "replay", "replay_structures": replayed},
        "forgetting_check": {"crystals": ["Li", "LiCl:rocksalt:5.14", "LiCl.cif"]},
    }
    (sweep / "tables" / OVERRIDES).write_text(yaml.safe_dump({"potentials": {"base": {"learning": learning}}}))
    (sweep / "references/mine.yaml").write_text("like: pbe-d3-qe\npseudopotential_path: upf\n")
    (sweep / "references/other.yaml").write_text("like: pbe-d3-qe\npseudopotential_path: ~/upf\n")
    for place, prefix in ((sweep, ""), (tmp_path, "a sweep/")):
        monkeypatch.chdir(place)
        campaign = load(settings)
        base = campaign.potential("base")
        assert campaign.composition("LiCl-crystal").structure_file == [f"{prefix}tables/LiCl.cif"]
        assert base.foundation["path"] == f"{prefix}tables/models/big.model"
        assert base.fine_tuning.replay_structures["path"] == f"{prefix}tables/set.extxyz"
        crystals = ["Li", "LiCl:rocksalt:5.14", f"{prefix}tables/LiCl.cif"]
        assert base.learning["forgetting_check"]["crystals"] == crystals
        assert campaign.settings.references["mine"].pseudopotential_path == f"{prefix}references/upf"
        assert campaign.settings.references["other"].pseudopotential_path == str(Path.home() / "upf")


def test_tables_that_a_sweep_does_not_name_are_those_of_the_defaults(tmp_path):
    settings = write_sweep(tmp_path / "sweep")
    settings.write_text("sweep: {replicas: 2}\n")
    (tmp_path / "sweep/config").mkdir()
    (tmp_path / "sweep/config/compositions.tsv").write_text("not named by any settings")
    assert "2LiCl-ZrCl4" in load(settings).compositions


def test_a_method_with_another_ending_is_not_left_out_in_silence(tmp_path):
    settings = write_sweep(tmp_path / "sweep")
    (tmp_path / "sweep/references/mine.yaml").rename(tmp_path / "sweep/references/mine.yml")
    with pytest.raises(InputError, match=r"mine\.yml would not be read; rename it to mine\.yaml\."):
        load(settings)


def test_the_table_of_bad_inputs_begins_with_a_campaign_that_loads(tmp_path):
    assert load(write_sweep(tmp_path / "sweep")).swept == ("LiAlCl4", "LiCl-crystal")
    assert TINY.is_dir()
