"""Typed settings: the one place where config.yaml and overrides.yaml are read and checked.

The models hold no defaults: every value lives in the commented YAML. An unknown key is an error that
names it, so a misspelt key cannot be ignored. Numbers carry their unit in the key.
"""

from saltflow.settings.campaign import COMPOSITION_SECTIONS, POTENTIAL_SECTIONS, Settings, load_settings
from saltflow.settings.dynamics import MODES
from saltflow.settings.learning import RECIPE_KEYS
from saltflow.settings.overrides import Overrides, load_overrides, overridden
from saltflow.settings.schema import json_schema
from saltflow.settings.section import Section

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
