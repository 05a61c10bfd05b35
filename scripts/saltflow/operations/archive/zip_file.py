"""The archive file: written whole or not at all, and equal bytes from equal files."""

import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import atomic_write
from saltflow.operations.archive.contents import SWEEP, Item

FOLDER = "archives"
MANIFEST = "manifest-sha256.txt"
METADATA = "ro-crate-metadata.json"
COMPRESSED_ALREADY = (".h5md", ".model")
BLOCK = 1 << 20


@dataclass(frozen=True)
class Packed:
    """A file in an archive."""

    path: str
    size_bytes: int
    sha256: str


def pack(
    target: Path, items: Sequence[Item], *, date: datetime, describe: Callable[[Sequence[Packed]], Iterable[Item]]
) -> list[Packed]:
    """Write an archive; its last file is the manifest, which `sha256sum --check` reads.

    Args:
        target: the archive.
        items: its files, in their order.
        date: of every file inside, so that none is newer than another; their own dates are in their records.
        describe: what describes the files once their hashes are known.

    Returns:
        every file but the manifest.

    Raises:
        SaltflowError: the disk is too full.
    """
    target.parent.mkdir(exist_ok=True)
    check_space(target.parent, size_bytes=sum(_size(item) for item in items))
    with atomic_write(target) as temporary, ZipFile(temporary, "w") as file:
        packed = [_add(file, item, date) for item in items]
        packed += [_add(file, item, date) for item in describe(packed)]
        manifest = "".join(f"{each.sha256}  {each.path}\n" for each in packed)
        _add(file, Item(MANIFEST, manifest.encode()), date)
    return packed


def check_space(folder: Path, *, size_bytes: int) -> None:
    """Make sure that a disk has room.

    Raises:
        SaltflowError: it has not.
    """
    free = shutil.disk_usage(folder).free
    if free < size_bytes:
        raise SaltflowError(
            f"The archive needs {size_bytes / 1e9:.3f} GB and the disk of {folder} has {free / 1e9:.3f} GB left; "
            "free some space there (`saltflow tidy` says where)."
        )


def _size(item: Item) -> int:
    return len(item.source) if isinstance(item.source, bytes) else item.source.stat().st_size


def _add(file: ZipFile, item: Item, date: datetime) -> Packed:
    entry = ZipInfo(item.path, date.astimezone(UTC).timetuple()[:6])
    entry.compress_type = ZIP_STORED if item.path.endswith(COMPRESSED_ALREADY) else ZIP_DEFLATED
    entry.external_attr = 0o100644 << 16
    sha256, size = hashlib.sha256(), 0
    with file.open(entry, "w", force_zip64=True) as target:
        for block in _blocks(item.source):
            target.write(block)
            sha256.update(block)
            size += len(block)
    return Packed(item.path, size, sha256.hexdigest())


def _blocks(source: Path | bytes) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    with source.open("rb") as handle:
        while block := handle.read(BLOCK):
            yield block


def archived_files(sweep: Path) -> dict[str, str]:
    """Path of a file of the sweep → the archive that holds it: one of that size, packed after it was written."""
    found = {}
    for archive in sorted((sweep / FOLDER).glob("*.zip")):
        packed_at = archive.stat().st_mtime
        with ZipFile(archive) as file:
            for entry in file.infolist():
                path = entry.filename.removeprefix(f"{SWEEP}/")
                original = sweep / path
                if path != entry.filename and original.is_file():
                    status = original.stat()
                    if status.st_size == entry.file_size and status.st_mtime < packed_at:
                        found[path] = f"{FOLDER}/{archive.name}"
    return found
