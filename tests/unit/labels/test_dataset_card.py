"""The card of a dataset counts every label and every failure once, and prints them."""

import json

import numpy as np
import pytest
from ase import Atoms

from saltflow.labels.dataset.card import describe_dataset, format_card

FACTS = {
    "potential": "chlorides",
    "foundation": {"kind": "none"},
    "elements": ["Cl", "Li"],
    "reference": {"name": "gfn1-xtb", "dispersion": "D3(BJ)", "accuracy": 0.1},
    "licence": "CC-BY-4.0",
    "imported": [],
}


def frame(composition="LiCl", *, force=(3.0, 4.0, 0.0), **info) -> Atoms:
    labelled = Atoms("LiCl", positions=[[0, 0, 0], [2, 0, 0]], info={"composition": composition} | info)
    labelled.set_array("REF_forces", np.array([force, [0.0, 0.0, 0.0]]))
    return labelled


def row(status: str, reason: str = "", *, generation: int = 0) -> dict[str, str]:
    cells = {"composition": "LiCl", "status": status, "reason": reason, "seconds": "1800"}
    return {"generation": str(generation), **cells}


@pytest.fixture
def card() -> dict:
    seed = {"origin": "rattled", "generation": 0, "reference_code": "tblite 0.4"}
    explored = {"origin": "exploration:600K", "generation": 1, "selected_by": "random", "reference_code": "tblite 0.5"}
    sets = {
        "train": [frame(**seed), frame(**seed), frame(**explored)],
        "valid": [frame("LiF", **seed)],
        "test": [frame(**seed), frame(origin="imported:mine.extxyz")],
    }
    failed = row("scf", "did not converge")
    return describe_dataset(sets, [row("ok"), failed, failed, row("ok", generation=1)], facts=FACTS)


def test_every_label_is_counted_once(card):
    counted = {
        (each["composition"], each["generation"], each["origin"], each["selected_by"]): each for each in card["counts"]
    }
    assert (
        counted["LiCl", 0, "rattled", "-"] | {"train": 2, "valid": 0, "test": 1} == counted["LiCl", 0, "rattled", "-"]
    )
    assert counted["LiCl", 1, "exploration:600K", "random"]["train"] == 1
    assert counted["LiF", 0, "rattled", "-"]["valid"] == 1
    assert sum(each[name] for each in card["counts"] for name in ("train", "valid", "test")) == 6
    assert card["frames"] == {"train": 3, "valid": 1, "test": 2}
    assert card["codes"] == {"tblite 0.4": 4, "tblite 0.5": 1, "not recorded": 1}


def test_failures_keep_their_reason(card):
    expected = {"generation": 0, "composition": "LiCl", "status": "scf", "reason": "did not converge", "frames": 2}
    assert card["failures"] == [expected]


def test_forces_are_those_of_atoms(card):
    """Half of the atoms feel 5 eV/Å."""
    assert card["force_rms_eV_A"] == pytest.approx(5 / np.sqrt(2))
    assert card["largest_force_eV_A"] == pytest.approx(5)


def test_the_card_reads_as_text_and_as_json(card):
    assert json.loads(json.dumps(card)) == card
    text = format_card(card)
    for part in ("Labels of the potential chlorides", "CC-BY-4.0", "gfn1-xtb", "random", "did not converge"):
        assert part in text
    assert max(map(len, text.splitlines())) < 120


def test_a_dataset_without_labels_states_it():
    text = format_card(describe_dataset({"train": [], "valid": [], "test": []}, [], facts=FACTS))
    assert "no labels" in text
    assert text.count("none") >= 2
