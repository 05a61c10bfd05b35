"""One potential, one method: others are refused, and every setting that changes a label changes its digest."""

import copy
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from reference_cases import GFN1, lithium_chloride

from saltflow.base.errors import InputError, SaltflowError
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.loading import load_campaign
from saltflow.campaign.settings.references import OPERATIONAL, Reference
from saltflow.labels.dataset.one_method import check_one_method

ROOT = Path(__file__).parents[3]
SHIPPED = read_configuration([])
MEMBERS = TypeAdapter(Reference)
# Keys whose value has few choices: what else they can be.
OTHERWISE = {
    "dispersion": lambda value: "D3(BJ)" if value == "none" else "none",
    "functional": lambda value: "PBE" if value == "r2SCAN" else "r2SCAN",
    "method": lambda value: "GFN2-xTB",
    "xc_smoothing": lambda value: "NN10",
    "input_set": lambda value: "MPStaticSet",
    "incar": lambda value: {"ENCUT": 900},
}
KEYS = [
    (name, key) for name, settings in SHIPPED["references"].items() for key in settings if key not in ("code", "like")
]


def changed(key: str, value: object) -> object:
    """Another valid value of a setting."""
    if key in OTHERWISE:
        return OTHERWISE[key](value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return type(value)(value * 2)
    if isinstance(value, list):
        return [*value, "another"]
    if isinstance(value, dict):
        return {**value, "Fe": 5} if key == "unpaired_electrons" else {**value, "Fe": "another"}
    return 400.0 if key == "smearing_temperature_K" else "another"


def labelled(**info):
    frame = lithium_chloride()
    frame.info |= {"reference": "gfn1-xtb", "reference_digest": GFN1.digest(), "dispersion": "D3(BJ)", **info}
    return frame


@pytest.mark.parametrize(("name", "key"), KEYS)
def test_a_setting_invalidates_the_labels_of_its_reference_alone(name, key):
    before = load_campaign(SHIPPED)
    config = copy.deepcopy(SHIPPED)
    config["references"][name][key] = changed(key, config["references"][name][key])
    try:
        after = load_campaign(config)
    except InputError as refusal:
        pytest.skip(f"the only value: {refusal}")
    for each in SHIPPED["references"]:
        own = SHIPPED["references"][each]
        follows = each == name or (own.get("like") == name and key not in own)
        same = before.reference_identity(each) == after.reference_identity(each)
        assert same == (not follows or key in OPERATIONAL)
        digests = [campaign.settings.references[each].digest() for campaign in (before, after)]
        assert (digests[0] == digests[1]) == same


def test_frames_of_one_method_are_accepted():
    check_one_method([labelled(), labelled()], GFN1, reference_name="gfn1-xtb")
    check_one_method([], GFN1, reference_name="gfn1-xtb")


@pytest.mark.parametrize("other", [{"dispersion": "none"}, {"reference_digest": "0" * 16, "reference": "pbe"}])
def test_two_methods_are_refused(other):
    with pytest.raises(
        SaltflowError, match=r"1 of 3 labelled frames are not of gfn1-xtb .* One potential needs one method"
    ):
        check_one_method([labelled(), labelled(**other), labelled()], GFN1, reference_name="gfn1-xtb")


def test_frames_without_a_record_are_refused():
    with pytest.raises(SaltflowError, match="1 of 1 labelled frames"):
        check_one_method([lithium_chloride()], GFN1, reference_name="gfn1-xtb")


def test_two_releases_of_a_potcar_are_refused():
    frames = [labelled(potcars=f"PAW_PBE Li_sv x sha256:{sha}; PAW_PBE Cl y sha256:{'c' * 64}") for sha in ("a1", "b2")]
    check_one_method(frames[:1], GFN1, reference_name="gfn1-xtb")
    with pytest.raises(
        SaltflowError, match="Two different POTCAR files among the labels have the title PAW_PBE Li_sv x"
    ):
        check_one_method(frames, GFN1, reference_name="gfn1-xtb")
