"""Grand-canonical Monte Carlo of ions in a host that moves: molecular dynamics, then ions tried in and out of it.

An ion is put at a random place within a small sphere around a free site, or taken out of the sphere of a site that
holds one. With N spheres that hold one and F that are free, an ion enters with
min(1, F v/((N + 1) v_A) exp(−(ΔE − E_A + eV)/kT)) and leaves with min(1, N v_A/((F + 1) v) exp(−(ΔE + E_A − eV)/kT)):
v is the volume of a sphere, E_A and v_A energy and vibrational volume of an atom of the metal, a classical Einstein
crystal, by which momenta cancel (after Norman and Filinov, High Temp. 7, 216, 1969).
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, pi
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.geometry import find_mic
from ase.units import kB

from saltflow.base.provenance import derive_seed, digest
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.settings.whole import load_settings
from saltflow.potentials.protocol import MDPotential
from saltflow.studies.electrodes.grand_canonical import CHAINS, row_of_chains
from saltflow.studies.electrodes.host import Host
from saltflow.studies.electrodes.host_dynamics import run_hosts
from saltflow.studies.electrodes.moved_sites import moved_sites_A
from saltflow.studies.kept_numbers import find_kept, keep
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation

LARGEST_RADIUS_A = 0.6  # four standard deviations of a stiff site at 300 K
TRIES_PER_SITE = 4  # after each piece of dynamics
OF_A_CHAIN = ("sweeps", "seed", "temperature_K", "md_ps", "ensemble", "potential", "potential_sha256")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reservoir:
    """What ions come from: energy_eV and vibrational volume_A3 of an atom of the metal, at a temperature_K."""

    energy_eV: float
    volume_A3: float
    temperature_K: float


@dataclass(frozen=True)
class Trial:
    """A host with an ion more or less. ln_weight: logarithm of what the proposals and volumes give its acceptance."""

    atoms: Atoms
    added: int
    ln_weight: float


@dataclass(frozen=True)
class Spheres:
    """Where ions may enter while the framework stays as it is.

    sites_A: centres, (sites, 3). radius_A: so small that none overlap. ions_after: number of framework atoms.
    """

    ion: str
    sites_A: np.ndarray
    radius_A: float
    ions_after: int

    @classmethod
    def of(cls, host: Host, atoms: Atoms) -> "Spheres":
        """Those of a host among atoms: the framework first, then the ions."""
        sites_A, radius_A = moved_sites_A(host, atoms), LARGEST_RADIUS_A
        if len(sites_A) > 1:
            first, second = np.triu_indices(len(sites_A), 1)
            radius_A = min(radius_A, float(find_mic(sites_A[first] - sites_A[second], atoms.cell)[1].min()) / 2)
        return cls(host.ion, sites_A, radius_A, len(host.framework))

    def hold(self, atoms: Atoms) -> np.ndarray:
        """Whether each sphere holds each ion, (sites, ions)."""
        ions = atoms.positions[self.ions_after :]
        if not len(ions):
            return np.zeros((len(self.sites_A), 0), dtype=bool)
        between = (self.sites_A[:, None] - ions).reshape(-1, 3)
        return find_mic(between, atoms.cell)[1].reshape(len(self.sites_A), -1) < self.radius_A

    def try_ion(self, atoms: Atoms, metal: Reservoir, random: np.random.Generator) -> Trial | None:
        """An ion in or out, each half of the time; None where there is no site for it.

        Args:
            atoms: of this framework.
            metal: the reservoir.
            random: numbers.
        """
        inside = self.hold(atoms)
        free, taken = (np.flatnonzero(inside.sum(axis=1) == number) for number in (0, 1))
        ratio = 4 / 3 * pi * self.radius_A**3 / metal.volume_A3
        bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
        if random.random() < 0.5:
            if not len(free):
                return None
            place = self.sites_A[random.choice(free)] + self.radius_A * _in_unit_sphere(random)
            return Trial(bare + Atoms([self.ion], [place]), 1, np.log(len(free) * ratio / (len(taken) + 1)))
        if not len(taken):
            return None
        del bare[self.ions_after + int(np.flatnonzero(inside[random.choice(taken)])[0])]
        return Trial(bare, -1, np.log(len(taken) / ratio / (len(free) + 1)))


def _in_unit_sphere(random: np.random.Generator) -> np.ndarray:
    direction = random.normal(size=3)
    return direction / np.linalg.norm(direction) * random.random() ** (1 / 3)


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
    dynamics = load_settings(read_configuration([])).model_dump(mode="json")["dynamics"]
    chosen = {name: settings[name] for name in OF_A_CHAIN}
    voltages = [voltage_V for voltage_V in settings["voltages"] for _ in range(CHAINS)]
    states = [host.filled(np.full(host.sites, chain % CHAINS % 2 == 1)) for chain in range(len(voltages))]
    places = [each.round(4).tolist() for each in (host.framework.cell.array, host.framework.positions, host.sites_A)]
    key = digest([chosen, dynamics, voltages, vars(metal), str(host.framework.symbols), *places])
    file, rounds, evaluation = folder / "chains.json", settings["sweeps"], BatchedEvaluation(potential)
    folder.mkdir(parents=True, exist_ok=True)
    kept = find_kept(file, key=key) or {"ions": [], "tried": 0, "accepted": 0, "stopped": {}}
    ions, counts, stopped = kept["ions"], [kept["accepted"], kept["tried"]], kept["stopped"]
    if ions:
        states = [_atoms(each) for each in kept["states"]]
    for number in range(len(ions), rounds):
        moving = [index for index in range(len(states)) if str(index) not in stopped]
        seeds = [derive_seed(settings["seed"], "velocities", number, index) for index in moving]
        after = run_hosts(
            [states[index] for index in moving], potential, seeds=seeds, settings=chosen, dynamics=dynamics,
            workdir=folder / f"dynamics{number:06d}_{key[:8]}",
        )  # fmt: skip
        stopped |= {str(index): reason for index, (_, reason) in zip(moving, after, strict=True) if reason}
        for index, (atoms, _) in zip(moving, after, strict=True):
            states[index] = atoms
        changed = _exchange(
            host, [states[index] for index in moving], evaluation, metal,
            voltages=[voltages[index] for index in moving],
            random=np.random.default_rng(derive_seed(settings["seed"], "tries", number)), counts=counts,
        )  # fmt: skip
        for index, atoms in zip(moving, changed, strict=True):
            states[index] = atoms
        ions.append([len(each) - len(host.framework) for each in states])
        written = {"states": [_written(each) for each in states], "accepted": counts[0], "tried": counts[1]}
        keep(file, {"ions": ions, "stopped": stopped, **written}, key=key)
        if (number + 1) % max(1, rounds // 20) == 0:
            log.info("%s of %s sweeps of dynamics and tries.", number + 1, rounds)
    rows = []
    for place, voltage_V in enumerate(settings["voltages"]):
        own = range(place * CHAINS, (place + 1) * CHAINS)
        row = row_of_chains(
            np.array(ions).T[list(own)] / host.sites, host.sites, voltage_V=voltage_V,
            temperature_K=settings["temperature_K"],
        )  # fmt: skip
        broken = [stopped[str(index)] for index in own if str(index) in stopped]
        rows.append(row | ({"status": broken[0]} if broken else {}) | {"accepted": counts[0] / max(1, counts[1])})
        log.info("%.3f V: x %.3f ± %.3f, %s.", voltage_V, row["x"], row["x_error"], rows[-1]["status"])
    return rows


def _exchange(
    host: Host,
    states: Sequence[Atoms],
    evaluation: BatchedEvaluation,
    metal: Reservoir,
    *,
    voltages: Sequence[float],
    random: np.random.Generator,
    counts: list[int],
) -> list[Atoms]:
    """The states after tries of ions in and out; counts, of accepted and of all tries, go on."""
    states, spheres = list(states), [Spheres.of(host, each) for each in states]
    energies = [energy for energy, _, _ in evaluation.of_cells(states)]
    for _ in range(TRIES_PER_SITE * host.sites):
        tried = [own.try_ion(each, metal, random) for own, each in zip(spheres, states, strict=True)]
        trials = [(index, trial) for index, trial in enumerate(tried) if trial]
        found = evaluation.of_cells([trial.atoms for _, trial in trials]) if trials else []
        counts[1] += len(trials)
        for (index, trial), (energy_eV, _, _) in zip(trials, found, strict=True):
            from_metal_eV = trial.added * (metal.energy_eV - voltages[index])
            ln = trial.ln_weight - (energy_eV - energies[index] - from_metal_eV) / (kB * metal.temperature_K)
            if np.isfinite(ln) and random.random() < exp(min(0.0, ln)):
                states[index], energies[index] = trial.atoms, energy_eV
                counts[0] += 1
    return states


def _written(atoms: Atoms) -> dict:
    cell_A = atoms.cell.array.tolist()
    return {"numbers": atoms.numbers.tolist(), "positions_A": atoms.positions.tolist(), "cell_A": cell_A}


def _atoms(numbers: Mapping) -> Atoms:
    return Atoms(numbers["numbers"], numbers["positions_A"], cell=numbers["cell_A"], pbc=True)
