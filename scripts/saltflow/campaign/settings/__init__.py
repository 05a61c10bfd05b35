"""Typed settings: the one place where config.yaml and overrides.yaml are read and checked.

The models hold no defaults: every value lives in the commented YAML. An unknown key is an error that
names it, so a misspelt key cannot be ignored. Numbers carry their unit in the key.
"""

from saltflow.campaign.settings.active_learning import RECIPE_KEYS
from saltflow.campaign.settings.molecular_dynamics import MODES
from saltflow.campaign.settings.overrides import Overrides, load_overrides, overridden
from saltflow.campaign.settings.schema import json_schema
from saltflow.campaign.settings.section import Section
from saltflow.campaign.settings.whole import COMPOSITION_SECTIONS, POTENTIAL_SECTIONS, Settings, load_settings

__all__ = [
    "COMPOSITION_SECTIONS",
    "MODES",
    "POTENTIAL_SECTIONS",
    "RECIPE_KEYS",
    "Overrides",
    "Section",
    "Settings",
    "json_schema",
    "load_overrides",
    "load_settings",
    "overridden",
]
