"""The model that the demonstration starts from: pinned, small, and evaluated by compiled loops."""

from pathlib import Path

from saltflow.base.provenance import sha256_of_file
from saltflow.campaign.potentials_table import read_potentials
from saltflow.potentials.mace import load_committee

DEMO = Path(__file__).parents[3] / "config/presets/demo"


def test_the_model_of_the_demonstration_is_the_pinned_one_and_fast():
    (row,) = read_potentials(DEMO / "potentials.tsv", references=[]).values()
    model = Path(row.foundation)
    assert sha256_of_file(model) == row.foundation_sha256
    assert row.foundation_sha256 in (DEMO / "distilled.md").read_text()
    assert model.stat().st_size < 5e6
    committee = load_committee([model], sha256=[row.foundation_sha256], device="cpu", dtype="float32")
    assert committee.evaluated_by == "compiled loops"
