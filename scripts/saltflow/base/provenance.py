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
from saltflow.base.errors import DamagedProductError, SaltflowError

RECORDED_PACKAGES = (
    "ase",
    "dftd3",
    "gpaw",
    "h5py",
    "mace-torch",
    "MDAnalysis",
    "numpy",
    "packmol",
    "pymatgen",
    "scikit-learn",
    "tblite",
    "torch",
    "torch-dftd",
)

REDUCED = ".reduced.json"

# Wildcard of a rule, or what made a number → its key in products, its type, its text in messages and figures.
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
    "method": ("method", str, "{}"),
    "structure": ("structure", str, "{}"),
    "electrode": ("electrode", str, "electrode {}"),
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


def copy_file(source: str | os.PathLike, target: str | os.PathLike) -> None:
    """Copy the content of a file, atomically."""
    with atomic_write(target) as temporary:
        shutil.copyfile(source, temporary)


def write_json(target: str | os.PathLike, content: object) -> None:
    """Write `content` as indented JSON, atomically."""
    with atomic_write(target) as temporary:
        temporary.write_text(json.dumps(content, indent=2, sort_keys=False) + "\n")


def write_text(target: str | os.PathLike, text: str) -> None:
    """Write a text, atomically."""
    with atomic_write(target) as temporary:
        temporary.write_text(text)


def read_json(path: str | os.PathLike) -> dict:
    """Read a JSON object.

    Raises:
        DamagedProductError: the file holds something else.
    """
    try:
        content = json.loads(Path(path).read_text())
    except ValueError as error:  # neither text nor JSON
        raise DamagedProductError(path, error) from error
    if not isinstance(content, dict):
        raise DamagedProductError(path, "it is no JSON object")
    return content


def sha256_of_file(path: str | os.PathLike) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def reduction_record(path: str | os.PathLike) -> Path:
    """Where the hashes of a reduced file stand (`saltflow.base.reduced_file`)."""
    return Path(path).with_name(f".{Path(path).name}{REDUCED}")


def sha256_as_made(path: str | os.PathLike) -> str:
    """The SHA-256 of a file as its job wrote it, also where it has been reduced since to what is read of it."""
    found = sha256_of_file(path)
    try:
        record = json.loads(reduction_record(path).read_text())
    except (OSError, ValueError):
        return found
    return record["as_made"] if record.get("sha256") == found else found


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
            "(delete one that this workflow made and start the same command again), or correct foundation_sha256."
        )


def check_pinned(path: str | os.PathLike, pinned: str, *, key: str) -> None:
    """Make sure that a file has the hash that a setting pins.

    Args:
        key: of the setting, for the message.

    Raises:
        SaltflowError: the file is missing or its hash differs.
    """
    if not Path(path).is_file():
        raise SaltflowError(f"{key}: {path} does not exist; correct its path.")
    if (found := sha256_of_file(path)) != pinned:
        raise SaltflowError(f"{key}: {path} has SHA-256 {found} where {pinned} is pinned; restore the file.")


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
        inputs: name → path of each input file; its SHA-256 as it was made is recorded, not its path.
        facts: further entries (reference frame, dispersion, model hash).
    """
    return {
        "saltflow": __version__,
        "python": platform.python_version(),
        "packages": _installed_versions(),
        "settings": dict(settings),
        "inputs": {name: sha256_as_made(path) for name, path in inputs.items()},
        **facts,
    }


def identity(wildcards: Mapping[str, str], **more: object) -> dict[str, object]:
    """What a product is, for its first keys.

    >>> identity({"composition": "LiCl", "temperature": "600"}, potential="chlorides")
    {'composition': 'LiCl', 'temperature_K': 600.0, 'potential': 'chlorides'}

    Args:
        wildcards: of the job.
        more: keys that are no wildcards of the job; those that are None are left out.

    Raises:
        KeyError: a wildcard is not in `IDENTITY`.
    """
    found = {}
    for name, value in wildcards.items():
        key, convert, _ = IDENTITY[name]
        found[key] = convert(value)
    return found | {key: value for key, value in more.items() if value is not None}


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


def processor() -> str:
    """Model of the processor, as in /proc/cpuinfo."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())


def derive_seed(*parts: object) -> int:
    """A random seed that depends on its parts alone: derive_seed(sweep seed, "replica", id, 1)."""
    return int(digest([str(part) for part in parts]), 16) % 2**31
