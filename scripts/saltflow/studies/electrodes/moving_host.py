"""Grand-canonical Monte Carlo of ions in a host that moves: molecular dynamics, then `ion_tries` in and out of it."""

import logging
from collections.abc import Mapping, Sequence
from math import exp
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.units import kB

from saltflow.base.provenance import derive_seed, digest
from saltflow.potentials.protocol import MDPotential
from saltflow.studies.electrodes.grand_canonical import CHAINS, row_of_chains
from saltflow.studies.electrodes.host import Host
from saltflow.studies.electrodes.host_dynamics import run_hosts
from saltflow.studies.electrodes.ion_tries import Reservoir, Spheres
from saltflow.studies.kept_numbers import find_kept, keep, numbers_of, structure_of
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation
from saltflow.studies.shipped_settings import shipped_settings

TRIES_PER_SITE = 4  # after each piece of dynamics
OF_A_CHAIN = ("sweeps", "seed", "temperature_K", "md_ps", "ensemble", "potential", "potential_sha256")
PROGRESS = 20  # lines

log = logging.getLogger(__name__)


def fill_moving_host(
    host: Host, potential: MDPotential, metal: Reservoir, *, settings: Mapping, folder: Path
) -> list[dict]:
    """x at each voltage, all chains of all voltages in one batch; a run that was killed goes on at its last sweep.

    Args:
        host: framework and sites.
        potential: of the engine.
        metal: the reservoir.
        settings: voltages, sweeps (of dynamics and tries), md_ps of each, ensemble, seed, temperature_K, and what tells
            one potential from another.
        folder: of the chains.

    Returns:
        rows of `row_of_chains`, with accepted, the share of tries; the status says so where a chain fell apart.
    """
    chains = _Chains(host, potential, metal, settings=settings, folder=folder)
    chains.finish()
    return chains.rows()


class _Chains:
    """Chains of all voltages, in a file that each sweep replaces.

    ions: of each chain after each sweep. states: now. stopped: chain → why it ended.
    """

    def __init__(self, host: Host, potential: MDPotential, metal: Reservoir, *, settings: Mapping, folder: Path):
        self._host, self._potential, self._metal = host, potential, metal
        self._settings = {name: settings[name] for name in OF_A_CHAIN}
        self._dynamics = shipped_settings()["dynamics"]
        self._evaluation, self._folder = BatchedEvaluation(potential), folder
        self._voltages = [voltage_V for voltage_V in settings["voltages"] for _ in range(CHAINS)]
        framework = host.framework
        places = [each.round(4).tolist() for each in (framework.cell.array, framework.positions, host.sites_A)]
        made_by = [self._settings, self._dynamics, self._voltages, vars(metal), str(framework.symbols), *places]
        self._key = digest(made_by)
        folder.mkdir(parents=True, exist_ok=True)
        kept = find_kept(self._file, key=self._key) or {"ions": [], "stopped": {}, "accepted": 0, "tried": 0}
        self.ions, self.stopped = kept["ions"], {int(chain): reason for chain, reason in kept["stopped"].items()}
        self._accepted, self._tried = kept["accepted"], kept["tried"]
        if self.ions:
            self.states = [structure_of(each) for each in kept["states"]]
        else:
            self.states = [host.filled(np.full(host.sites, chain % 2 == 1)) for chain in range(len(self._voltages))]

    @property
    def _file(self) -> Path:
        return self._folder / "chains.json"

    def finish(self) -> None:
        """Make the sweeps that are not there yet."""
        sweeps = self._settings["sweeps"]
        for number in range(len(self.ions), sweeps):
            self._move(number)
            self._exchange(np.random.default_rng(derive_seed(self._settings["seed"], "tries", number)))
            self.ions.append([len(each) - len(self._host.framework) for each in self.states])
            self._keep()
            if (number + 1) % max(1, sweeps // PROGRESS) == 0:
                log.info("%s of %s sweeps of dynamics and tries.", number + 1, sweeps)

    def rows(self) -> list[dict]:
        """One per voltage."""
        x, found = np.array(self.ions).T / self._host.sites, []
        for first in range(0, len(self._voltages), CHAINS):
            own = range(first, first + CHAINS)
            at = {"voltage_V": self._voltages[first], "temperature_K": self._settings["temperature_K"]}
            row = row_of_chains(x[list(own)], self._host.sites, **at)
            broken = [self.stopped[chain] for chain in own if chain in self.stopped]
            row |= {"accepted": self._accepted / max(1, self._tried)} | ({"status": broken[0]} if broken else {})
            log.info("%.3f V: x %.3f ± %.3f, %s.", row["voltage_V"], row["x"], row["x_error"], row["status"])
            found.append(row)
        return found

    @property
    def _going(self) -> list[int]:
        return [chain for chain in range(len(self.states)) if chain not in self.stopped]

    def _move(self, number: int) -> None:
        """Dynamics of all chains that go on."""
        going = self._going
        after = run_hosts(
            [self.states[chain] for chain in going],
            self._potential,
            seeds=[derive_seed(self._settings["seed"], "velocities", number, chain) for chain in going],
            settings=self._settings,
            dynamics=self._dynamics,
            workdir=self._folder / f"dynamics{number:06d}_{self._key[:8]}",
        )
        for chain, (atoms, reason) in zip(going, after, strict=True):
            if reason:
                self.stopped[chain] = reason
            else:
                self.states[chain] = atoms

    def _exchange(self, random: np.random.Generator) -> None:
        """Tries of ions in and out of all chains that go on, each try of all of them in one batch."""
        going = self._going
        spheres = {chain: Spheres.of(self._host, self.states[chain]) for chain in going}
        energies = dict(zip(going, self._energies_eV([self.states[chain] for chain in going]), strict=True))
        for _ in range(TRIES_PER_SITE * self._host.sites):
            tried = {chain: spheres[chain].try_ion(self.states[chain], self._metal, random) for chain in going}
            trials = {chain: trial for chain, trial in tried.items() if trial}
            found = self._energies_eV([trial.atoms for trial in trials.values()])
            self._tried += len(trials)
            for (chain, trial), energy_eV in zip(trials.items(), found, strict=True):
                from_metal_eV = trial.added * (self._metal.energy_eV - self._voltages[chain])
                cost_eV = energy_eV - energies[chain] - from_metal_eV
                ln = trial.ln_weight - cost_eV / (kB * self._metal.temperature_K)
                if np.isfinite(ln) and random.random() < exp(min(0.0, ln)):
                    self.states[chain], energies[chain] = trial.atoms, energy_eV
                    self._accepted += 1

    def _energies_eV(self, states: Sequence[Atoms]) -> list[float]:
        return [energy for energy, _, _ in self._evaluation.of_cells(states)] if states else []

    def _keep(self) -> None:
        written = {
            "ions": self.ions,
            "stopped": {str(chain): reason for chain, reason in self.stopped.items()},
            "accepted": self._accepted,
            "tried": self._tried,
            "states": [numbers_of(each) for each in self.states],
        }
        keep(self._file, written, key=self._key)
