"""A job that takes hours: it resumes where it was killed, and does nothing where its products are there already."""

import json
import logging
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from saltflow.base.provenance import REDUCED, digest, sha256_as_made, write_json

log = logging.getLogger(__name__)
RECORD, END = ".made.json", ".end.pt"


def is_record(path: str | os.PathLike) -> bool:
    """Whether a file says what a long job was made from or ended with, or which file it was before it was reduced."""
    name = Path(path).name
    return name.startswith(".") and name.endswith((RECORD, REDUCED, END))


class LongJob:
    """What a job makes, and from what.

    Args:
        products: the files that it writes; the first names its scratch folder and its record.
        settings: JSON-able, all that changes a product besides the inputs.
        inputs: input files; their contents count, not their paths.
    """

    def __init__(self, products: Sequence[str | os.PathLike], settings: object, *, inputs: Iterable[str | os.PathLike]):
        self._products = [Path(path) for path in products]
        self._settings = settings
        self._inputs = [Path(path) for path in inputs]

    def is_done(self) -> bool:
        """Whether the products are there, whole, and made from the same settings and inputs.

        They are then as good as new and get the present time, as Snakemake expects of a job.
        """
        try:
            made = json.loads(self._record.read_text())
        except (OSError, ValueError):
            return False
        if made.get("request") != self._request or made.get("products") != self._hashes():
            return False
        for path in self._products:
            os.utime(path)
        log.info("made before from the same settings and inputs: kept")
        return True

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for the checkpoints of the job, which finds them again when it was killed.

        Another request never reads them. The folder stays when the block fails. When it succeeds, the folder is
        removed with those of other requests, and what was made from what is noted beside the products.
        """
        folder = self._beside(".work") / self._request
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        write_json(self._record, {"request": self._request, "products": self._hashes()})
        shutil.rmtree(folder.parent)

    @cached_property
    def _request(self) -> str:
        return digest([self._settings, [sha256_as_made(path) for path in self._inputs]])

    @property
    def _record(self) -> Path:
        return self._beside(RECORD)

    def _beside(self, ending: str) -> Path:
        return self._products[0].with_name(f".{self._products[0].name}{ending}")

    def _hashes(self) -> dict[str, str | None]:
        return {path.name: sha256_as_made(path) if path.is_file() else None for path in self._products}
