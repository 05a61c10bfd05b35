"""One step of a charge or discharge: change the ions, relax, and run molecular dynamics."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.stress import full_3x3_to_voigt_6_stress
from ase.units import GPa

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import derive_seed
from saltflow.potentials.protocol import MDPotential
from saltflow.studies.electrodes.chosen_ions import changed_states
from saltflow.studies.electrodes.configurations import NOT_RELAXED, OK, UNPHYSICAL
from saltflow.studies.electrodes.host import Host
from saltflow.studies.electrodes.host_dynamics import run_hosts
from saltflow.studies.electrodes.integrity import FrameworkBonds
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation
from saltflow.studies.relaxation.relaxed_cells import relax_cells
from saltflow.studies.relaxation.relaxed_states import relax


@dataclass(frozen=True)
class StepState:
    """A host after a step.

    Attributes:
        relaxed: at rest, with its energy_eV at 0 K.
        after: at the end of the dynamics.
        energy_eV: of `relaxed`.
        status: ok, not relaxed, or why the host fell apart.
        stress_GPa: before and after the relaxation: xx, yy, zz, yz, xz, xy, positive where the cell is under tension;
            None where the host did not get so far.
    """

    relaxed: Atoms
    after: Atoms
    energy_eV: float
    status: str
    stress_GPa: tuple[list[float], list[float]] | None = None

    @property
    def holds(self) -> bool:
        """Whether the host is still one."""
        return self.status in (OK, NOT_RELAXED)


class Stepper:
    """What changes a host, by one potential.

    Args:
        host: framework and sites.
        potential: of the engine.
        settings: rule, axis, candidates, force_eV_A, steps, fixed_cell, seed, md_ps, temperature_K, ensemble.
        dynamics: the section `dynamics` of the settings.
    """

    def __init__(self, host: Host, potential: MDPotential, *, settings: Mapping, dynamics: Mapping):
        self._host, self._potential, self._settings, self._dynamics = host, potential, settings, dynamics
        self._evaluation = BatchedEvaluation(potential)
        self._bonds = FrameworkBonds.of(host.framework)

    def step(self, before: Atoms, *, added: int, number: int, workdir: Path) -> StepState:
        """The state after ions were added (taken out where negative).

        Args:
            before: the framework first, then the ions.
            added: ions.
            number: of the step, which its random numbers depend on.
            workdir: for checkpoints of the dynamics; it is removed.

        Raises:
            SaltflowError: ions or atoms of the framework are not conserved, or as of `changed_states`.
        """
        states = [before]
        if added:
            by = {name: self._settings[name] for name in ("rule", "axis", "candidates")}
            random = np.random.default_rng(derive_seed(self._settings["seed"], "ions", number))
            states = changed_states(self._host, before, added=added, random=random, **by)
        limits = {"force_eV_A": self._settings["force_eV_A"], "steps": self._settings["steps"]}
        if self._settings["fixed_cell"]:
            found = [(each, each.is_converged) for each in relax(states, self._evaluation, **limits)]
        else:
            cells = relax_cells(states, self._evaluation, **limits)
            found = [(each, each.is_converged(limits["force_eV_A"])) for each in cells]
        energies_eV = [each.energy_eV if np.isfinite(each.energy_eV) else np.inf for each, _ in found]
        chosen = int(np.argmin(energies_eV))
        best, is_at_rest = found[chosen]
        if not np.isfinite(best.energy_eV):
            return StepState(best.atoms, before, np.nan, UNPHYSICAL)
        if reason := self._bonds.why_broken(best.atoms):
            return StepState(best.atoms, before, best.energy_eV, reason)
        stress_GPa = self._stress_GPa(states[chosen]), self._stress_GPa(best.atoms)
        seeds = [derive_seed(self._settings["seed"], "velocities", number)]
        ((after, reason),) = run_hosts(
            [best.atoms], self._potential, seeds=seeds, settings=self._settings, dynamics=self._dynamics,
            workdir=workdir,
        )  # fmt: skip
        self._check_conserved(after, ions=len(before) - len(self._host.framework) + added)
        status = reason or self._bonds.why_broken(after) or (OK if is_at_rest else NOT_RELAXED)
        return StepState(best.atoms, after, best.energy_eV, status, stress_GPa)

    def _stress_GPa(self, atoms: Atoms) -> list[float]:
        ((_, _, stress),) = self._evaluation.of_cells([atoms])
        return (full_3x3_to_voigt_6_stress(stress) / GPa).tolist()

    def _check_conserved(self, atoms: Atoms, *, ions: int) -> None:
        framework = len(self._host.framework)
        same = np.array_equal(atoms.numbers[:framework], self._host.framework.numbers)
        if not same or list(atoms.symbols[framework:]) != [self._host.ion] * ions:
            raise SaltflowError(f"A step did not conserve its atoms ({atoms.symbols}); its folder is not to be used.")
