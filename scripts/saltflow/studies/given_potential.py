"""The potential that a user or a table names: a model file, or a universal one."""

from collections.abc import Mapping
from pathlib import Path

from saltflow.base.errors import InputError
from saltflow.base.provenance import read_json, sha256_of_file
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.settings.references import UniversalReference, read_reference, resolve_likeness
from saltflow.potentials.protocol import MDPotential
from saltflow.potentials.trusted_model import trusted_hash
from saltflow.potentials.universal.driver import UniversalDriver


def load_given(
    model: str, *, sha256: str | None, device: str, references: Mapping | None = None
) -> tuple[MDPotential, str]:
    """The potential of a model file, or of the name of a universal one, and the hash of its weights.

    Args:
        model: path of a MACE file, or name of a universal potential.
        sha256: that the file must have; None where its release record lies beside it.
        device: of a MACE file.
        references: name → settings of every reference method; None takes those that are shipped.

    Raises:
        InputError: it is neither.
        SaltflowError: the hash is unknown or another.
    """
    path = Path(model)
    if path.is_file():
        from saltflow.potentials.mace import load_committee  # with torch and mace, seconds

        pinned = trusted_hash(path, given=sha256)
        return load_committee([path], sha256=[pinned], device=device, dtype="float64"), sha256_of_file(path)
    known = read_configuration([])["references"] if references is None else references
    universal = [name for name, each in resolve_likeness(known).items() if each.get("code") == "universal"]
    if model not in universal:
        raise InputError([f"--potential: '{model}' is no file, and none of {', '.join(universal)}; correct it."])
    reference = read_reference(known, model)
    assert isinstance(reference, UniversalReference)
    return UniversalDriver(reference), str(reference.sha256)


def potential_of(driver: Mapping, *, model: str, release: str, config: Mapping) -> tuple[MDPotential, str]:
    """The potential of a job and the hash of its weights.

    Args:
        driver: name; dynamics (dtype, dispersion) where it is one of potentials.tsv.
        model, release: files; empty for a universal potential that the table of crystals names.
        config: of the job.

    Raises:
        SaltflowError: as of `load_driver` and `load_given`.
    """
    if driver["dynamics"]:
        from saltflow.potentials.drivers import load_driver  # with torch and mace, seconds

        return load_driver(model, release, config=config, dynamics=driver["dynamics"]), read_json(release)["sha256"]
    device = config["execution"]["device"]
    return load_given(model or driver["name"], sha256=None, device=device, references=config["references"])
