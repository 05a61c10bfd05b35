"""Fetch a published MACE model and make sure that it is the published one."""

import contextlib
import io
from pathlib import Path

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import copy_file, sha256_of_file
from saltflow.campaign.published_foundations import PUBLISHED, PublishedFoundation, find_published


def fetch_foundation(name: str, folder: Path) -> tuple[Path, str]:
    """A published MACE model as a file of a folder, which is made where it is missing.

    Args:
        name: of its file, such as mace-mpa-0-medium, or in mace's list, such as medium-mpa-0.

    Returns:
        The file, {name}.model, and its SHA-256.

    Raises:
        SaltflowError: there is no such model, it could not be fetched, or its hash is not the published one.
    """
    from mace.calculators.foundations_models import download_mace_mp_checkpoint, mace_mp_urls  # seconds

    published = find_published(name)
    listed = published.listed_as if published else name
    if listed not in mace_mp_urls:
        names = ", ".join([*(each.name for each in PUBLISHED), *mace_mp_urls])
        raise SaltflowError(f"'{name}' is no foundation model that mace lists; take one of {names}.")
    path = folder / f"{name.removesuffix('.model')}.model"
    if not path.is_file():
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                fetched = Path(download_mace_mp_checkpoint(listed))
        except (OSError, RuntimeError) as error:
            raise SaltflowError(
                f"{mace_mp_urls[listed]} could not be fetched ({error}); fetch it where there is a network and copy it "
                f"to {path}."
            ) from None
        _check(fetched, published)
        copy_file(fetched, path)
    return path, _check(path, published)


def _check(path: Path, published: PublishedFoundation | None) -> str:
    """The SHA-256 of a file, which is the published one where that is known."""
    found = sha256_of_file(path)
    if published and found != published.sha256:
        raise SaltflowError(
            f"{path} has SHA-256 {found} where {published.sha256} is published for {published.name}; delete it and "
            "fetch it again."
        )
    return found
