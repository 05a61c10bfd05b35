"""A universal potential, or any other ASE calculator, as driver of molecular dynamics: served by a child process."""

import logging
import os
from collections.abc import Iterable
from functools import partial

import numpy as np
import torch
from ase import Atoms
from ase.data import chemical_symbols

from saltflow.base.child_object import ChildEndedError, ChildObject, ChildTimeoutError, ForeignError
from saltflow.base.errors import SaltflowError
from saltflow.campaign.dispersion_switch import NONE, functional_of
from saltflow.campaign.settings.references import UniversalReference
from saltflow.potentials.d3 import Dispersion
from saltflow.potentials.kept_pairs import renew_lists
from saltflow.potentials.protocol import Evaluation, stack
from saltflow.potentials.universal.environment import find_python
from saltflow.potentials.universal.evaluator import start_evaluator

LARGEST_COORDINATE_A = 1e6  # a cell beyond it has blown up

log = logging.getLogger(__name__)


class UniversalDriver:
    """An ASE calculator with the interface of `MDPotential`; it evaluates one cell after another.

    The atoms stay on the CPU here; `device` of the reference is the calculator's. It starts with the first evaluation.

    Args:
        reference: of the potential.
        dispersion: added to it, such as "D3(BJ) of PBE", or none.

    Raises:
        SaltflowError: its Python is missing.
    """

    def __init__(self, reference: UniversalReference, *, dispersion: str = NONE):
        self.reference, self.device = reference, torch.device("cpu")
        self.evaluated_by = f"{reference.package} {reference.version}"
        functional = functional_of(dispersion)
        self.dispersion = functional and Dispersion(functional, device=self.device, dtype=torch.float64)
        self.has_worked = False
        self._child = ChildObject(
            partial(start_evaluator, reference),
            python=find_python(reference),
            environment={"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")},
        )

    def lacks(self, symbols: Iterable[str]) -> list[str]:
        """Those elements that the potential has not learned, sorted."""
        return self.reference.lacks(symbols)

    def check_elements(self, numbers: np.ndarray, *, composition: str) -> None:
        """Refuse a cell with elements that the potential has not learned.

        Raises:
            SaltflowError: naming the composition and the elements.
        """
        if missing := self.lacks(chemical_symbols[number] for number in set(numbers.tolist())):
            raise SaltflowError(
                f"{composition}: {self.reference.method} has not learned {', '.join(missing)}; choose another "
                "foundation in potentials.tsv."
            )

    def on(self, numbers: np.ndarray, system: np.ndarray) -> "BoundUniversal":
        """Bind it to atomic numbers (atoms,) and the non-decreasing index of the cell of each atom, (atoms,)."""
        return BoundUniversal(self, numbers, system)

    def on_frame(self, frame: Atoms) -> tuple["BoundUniversal", torch.Tensor, torch.Tensor]:
        """The potential bound to one frame, and the arguments of `evaluate`: positions (atoms, 3), cells (1, 3, 3)."""
        numbers, system, positions, boxes = stack([frame])
        return self.on(numbers, system), torch.as_tensor(positions), torch.as_tensor(boxes)

    def evaluate_cell(self, cell: Atoms) -> tuple[float, np.ndarray, np.ndarray] | None:
        """Energy, forces and stress of one cell; None where the calculator fails on it, though not on the first cell.

        Raises:
            SaltflowError: it fails on the first cell, ends, or gives no answer within its time limit.
        """
        name, limit_s = self.reference.method, self.reference.frame_timeout_s
        try:
            found = self._child.ask("evaluate", cell, limit_s=limit_s)
        except ChildTimeoutError:
            raise SaltflowError(
                f"{name}: no answer within {limit_s:g} s for {len(cell)} atoms; raise frame_timeout_s of the reference."
            ) from None
        except ChildEndedError as ended:
            raise SaltflowError(
                f"{name}: its process {ended} with a cell of {len(cell)} atoms; take smaller cells (cells.atoms) or a "
                "machine with more memory."
            ) from None
        except ForeignError as error:
            if not self.has_worked:
                raise SaltflowError(f"{name} cannot evaluate {cell.get_chemical_formula()}: {error}") from None
            log.warning("%s fails on a cell: %s", name, error)
            return None
        self.has_worked = True
        return found

    def close(self) -> None:
        """End its process; the next evaluation starts a new one."""
        self._child.close()


