"""The shipped models: pinned, small, and evaluated by compiled loops."""

from pathlib import Path

import pytest

from saltflow.base.provenance import sha256_of_file
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.loading import load_campaign
from saltflow.campaign.potentials_table import read_potentials
from saltflow.potentials.mace import load_committee

PRESETS = Path(__file__).parents[3] / "config/presets"


@pytest.mark.parametrize(("preset", "card"), [("demo", "demo/distilled.md"), ("universal", "families/families.md")])
def test_a_shipped_model_is_the_pinned_one_and_fast(preset, card):
    (row,) = read_potentials(PRESETS / preset / "potentials.tsv", references=["diep-r2scan"]).values()
    model = Path(row.foundation)
    assert sha256_of_file(model) == row.foundation_sha256
    assert row.foundation_sha256 in (PRESETS / card).read_text()
    assert model.stat().st_size < 5e6
    committee = load_committee([model], sha256=[row.foundation_sha256], device="cpu", dtype="float32")
    assert committee.evaluated_by == "compiled loops"


def test_the_model_of_the_families_knows_all_that_is_packed():
    model = PRESETS / "families/families.model"
    committee = load_committee([model], sha256=[sha256_of_file(model)], device="cpu", dtype="float32")
    for row in load_campaign(read_configuration([])).compositions.values():
        assert row.start != "pack" or not committee.lacks(row.amounts), row.id
