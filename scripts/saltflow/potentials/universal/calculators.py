"""Make the ASE calculator of a potential: package, weights, device and properties are checked first."""

import hashlib
import sys
from importlib import metadata
from pathlib import Path
from pkgutil import resolve_name

from ase.calculators.calculator import BaseCalculator

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import sha256_of_file
from saltflow.campaign.settings.references import WEIGHTS, UniversalReference
from saltflow.potentials.universal.no_network import check_refusals

NEEDED = ("energy", "forces", "stress")


def make_calculator(reference: UniversalReference) -> BaseCalculator:
    """The calculator of a reference, in this process.

    Raises:
        SaltflowError: its package is missing or of another version, its weights are not those that are pinned, there
            is no GPU for it, it gives no stress, or it wants to fetch something.
    """
    package = _check_package(reference)
    arguments = dict(reference.arguments)
    if reference.weights is not None:
        path = _checked_weights(reference, package)
        arguments = {key: str(path) if value == WEIGHTS else value for key, value in arguments.items()}
    if reference.device_argument is not None:
        _check_device(reference)
        arguments[reference.device_argument] = reference.device
    calculator = _call(reference, arguments)
    if lacking := [name for name in NEEDED if name not in calculator.implemented_properties]:
        raise SaltflowError(
            f"{reference.method}: {reference.calculator} gives no {' and no '.join(lacking)}, which labels need; "
            "choose another calculator."
        )
    return calculator


def weights_hash(path: Path) -> str:
    """SHA-256 of a file; of a folder that of the lines that `sha256sum *` prints in it."""
    if path.is_file():
        return sha256_of_file(path)
    lines = [f"{sha256_of_file(each)}  {each.name}\n" for each in sorted(path.iterdir()) if each.is_file()]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _check_package(reference: UniversalReference) -> metadata.Distribution:
    name, wanted = reference.package, f"{reference.package} {reference.version}"
    remedy = f"run `{sys.executable} -m pip install {name}=={reference.version}`"
    try:
        package = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise SaltflowError(f"{reference.method}: the package {wanted} is not installed; {remedy}.") from None
    if package.version != reference.version:
        raise SaltflowError(
            f"{reference.method}: {name} {package.version} is installed where {wanted} is pinned; {remedy}."
        )
    return package


def _checked_weights(reference: UniversalReference, package: metadata.Distribution) -> Path:
    """The weights, in the folder of packages or from the working directory, with the pinned hash."""
    candidates = [Path(package.locate_file(reference.weights)), Path(reference.weights).expanduser().resolve()]
    path = next((each for each in candidates if each.exists()), None)
    if path is None:
        raise SaltflowError(f"{reference.method}: there are no weights {reference.weights}; correct the path.")
    if (found := weights_hash(path)) != reference.sha256:
        raise SaltflowError(
            f"{reference.method}: the weights {path} have SHA-256 {found} where {reference.sha256} is pinned; they "
            "were not loaded: restore them, or correct sha256 of the reference."
        )
    return path


def _check_device(reference: UniversalReference) -> None:
    if reference.device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise SaltflowError(f"{reference.method}: {sys.executable} sees no GPU; write device: cpu.")


def _call(reference: UniversalReference, arguments: dict) -> BaseCalculator:
    try:
        calculator = resolve_name(reference.calculator)(**arguments)
    except Exception as error:
        check_refusals(reference.method)
        raise SaltflowError(
            f"{reference.method}: {reference.calculator} cannot be made ({type(error).__name__}: {error}); correct "
            "calculator, arguments or device_argument of the reference."
        ) from error
    check_refusals(reference.method)
    return calculator
