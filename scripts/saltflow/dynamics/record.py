"""What every product of molecular dynamics says of itself first."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from saltflow.base.provenance import identity, provenance, read_json
from saltflow.campaign.dispersion_switch import method_name, method_of


class MDParams(Protocol):
    """Parameters of a rule of dynamics: its section of the settings, and the identity of the composition."""

    dynamics: Mapping
    composition: Mapping


def md_record(
    wildcards: Mapping[str, str],
    release: str | Path,
    params: MDParams,
    *,
    settings: Mapping,
    inputs: Mapping[str, str | Path],
) -> tuple[dict, dict]:
    """Identity and provenance of a run.

    Args:
        wildcards, params: of the job. release: record of the potential that drives it.
        settings: of the run, for the record. inputs: name → file.
    """
    released = read_json(release)
    method = method_of(released, params.dynamics)
    made = provenance(settings=settings, inputs=inputs, composition=params.composition, **method)
    name = method_name(released, params.dynamics["dispersion"])
    return identity(wildcards, potential=released["potential"], method=name), made
