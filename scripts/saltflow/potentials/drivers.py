"""What drives molecular dynamics: a MACE file, or a universal potential in a process of its own."""

import os
from collections.abc import Mapping

from saltflow.base.provenance import check_hash, read_json
from saltflow.campaign.dispersion_switch import check_apart
from saltflow.campaign.settings.references import UniversalReference, read_reference
from saltflow.potentials.mace import Committee, load_foundation, load_released
from saltflow.potentials.universal.driver import UniversalDriver


def load_driver(
    model: str | os.PathLike, release: str | os.PathLike, *, config: Mapping, dynamics: Mapping
) -> Committee | UniversalDriver:
    """What a release record names.

    Args:
        model, release: results/potentials/{potential}/released.model and released.json.
        config: of the job; `execution.device` for a MACE file, `references` for a universal potential.
        dynamics: the section `dynamics` of the rules, for dtype and dispersion.

    Raises:
        SaltflowError: see `load_released` and `UniversalDriver`.
    """
    record = read_json(release)
    if "universal" not in record["reference"]:
        return load_released(model, release, device=config["execution"]["device"], dynamics=dynamics)
    check_hash(model, pinned=record["sha256"])
    check_apart(record, dynamics["dispersion"], potential=record["potential"])
    return _universal(record["reference"]["foundation"], config=config, dynamics=dynamics)


def load_sampler(
    foundation: Mapping, *, path: str | None, release: str | None, config: Mapping, dynamics: Mapping
) -> Committee | UniversalDriver | None:
    """What melts the first cells of a potential; None where nothing does. Arguments as in `load_foundation`."""
    if foundation["kind"] == "universal":
        return _universal(foundation["name"], config=config, dynamics=dynamics)
    device = config["execution"]["device"]
    return load_foundation(foundation, path=path, release=release, device=device, dynamics=dynamics)


def _universal(name: str, *, config: Mapping, dynamics: Mapping) -> UniversalDriver:
    reference = read_reference(config["references"], name)
    assert isinstance(reference, UniversalReference), f"{name} is no universal potential"
    return UniversalDriver(reference, dispersion=dynamics["dispersion"])
