"""ASE calculators that misbehave, each in one way; found by their import path as a user's own would be."""

import os
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import numpy as np
from ase.calculators.calculator import all_changes
from ase.calculators.emt import EMT


class Undefined(EMT):
    """No number as the energy of cells above 60 Å³, and an error above 70 Å³."""

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        if atoms.cell.volume > 70:
            raise FloatingPointError("the descriptors overflow")
        if atoms.cell.volume > 60:
            self.results["energy"] = np.nan


class WithoutStress(EMT):
    """Energies and forces alone."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012 - as ASE has it


class Fetching(EMT):
    """Wants its weights from the network, and goes on without them."""

    def __init__(self):
        super().__init__()
        with suppress(OSError):
            urllib.request.urlopen("http://weights.example.org/model")


class FetchingLate(EMT):
    """Wants something from the network with the first structure."""

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        urllib.request.urlopen("http://192.0.2.1/model")


class Loading(EMT):
    """Leaves a mark beside weights that it has loaded."""

    def __init__(self, weights: str):
        super().__init__()
        Path(weights).with_suffix(".loaded").touch()


class Failing(EMT):
    """An error with every structure."""

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        raise ZeroDivisionError("there is no list")


class Dying(EMT):
    """Takes its process with it."""

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        os._exit(3)


class Sleeping(EMT):
    """Gives no answer."""

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        time.sleep(600)
