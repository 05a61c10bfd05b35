"""Grand-canonical Monte Carlo of ions on the sites of a host: how many are in it at a voltage and temperature.

Moves: an ion into or out of one site, accepted with min(1, exp(−(ΔE − μ Δn)/kT)), and an ion to a free site, with
min(1, exp(−ΔE/kT)). μ = E_A − eV, with E_A the energy of an atom of the metal (Norman and Filinov, High Temp. 7, 216,
1969, on a lattice).
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase.units import kB

from saltflow.base.provenance import derive_seed
from saltflow.statistics.block_averages import TIME_BLOCKS
from saltflow.statistics.jackknife import STRUCTURE_SIGNIFICANCE, combine_replicates
from saltflow.studies.electrodes.configurations import OK

EMPTY, FULL, NOT_EQUILIBRATED = "empty", "full", "not equilibrated"
CHAINS = 4  # half of them begin empty, half full
EQUILIBRATION = 0.2  # of the sweeps
LARGEST_DIFFERENCE = 0.05  # of x between those that begin empty and full

Energy = Callable[[np.ndarray], float]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ensemble:
    """Temperature and chemical potential.

    Attributes:
        temperature_K: of the ions; the host is at 0 K.
        mu_eV: chemical potential, on the scale of the energies.
    """

    temperature_K: float
    mu_eV: float

    def accepts(self, energy_eV: float, added: int, random: np.random.Generator) -> bool:
        """Whether a change of energy and ions is accepted; never one to an infinite energy."""
        cost = (energy_eV - self.mu_eV * added) / (kB * self.temperature_K)
        return cost <= 0 or random.random() < np.exp(-cost)


def sample_chain(
    energy_eV: Energy, start: np.ndarray, ensemble: Ensemble, *, sweeps: int, random: np.random.Generator
) -> np.ndarray:
    """Number of ions after each sweep, shape (sweeps,).

    Args:
        energy_eV: of an occupation, shape (sites,) of bool; infinite where it is no state of the host.
        start: occupation.
        ensemble: temperature and chemical potential.
        sweeps: of as many moves as there are sites.
        random: numbers.
    """
    occupation, energy = start.astype(bool), energy_eV(start.astype(bool))
    ions = np.empty(sweeps, dtype=int)
    for sweep in range(sweeps):
        for _ in range(len(occupation)):
            tried = _swapped(occupation, random) if random.random() < 0.5 else _flipped(occupation, random)
            if tried is None:
                continue
            found = energy_eV(tried)
            if ensemble.accepts(found - energy, int(tried.sum()) - int(occupation.sum()), random):
                occupation, energy = tried, found
        ions[sweep] = occupation.sum()
    return ions


def _flipped(occupation: np.ndarray, random: np.random.Generator) -> np.ndarray:
    tried = occupation.copy()
    site = random.integers(len(occupation))
    tried[site] = not tried[site]
    return tried


def _swapped(occupation: np.ndarray, random: np.random.Generator) -> np.ndarray | None:
    """An ion on another site; None where all sites are alike. Both directions are as likely."""
    taken, free = np.flatnonzero(occupation), np.flatnonzero(~occupation)
    if not len(taken) or not len(free):
        return None
    tried = occupation.copy()
    tried[taken[random.integers(len(taken))]], tried[free[random.integers(len(free))]] = False, True
    return tried


def sample_voltage(energy_eV: Energy, sites: int, *, voltage_V: float, metal_eV: float, settings: Mapping) -> dict:
    """Fraction of occupied sites at one voltage, over independent chains.

    Args:
        energy_eV: as of `sample_chain`.
        sites: of the host.
        voltage_V: against the metal.
        metal_eV: energy of an atom of it.
        settings: temperature_K, sweeps, seed.

    Returns:
        voltage_V, x and x_error (half width of the 68 % interval over blocks or chains), voltage_error_V (the same
        along the curve, by dx/dV = −N var(x)/kT; None without fluctuations), from_empty and from_full (means of these
        chains) and status: ok; empty or full where nearly no site, or nearly every one, is taken; not equilibrated
        where both kinds of chain differ by more than 0.05.
    """
    ensemble = Ensemble(settings["temperature_K"], metal_eV - voltage_V)
    found = []
    for chain in range(CHAINS):
        random = np.random.default_rng(derive_seed(settings["seed"], "chain", f"{voltage_V:.6f}", chain))
        start = np.full(sites, chain % 2 == 1)
        ions = sample_chain(energy_eV, start, ensemble, sweeps=settings["sweeps"], random=random)
        found.append(ions / sites)
    return row_of_chains(np.array(found), sites, voltage_V=voltage_V, temperature_K=settings["temperature_K"])


def row_of_chains(x_of_sweeps: np.ndarray, sites: int, *, voltage_V: float, temperature_K: float) -> dict:
    """Fraction of occupied sites at one voltage, of chains that begin empty and full in turn.

    Args:
        x_of_sweeps: after each sweep, (chains, sweeps); the first fifth is left out.
        sites: of the host.
        voltage_V, temperature_K: of the chains.

    Returns:
        as `sample_voltage`.
    """
    found = x_of_sweeps[:, int(EQUILIBRATION * x_of_sweeps.shape[1]) :]
    x, error = _mean_and_error(found)
    means = np.mean(found, axis=1)
    spread = float(np.var(found))
    from_empty, from_full = float(means[::2].mean()), float(means[1::2].mean())
    return {
        "voltage_V": voltage_V,
        "x": x,
        "x_error": error,
        "voltage_error_V": error * kB * temperature_K / (sites * spread) if spread > 0 else None,
        "from_empty": from_empty,
        "from_full": from_full,
        "status": _status(x, from_full - from_empty, sites),
    }


def _mean_and_error(chains: np.ndarray) -> tuple[float, float]:
    """Over blocks of time, or over chains where these differ significantly more; of chains (chains, sweeps)."""
    blocks = np.array([[each.mean() for each in np.array_split(chain, TIME_BLOCKS)] for chain in chains])
    without = [(each.sum() - each) / (len(each) - 1) for each in (blocks.ravel(), blocks.mean(axis=1))]
    found = combine_replicates(np.asarray(chains.mean()), *without, significance=STRUCTURE_SIGNIFICANCE)
    return float(found.value), float(found.error)


def _status(x: float, difference: float, sites: int) -> str:
    if abs(difference) > LARGEST_DIFFERENCE:
        return NOT_EQUILIBRATED
    if x < 0.1 / sites:
        return EMPTY
    return FULL if x > 1 - 0.1 / sites else OK


def all_at_once(rows: Sequence[Mapping]) -> str | None:
    """A sentence where no voltage leaves the host partly filled."""
    if any(row["status"] not in (EMPTY, FULL) for row in rows):
        return None
    return "Every voltage empties or fills the host at once; give --voltages between those of the plateaus."
