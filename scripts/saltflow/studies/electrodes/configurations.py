"""Occupations of a host relaxed with their cells, each kept in a file of its own."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms

from saltflow.base.provenance import digest
from saltflow.studies.electrodes.host import Host
from saltflow.studies.electrodes.integrity import FrameworkBonds
from saltflow.studies.kept_numbers import find_kept, keep
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation
from saltflow.studies.relaxation.relaxed_cells import relax_cells
from saltflow.studies.relaxation.relaxed_states import relax

OK, NOT_RELAXED, UNPHYSICAL = "ok", "not relaxed", "unphysical"
ATOMS_ON_A_CPU = 200  # of a batch; more are no faster there, and lose more when stopped
MADE_BY = ("force_eV_A", "steps", "potential", "potential_sha256")  # settings of a relaxed energy
CELLS, POSITIONS, RIGID = "cells", "positions", "rigid"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Configuration:
    """One occupation of a host.

    Attributes:
        occupation: of the sites before the relaxation, shape (sites,).
        atoms: the framework, then the ions.
        energy_eV: of the supercell; NaN where it is unphysical.
        status: ok, not relaxed, unphysical, or why the host fell apart.
    """

    occupation: np.ndarray
    atoms: Atoms
    energy_eV: float
    status: str

    @property
    def ions(self) -> int:
        """How many."""
        return int(self.occupation.sum())


class Configurations:
    """Configurations of a host by one potential; those that the folder holds are not relaxed again.

    Args:
        host: framework and sites.
        evaluation: of the potential.
        settings: force_eV_A, steps, and what tells one potential from another.
        folder: of their files.
        relaxed: what is relaxed: cells (with positions), positions, or nothing (rigid).
    """

    def __init__(
        self, host: Host, evaluation: BatchedEvaluation, *, settings: Mapping, folder: Path, relaxed: str = CELLS
    ):
        self.host, self._evaluation, self._settings = host, evaluation, settings
        self._folder, self._relaxed = folder, relaxed
        self._bonds = FrameworkBonds.of(host.framework)
        made_by = {name: settings[name] for name in MADE_BY}
        framework = host.framework
        places = [each.round(4).tolist() for each in (framework.cell.array, framework.positions, host.sites_A)]
        self.key = digest([made_by, relaxed, str(framework.symbols), host.ion, *places])
        self._found: dict[bytes, Configuration] = {}

    def of(self, occupations: Sequence[np.ndarray]) -> list[Configuration]:
        """Configurations of occupations, or of those that symmetry makes of them, in their order."""
        alike = [self.host.alike(each) for each in occupations]
        wanted = {each.tobytes(): each for each in alike if each.tobytes() not in self._found}
        missing = {}
        for name, occupation in wanted.items():
            if (numbers := find_kept(self._path(occupation), key=self.key)) is None:
                missing[name] = occupation
            else:
                self._found[name] = _read(numbers, self.host)
        for batch in self._batches(list(missing.values())):
            for configuration in self._made(batch):
                keep(self._path(configuration.occupation), _written(configuration), key=self.key)
                self._found[configuration.occupation.tobytes()] = configuration
        return [self._found[each.tobytes()] for each in alike]

    def _path(self, occupation: np.ndarray) -> Path:
        return self._folder / f"{int(occupation.sum()):04d}_{digest(occupation.tolist())}.json"

    def _batches(self, occupations: Sequence[np.ndarray]) -> Iterator[list[np.ndarray]]:
        size = len(occupations)
        if self._evaluation.device.type == "cpu":
            size = max(1, ATOMS_ON_A_CPU // (len(self.host.framework) + self.host.sites))
        for first in range(0, len(occupations), max(1, size)):
            yield list(occupations[first : first + size])

    def _made(self, occupations: Sequence[np.ndarray]) -> Iterator[Configuration]:
        states = [self.host.filled(each) for each in occupations]
        limits = {"force_eV_A": self._settings["force_eV_A"], "steps": self._settings["steps"]}
        if self._relaxed == CELLS:
            for occupation, cell in zip(occupations, relax_cells(states, self._evaluation, **limits), strict=True):
                rest = cell.is_converged(limits["force_eV_A"])
                yield self._judged(occupation, cell.atoms, cell.energy_eV, is_relaxed=rest)
            return
        steps = limits["steps"] if self._relaxed == POSITIONS else 0
        for occupation, state in zip(
            occupations, relax(states, self._evaluation, **limits | {"steps": steps}), strict=True
        ):
            rest = state.is_converged or self._relaxed == RIGID
            yield self._judged(occupation, state.atoms, state.energy_eV, is_relaxed=rest)

    def _judged(self, occupation: np.ndarray, atoms: Atoms, energy_eV: float, *, is_relaxed: bool) -> Configuration:
        broken = self._bonds.why_broken(atoms) if np.isfinite(energy_eV) else UNPHYSICAL
        status = broken or (OK if is_relaxed else NOT_RELAXED)
        per_ion = f"{int(occupation.sum())} of {self.host.sites} {self.host.ion}"
        log.info("%s: %.4f eV, %s.", per_ion, energy_eV, status)
        return Configuration(occupation, atoms, energy_eV, status)


def configurations_of(folder: Path, relaxed: str) -> Path:
    """Folder of the configurations of a study, by what is relaxed."""
    return folder / ("configurations" if relaxed == CELLS else f"configurations_{relaxed}")


def _written(configuration: Configuration) -> dict:
    return {
        "ions": configuration.ions,
        "energy_eV": configuration.energy_eV if np.isfinite(configuration.energy_eV) else None,
        "status": configuration.status,
        "occupation": np.flatnonzero(configuration.occupation).tolist(),
        "cell_A": configuration.atoms.cell.array.tolist(),
        "positions_A": configuration.atoms.positions.tolist(),
    }


def _read(numbers: Mapping, host: Host) -> Configuration:
    occupation = np.isin(np.arange(host.sites), numbers["occupation"])
    atoms = host.filled(occupation)
    atoms.set_cell(numbers["cell_A"])
    atoms.positions = numbers["positions_A"]
    energy_eV = numbers["energy_eV"]
    return Configuration(occupation, atoms, np.nan if energy_eV is None else energy_eV, numbers["status"])
