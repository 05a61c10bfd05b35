"""The registry and the rule files agree."""

import re
from pathlib import Path

from saltflow.campaign.config_files import read_configuration
from saltflow.operations.plan.reasons import SET_AS
from saltflow.operations.rules import RULE

ROOT = Path(__file__).parents[3]


def test_a_rule_that_follows_a_protocol_names_its_setting():
    """The plan says by it which setting runs a job again."""
    for path in sorted((ROOT / "rules").rglob("*.smk")):
        for name, body in re.findall(r"^rule (\w+):(.*?)(?=^rule |\Z)", path.read_text(), flags=re.M | re.S):
            follows = re.search(r"^ {8}protocol=", body, flags=re.M)
            assert bool(follows) == bool(RULE[name].protocol), name


def test_every_parameter_of_a_rule_is_known_to_the_reasons_of_a_plan():
    names = {
        name
        for path in (ROOT / "rules").rglob("*.smk")
        for block in re.findall(r"^    params:\n((?:        .*\n)+)", path.read_text(), flags=re.M)
        for name in re.findall(r"^        (\w+)=", block, flags=re.M)
    }
    sections = set(read_configuration([])) | {"protocol", "reference", "code"}
    own = {"facts", "imported", "potential", "dispersion", "prescreen"}  # what they hold says it by itself
    assert names - sections - set(SET_AS) == own
    assert set(SET_AS) <= names
    tables = {"compositions.tsv", "potentials.tsv"}
    keys = set(SET_AS.values()) - tables
    assert {key for key in keys if not _exists(read_configuration([]), key)} == set()


def _exists(settings: dict, key: str) -> bool:
    for name in key.split("."):
        if name not in settings:
            return False
        settings = settings[name]
    return True
