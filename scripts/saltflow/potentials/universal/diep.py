"""DIEP in double precision: in single precision forces on nearly straight triplets of atoms are off by many eV/Å."""

from ase.calculators.calculator import BaseCalculator


def make_calculator(path: str, device: str) -> BaseCalculator:
    """The calculator of an exported model in a folder, in double precision.

    The package notes spurious forces of up to 75 eV/Å in single precision on 1 % of MatPES.
    """
    from diep import config
    from diep.pretrained import make_calculator as in_single_precision

    config.set_default_dtype("float", 64)
    calculator = in_single_precision(path, device=device)
    calculator.potential.double()
    return calculator
