"""The settings that a study runs its dynamics with: those of the repository, without a sweep's own."""

from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.settings.whole import load_settings


def shipped_settings() -> dict:
    """All sections, as plain builtins."""
    return load_settings(read_configuration([])).model_dump(mode="json")
