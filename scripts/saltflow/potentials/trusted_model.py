"""The hash by which a command trusts a model file that its user names."""

from pathlib import Path

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import read_json


def trusted_hash(model: Path, *, given: str | None) -> str:
    """The SHA-256 that a model file must have: what the user gives, or what its release record beside it says.

    Args:
        model: the file, such as results/potentials/NAME/released.model.
        given: by --sha256.

    Raises:
        SaltflowError: nobody says it. A model is a pickle, which can run any program when it is loaded.
    """
    record = model.with_suffix(".json")
    if given:
        return given
    if record.is_file() and "sha256" in (content := read_json(record)):
        return content["sha256"]
    raise SaltflowError(
        f"{model}: nothing vouches for this file, and loading a model runs what is in it; where you trust its origin, "
        f"give --sha256 (sha256sum {model} prints it)."
    )
