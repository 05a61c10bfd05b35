"""Make the lock files and the conda files from the dependency groups of pyproject.toml.

python requirements/lock.py          resolve every group at once and write requirements/, envs/
python requirements/lock.py --check  compare what is written with pyproject.toml, without a network
"""

import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ENVIRONMENTS = ("workflow", "reference", "learning", "dynamics", "analysis")
# Resolved by itself: SevenNet and MACE want different versions of e3nn.
APART = "universal"
# Lock file → the dependency groups that it holds
LOCKS = {"all": ENVIRONMENTS, "dev": ("dev",), APART: (APART,)} | {name: (name,) for name in ENVIRONMENTS}
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
    """Lock file name → direct requirements."""
    return {
        lock: [each for name in names for each in direct_requirements(project, name)] for lock, names in LOCKS.items()
    }


def first_releases(project: dict) -> list[str]:
    """The first release of every supported Python, the oldest first: later ones take what it takes."""
    return list(SpecifierSet(project["project"]["requires-python"]).filter(f"3.{minor}.0" for minor in range(100)))


def resolve(root: Path, names: Iterable[str], python: str, among: dict[str, str]) -> dict[str, str]:
    """What the dependency groups `names` need on one release of Python: canonical name → version.

    A package of `among` gets the version that it has there; of others the newest that this Python takes.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write(lock_text(among))
        constraints.flush()
        command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-annotate", "--no-header"]
        command += ["--python", sys.executable, "--python-version", python, "--constraint", constraints.name]
        command += [f"--group={root / 'pyproject.toml'}:{name}" for name in names]
        pins = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return dict(pin.split("==") for pin in pins if not pin.startswith(ACCELERATOR_PACKAGES))


def resolve_everything(root: Path) -> dict[str, str]:
    """One version of every package, for the oldest Python; the newer ones must need nothing beyond."""
    oldest, *newer = first_releases(read_project(root))
    names = (*ENVIRONMENTS, "dev")
    versions = resolve(root, names, oldest, {})
    for python in newer:
        beyond = resolve(root, names, python, versions).keys() - versions.keys()
        if beyond:
            sys.exit(f"Python {python} needs what {oldest} does not, and no lock has it: {', '.join(sorted(beyond))}")
    return versions


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
    together = {group: lock for group, lock in locks.items() if group != APART}
    everything = {name: version for lock in together.values() for name, version in lock.items()}
    for group, lock in together.items():
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
    everything = resolve_everything(root)
    for lock, names in LOCKS.items():
        versions = resolve(root, names, first_releases(project)[0], {} if lock == APART else everything)
        (root / "requirements" / f"{lock}.txt").write_text(lock_text(versions))
        if lock in ENVIRONMENTS:
            (root / "envs" / f"{lock}.yaml").write_text(conda_text(project, lock, versions))


def main() -> None:
    root = Path(__file__).resolve().parent.parent
    if sys.argv[1:] == ["--check"]:
        found = disagreements(root)
        if found:
            sys.exit("\n".join([*found, "Change versions in pyproject.toml and run `make lock`."]))
    else:
        write(root)


if __name__ == "__main__":
    main()
