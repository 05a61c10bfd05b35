"""The hash that pins a model file which a user names on the command line."""

from pathlib import Path

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import read_json


def trusted_hash(model: Path, *, given: str | None) -> str:
    """The SHA-256 that a model file must have: the one given, else that of the release record beside it.

    Args:
        model: the file, such as results/potentials/NAME/released.model.
        given: by --sha256.

    Raises:
        SaltflowError: neither is there. A model is a pickle, which can run any program when it is loaded.
    """
    record = model.with_suffix(".json")
    if given:
        return given
    if record.is_file() and "sha256" in (content := read_json(record)):
        return content["sha256"]
    raise SaltflowError(
        f"{model} has no release record beside it, and loading a model can run any program; if you trust its origin, "
        f"give --sha256 (sha256sum {model} prints it)."
    )
