"""Make the lock files and the conda files from the dependency groups of pyproject.toml.

python requirements/lock.py          resolve every group at once and write requirements/, envs/
python requirements/lock.py --check  compare what is written with pyproject.toml, without a network
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ENVIRONMENTS = ("workflow", "reference", "learning", "dynamics", "analysis")
LOCKED_PYTHON = (3, 11)
# Torch on Linux asks for the CUDA packages of its own build; pip adds them where that build is used.
ACCELERATOR_PACKAGES = ("nvidia-", "cuda-", "triton")
HEADER = "# Made from pyproject.toml by `make lock`; change versions there.\n"


def direct_requirements(project: dict, group: str) -> list[Requirement]:
    """The requirements of one dependency group, those of the groups that it includes first."""
    found = []
    for entry in project["dependency-groups"][group]:
        if isinstance(entry, dict):
            found += direct_requirements(project, entry["include-group"])
        else:
            found.append(Requirement(entry))
    return found


def groups(project: dict) -> dict[str, list[Requirement]]:
    """Lock file name → direct requirements; `all` is the five environments together."""
    direct = {name: direct_requirements(project, name) for name in (*ENVIRONMENTS, "dev")}
    return direct | {"all": [each for name in ENVIRONMENTS for each in direct[name]]}


def resolve(requirements: list[Requirement]) -> dict[str, dict]:
    """Let pip choose one version of every package; canonical name → its metadata. Installs nothing."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        pins = sorted({str(each) for each in requirements})
        subprocess.run([*command, "--report", str(report), *pins], check=True)
        chosen = [entry["metadata"] for entry in json.loads(report.read_text())["install"]]
    return {canonicalize_name(metadata["name"]): metadata for metadata in chosen}


def closure(direct: list[Requirement], resolved: dict[str, dict]) -> dict[str, str]:
    """Canonical name → version of the direct requirements and all that they need, directly or not."""
    versions: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    queue = list(direct)
    while queue:
        requirement = queue.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if name.startswith(ACCELERATOR_PACKAGES) or (name, extras) in seen:
            continue
        seen.add((name, extras))
        versions[name] = Version(resolved[name]["version"]).public
        needed = map(Requirement, resolved[name].get("requires_dist", []))
        queue += [each for each in needed if _applies(each, extras)]
    return versions


def _applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras))


def lock_text(versions: dict[str, str]) -> str:
    """A pip requirements file with one exact pin per line."""
    return HEADER + "".join(f"{name}=={versions[name]}\n" for name in sorted(versions))


def conda_text(project: dict, environment: str, versions: dict[str, str]) -> str:
    """A conda file whose pip section repeats the lock: Snakemake copies the file, so it stands alone."""
    conda = project["tool"]["saltflow"]["conda"]
    packages = [*conda["every"], *conda.get(environment, [])]
    pins = [f"{name}=={versions[name]}" for name in sorted(versions)]
    lines = ["channels:", "  - conda-forge", "  - nodefaults", "dependencies:"]
    lines += [f"  - {package}" for package in packages]
    lines += ["  - pip:", *(f"      - {pin}" for pin in pins)]
    return HEADER + "\n".join(lines) + "\n"


def read_lock(path: Path) -> dict[str, str]:
    """Name → version of a lock file; empty when it is not there."""
    lines = path.read_text().splitlines() if path.is_file() else []
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def disagreements(root: Path) -> list[str]:
    """Sentences that say where pyproject.toml, the locks and the conda files are out of step."""
    project = read_project(root)
    locks = {name: read_lock(root / "requirements" / f"{name}.txt") for name in groups(project)}
    found = _direct_disagreements(project, locks)
    everything = {name: version for lock in locks.values() for name, version in lock.items()}
    for group, lock in locks.items():
        for name, version in lock.items():
            if version != everything[name]:
                found.append(f"requirements/{group}.txt pins {name} {version}, not {everything[name]}")
    if set(locks["all"]) != {name for environment in ENVIRONMENTS for name in locks[environment]}:
        found.append("requirements/all.txt is not the union of the five environments")
    for environment in ENVIRONMENTS:
        path = root / "envs" / f"{environment}.yaml"
        expected = conda_text(project, environment, locks[environment])
        if not path.is_file() or path.read_text() != expected:
            found.append(f"envs/{environment}.yaml does not follow requirements/{environment}.txt")
    return found


def _direct_disagreements(project: dict, locks: dict[str, dict[str, str]]) -> list[str]:
    found = []
    for group, requirements in groups(project).items():
        for requirement in requirements:
            locked = locks[group].get(canonicalize_name(requirement.name))
            if f"=={locked}" != str(requirement.specifier):
                found.append(f"pyproject.toml asks for {requirement}, requirements/{group}.txt has {locked}")
    return found


def read_project(root: Path) -> dict:
    """The parsed pyproject.toml of a checkout."""
    return tomllib.loads((root / "pyproject.toml").read_text())


def write(root: Path) -> None:
    """Resolve every group together and write all lock files and conda files."""
    project = read_project(root)
    direct = groups(project)
    resolved = resolve(direct["all"] + direct["dev"])
    for group, requirements in direct.items():
        versions = closure(requirements, resolved)
        (root / "requirements" / f"{group}.txt").write_text(lock_text(versions))
        if group in ENVIRONMENTS:
            (root / "envs" / f"{group}.yaml").write_text(conda_text(project, group, versions))


def main() -> None:
    root = Path(__file__).resolve().parent.parent
    if sys.argv[1:] == ["--check"]:
        found = disagreements(root)
        if found:
            sys.exit("\n".join([*found, "Change versions in pyproject.toml and run `make lock`."]))
    elif sys.version_info[:2] != LOCKED_PYTHON:
        sys.exit("Run `make lock` with Python 3.11, the oldest one supported: make lock PYTHON=python3.11")
    else:
        write(root)


if __name__ == "__main__":
    main()