class BoundUniversal:
    """A universal potential bound to the atoms of a batch; its calculator makes its neighbour lists anew each time.

    listed_at: positions and cells of the last evaluation, NaN before the first.
    """

    def __init__(self, driver: UniversalDriver, numbers: np.ndarray, system: np.ndarray):
        self.driver, self.numbers = driver, np.asarray(numbers)
        self.systems = int(system.max()) + 1
        self.bounds = np.searchsorted(system, np.arange(self.systems + 1)).tolist()
        self.system = torch.as_tensor(system, dtype=torch.long)
        self.dispersion = driver.dispersion and driver.dispersion.on(numbers, self.system, self.bounds)
        nowhere = torch.full((len(self.numbers), 3), torch.nan, dtype=torch.float64)
        self.listed_at = (nowhere, torch.full((self.systems, 3, 3), torch.nan, dtype=torch.float64))

    def list_neighbours(self, positions: torch.Tensor, cells: torch.Tensor) -> None:
        """Nothing to list: every evaluation does."""
        self.listed_at = (positions.clone(), cells.clone())

    def evaluate(
        self, positions: torch.Tensor, cells: torch.Tensor, *, all_models: bool = False, isolate: bool = True
    ) -> Evaluation:
        """Energies, forces and stresses; numbers of a cell that has blown up are NaN.

        Args:
            positions: (atoms, 3) Å, wrapped or not. cells: (systems, 3, 3) Å, rows are lattice vectors.
            all_models: there is one, whose force_std is zero. isolate: cells never affect each other.
        """
        self.list_neighbours(positions, cells)
        energies = torch.full((self.systems,), torch.nan, dtype=torch.float64)
        forces = torch.full((len(self.numbers), 3), torch.nan, dtype=torch.float64)
        stresses = torch.full((self.systems, 3, 3), torch.nan, dtype=torch.float64)
        active = torch.zeros(self.systems, dtype=torch.bool)
        for index in range(self.systems):
            atoms = slice(self.bounds[index], self.bounds[index + 1])
            found = self._evaluate_cell(self.numbers[atoms], positions[atoms].numpy(), cells[index].numpy())
            if found is not None:
                active[index] = True
                energies[index], forces[atoms], stresses[index] = map(torch.as_tensor, found)
        if self.dispersion and bool(active.any()):
            added = self._dispersion_of(positions, cells, active)
            energies, forces, stresses = (
                own + more for own, more in zip((energies, forces, stresses), added, strict=True)
            )
        return Evaluation(energies, forces, stresses, torch.zeros(len(self.numbers), dtype=torch.float64))

    def _evaluate_cell(self, numbers: np.ndarray, positions: np.ndarray, box: np.ndarray) -> tuple | None:
        usable = (np.abs(positions) < LARGEST_COORDINATE_A).all() and (np.abs(box) < LARGEST_COORDINATE_A).all()
        if not usable or np.linalg.det(box) == 0:  # NaN compares false
            return None
        cell = Atoms(numbers=numbers, positions=positions, cell=box, pbc=True)
        cell.wrap(eps=0.0)
        return self.driver.evaluate_cell(cell)

    def _dispersion_of(self, positions: torch.Tensor, cells: torch.Tensor, active: torch.Tensor) -> tuple:
        """That of the active cells; others get a cell in which nothing goes wrong."""
        harmless = torch.eye(3, dtype=cells.dtype)
        usable = torch.where(active[self.system, None], positions, 0.0)
        cells = torch.where(active[:, None, None], cells, harmless)
        renew_lists([self.dispersion.pairs], usable, cells, active)
        return self.dispersion.evaluate(usable, cells)
