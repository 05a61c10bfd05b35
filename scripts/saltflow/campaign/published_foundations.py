"""Published MACE models that a training can start from: name, hash and licence, for a sentence and for a download.

They are the files of the releases of the GitHub repository ACEsuit/mace-foundations. `agreed` counts independent public
records of the hash that were compared; where it is one, the first download confirms it.
"""

from pathlib import PurePath
from typing import NamedTuple


class PublishedFoundation(NamedTuple):
    """A published model. name: of its file, without suffix. listed_as: in mace's list."""

    name: str
    listed_as: str
    sha256: str
    licence: str
    agreed: int


ASL = "Academic Software License: academic use only"
PUBLISHED = (
    PublishedFoundation(
        "mace-mpa-0-medium",
        "medium-mpa-0",
        "75428afe3a1d7d8062e19bcaabd5c433623cabf308242ec9fb493e38604fb638",
        "MIT",
        agreed=10,
    ),
    PublishedFoundation(
        "mace-mh-1", "mh-1", "ec00a2705854622fbbd898ccfb7701072fcd674709102d009fb919c1b8cc5dde", ASL, agreed=2
    ),
    PublishedFoundation(
        "mace-omat-0-medium",
        "medium-omat-0",
        "d4b14be9afa294eebdbe31a0280b26a0fa29715771e978cbfd3ca24e0d90307a",
        ASL,
        agreed=1,
    ),
    PublishedFoundation(
        "mace-omat-0-small",
        "small-omat-0",
        "0abfde07862cf1e93b8b4d03cb702f29ce9c344ff2fc4de2ec0d7166d6c113a5",
        ASL,
        agreed=1,
    ),
    PublishedFoundation(
        "MACE-matpes-pbe-omat-ft",
        "mace-matpes-pbe-0",
        "e618ad582b84239905b9c3b77ce6e9ce111b0ecd1533223a1a6aac7a696b8aa0",
        ASL,
        agreed=1,
    ),
    PublishedFoundation(
        "mace-mp-0b3-medium",
        "medium-0b3",
        "2f2be696351ac9e94fbe01cdfb6f017679acdbd2db7645209ef55fec9826b012",
        "MIT",
        agreed=1,
    ),
)


def find_published(file_or_name: str) -> PublishedFoundation | None:
    """The published model of a file name, with or without suffix and folders, or of a name in mace's list."""
    name = PurePath(file_or_name.removesuffix(".model")).name.lower()
    return next((each for each in PUBLISHED if name in (each.name.lower(), each.listed_as)), None)
