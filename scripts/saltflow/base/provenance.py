"""Identity and provenance of products: content hashes, atomic writes, records."""

import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from saltflow import __version__
from saltflow.base.errors import SaltflowError

RECORDED_PACKAGES = (
    "ase",
    "dftd3",
    "gpaw",
    "h5py",
    "mace-torch",
    "MDAnalysis",
    "numpy",
    "packmol",
    "tblite",
    "torch",
    "torch-dftd",
)


# Wildcard of a rule → its key in products, its type, its text in messages.
IDENTITY: Mapping[str, tuple[str, Callable[[str], object], str]] = {
    "composition": ("composition", str, "{}"),
    "replica": ("replica", int, "replica {}"),
    "mode": ("mode", str, "{} frozen"),
    "temperature": ("temperature_K", float, "{:g} K"),
    "potential": ("potential", str, "potential {}"),
    "generation": ("generation", int, "generation {}"),
    "excluded": ("excluded_composition", str, "without {}"),
    "member": ("member", int, "member {}"),
    "chunk": ("chunk", int, "chunk {}"),
    "reference": ("reference", str, "{}"),
    "element": ("element", str, "{}"),
}


@contextmanager
def atomic_write(target: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary path beside `target`; rename it to `target` when the block succeeds.

    The temporary file has the suffix of the target, by which writers choose their format. It is removed when the block
    fails, so that no product is ever incomplete.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".writing-", suffix=target.suffix, dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _allow_umask(temporary)
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _allow_umask(path: Path) -> None:
    """Give a file made by mkstemp (0600) the permissions of an ordinary open."""
    umask = os.umask(0)
    os.umask(umask)
    path.chmod(0o666 & ~umask)


def write_json(target: str | os.PathLike, content: object) -> None:
    """Write `content` as indented JSON, atomically."""
    with atomic_write(target) as temporary:
        temporary.write_text(json.dumps(content, indent=2, sort_keys=False) + "\n")


def write_text(target: str | os.PathLike, text: str) -> None:
    """Write a text, atomically."""
    with atomic_write(target) as temporary:
        temporary.write_text(text)


def read_json(path: str | os.PathLike) -> dict:
    """Read a JSON object."""
    return json.loads(Path(path).read_text())


def sha256_of_file(path: str | os.PathLike) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def check_hash(path: str | os.PathLike, *, pinned: str) -> None:
    """Make sure that a model file has the pinned hash, before it is loaded.

    Raises:
        SaltflowError: the file is missing or its hash differs.
    """
    if not Path(path).is_file():
        raise SaltflowError(f"The model {path} is missing; put it there or correct potentials.tsv.")
    found = sha256_of_file(path)
    if found != pinned.lower():
        raise SaltflowError(
            f"The model {path} has SHA-256 {found} where {pinned} is pinned; it was not loaded: restore the file "
            "or correct foundation_sha256."
        )


def pinned_hash(foundation: Mapping, *, release: str | os.PathLike | None) -> str:
    """The pinned SHA-256 of a foundation.

    Args:
        foundation: kind (file or potential) and, for a file, sha256.
        release: record of a foundation that this workflow trained.
    """
    return foundation["sha256"] if foundation["kind"] == "file" else read_json(release)["sha256"]


def digest(content: object) -> str:
    """Sixteen hexadecimal digits that identify a JSON-able value, independent of the order of its keys."""
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def provenance(*, settings: Mapping, inputs: Mapping[str, str | os.PathLike], **facts: object) -> dict:
    """The provenance record of a product.

    Args:
        settings: section of the settings.
        inputs: name → path of each input file; its SHA-256 is recorded, not its path.
        facts: further entries (reference frame, dispersion, model hash).
    """
    return {
        "saltflow": __version__,
        "python": platform.python_version(),
        "packages": _installed_versions(),
        "settings": dict(settings),
        "inputs": {name: sha256_of_file(path) for name, path in inputs.items()},
        **facts,
    }


def identity(wildcards: Mapping[str, str], **more: object) -> dict[str, object]:
    """What a product is, for its first keys.

    >>> identity({"composition": "LiCl", "temperature": "600"}, potential="chlorides")
    {'composition': 'LiCl', 'temperature_K': 600.0, 'potential': 'chlorides'}

    Args:
        wildcards: of the job.
        more: keys that are no wildcards of the job.

    Raises:
        KeyError: a wildcard is not in `IDENTITY`.
    """
    found = {}
    for name, value in wildcards.items():
        key, convert, _ = IDENTITY[name]
        found[key] = convert(value)
    return found | more


def title(product: Mapping[str, object]) -> str:
    """What a product is, for messages: "LiCl, TR frozen, 600 K" or "potential chlorides, generation 1, member 2".

    Args:
        product: of `identity`.
    """
    return ", ".join(form.format(product[key]) for key, _, form in IDENTITY.values() if key in product)


def numbered(name: str, paths: Iterable[str | os.PathLike]) -> dict[str, str | os.PathLike]:
    """Names for input files: {"replica1": …, "replica2": …}."""
    return {f"{name}{number}": path for number, path in enumerate(paths, start=1)}


def _installed_versions() -> dict[str, str]:
    versions = {}
    for package in RECORDED_PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def derive_seed(*parts: object) -> int:
    """A random seed that depends on its parts alone: derive_seed(sweep seed, "replica", id, 1)."""
    return int(digest([str(part) for part in parts]), 16) % 2**31


@contextmanager
def scratch(
    target: str | os.PathLike, settings: object, *, inputs: Iterable[str | os.PathLike], keep: bool = False
) -> Iterator[Path]:
    """A folder beside `target` for the checkpoints of a long job, named by a hash of the job.

    The same settings and input contents give the same folder, so a killed job resumes; another job never reads its
    checkpoints. The folder stays when the block fails. It is removed when the block succeeds, stale ones at once.

    Args:
        target: main product of the job.
        settings: JSON-able settings of the job.
        inputs: input files; their contents count, not their paths.
        keep: the folder stays when the block succeeds. When one job of a group fails, Snakemake repeats the whole
            group, and a finished job then resumes at its end.
    """
    target = Path(target)
    contents = [sha256_of_file(path) for path in inputs if Path(path).is_file()]
    folder = target.parent / f".{target.name}.work" / digest([settings, contents])
    for stale in folder.parent.glob("*"):
        if stale != folder:
            shutil.rmtree(stale)
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
    if not keep:
        shutil.rmtree(folder.parent)
