"""Diffusion on the graph of hops: exactly for one carrier, by kinetic Monte Carlo for several and for tracers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
from ase.units import kB

from saltflow.studies.barriers.hop_graph import Edge

A2_CM2 = 1e-16


@dataclass(frozen=True)
class Diffusivity:
    """Diffusion coefficients of kinetic Monte Carlo.

    Attributes:
        charge_cm2_s: of the carriers' collective displacement, shape (3, 3); error: its standard error, shape (3, 3).
        charge_error_cm2_s: standard error over walks.
        tracer_cm2_s, tracer_error_cm2_s: trace/3 of that of an ion, and its standard error.
    """

    charge_cm2_s: np.ndarray
    charge_error_cm2_s: np.ndarray
    tracer_cm2_s: float
    tracer_error_cm2_s: float


def rates_per_s(edges: Sequence[Edge], temperature_K: float) -> np.ndarray:
    """Rates ν exp(−E/kT) of every hop, forward and backward, shape (hops, 2)."""
    barriers = np.array([[edge.forward_eV, edge.backward_eV] for edge in edges])
    attempts = np.array([[edge.forward_per_s, edge.backward_per_s] for edge in edges])
    return attempts * np.exp(-barriers / (kB * temperature_K))


def walker_diffusivity_cm2_s(edges: Sequence[Edge], sites: int, temperature_K: float) -> np.ndarray:
    """The diffusion tensor of a single carrier on the graph, exactly, shape (3, 3).

    D = ½ Σ_i π_i Σ_j Γ_ij δ_ij δ_ijᵀ with δ_ij = d_ij + χ_j − χ_i, where π is the stationary distribution and χ makes
    the mean drift Σ_j Γ_ij δ_ij vanish on every site.
    """
    rates = rates_per_s(edges, temperature_K)
    scale = rates.max()
    generator, drift = np.zeros((sites, sites)), np.zeros((sites, 3))
    hops = [
        (start, end, rate / scale, sign * edge.vector_A)
        for edge, both in zip(edges, rates, strict=True)
        for start, end, rate, sign in ((edge.start, edge.end, both[0], 1), (edge.end, edge.start, both[1], -1))
    ]
    for start, end, rate, vector in hops:
        generator[start, end] += rate
        generator[start, start] -= rate
        drift[start] += rate * vector
    stationary = np.linalg.lstsq(np.vstack([generator.T, np.ones(sites)]), np.append(np.zeros(sites), 1.0), rcond=None)[
        0
    ]
    shift = np.linalg.lstsq(generator, -drift, rcond=None)[0]
    total = np.zeros((3, 3))
    for start, end, rate, vector in hops:
        step = vector + shift[end] - shift[start]
        total += 0.5 * stationary[start] * rate * np.outer(step, step)
    return total * scale * A2_CM2


def simulate(
    edges: Sequence[Edge],
    sites: int,
    temperature_K: float,
    *,
    repeats: tuple[int, int, int],
    carriers: int = 1,
    jumps: int = 20_000,
    walks: int = 200,
    seed: int = 1,
) -> Diffusivity:
    """Kinetic Monte Carlo of carriers (vacancies) that exchange with ions in a periodic supercell of the graph.

    Rejection-free (Bortz, Kalos & Lebowitz, J. Comput. Phys. 17, 10, 1975). A hop onto another carrier is not made.

    Args:
        edges, sites: of the unit cell.
        repeats: of the supercell.
        carriers: in it.
        jumps: of each walk, of which the first tenth is not counted.
        walks: independent ones, for the error.
        seed: of the random numbers.
    """
    table = _neighbours(edges, sites, rates_per_s(edges, temperature_K), repeats)
    charge, tracer = [], []
    for walk in range(walks):
        moved, ions, time_s = _walk(*table, carriers, jumps, 1000 * seed + walk)
        charge.append(np.outer(moved, moved) / (2 * time_s * carriers))
        tracer.append(np.sum(ions**2) / (6 * time_s * len(ions)))
    mean = lambda values: np.mean(values, axis=0) * A2_CM2  # noqa: E731
    error = lambda values: np.std(values, axis=0, ddof=1) / np.sqrt(walks) * A2_CM2  # noqa: E731
    return Diffusivity(mean(charge), error(charge), float(mean(tracer)), float(error(tracer)))


def _neighbours(edges, sites, rates, repeats) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Target, rate and displacement of every hop from every site of a supercell; rate 0 where there are fewer."""
    cells = np.array(list(np.ndindex(*repeats)))
    number = {tuple(cell): index for index, cell in enumerate(cells)}
    hops: list[list[tuple[int, float, np.ndarray]]] = [[] for _ in range(sites * len(cells))]
    for edge, both in zip(edges, rates, strict=True):
        for index, cell in enumerate(cells):
            other = number[tuple(np.mod(cell + np.array(edge.image), repeats))]
            start, end = index * sites + edge.start, other * sites + edge.end
            hops[start].append((end, both[0], edge.vector_A))
            hops[end].append((start, both[1], -edge.vector_A))
    most = max(len(each) for each in hops)
    target, rate, vector = np.zeros((len(hops), most), int), np.zeros((len(hops), most)), np.zeros((len(hops), most, 3))
    for site, each in enumerate(hops):
        for slot, (end, value, step) in enumerate(each):
            target[site, slot], rate[site, slot], vector[site, slot] = end, value, step
    return target, rate, vector


@numba.njit(cache=True)
def _walk(target, rate, vector, carriers, jumps, seed):
    """Displacement of the carriers together, of every ion, and the time."""
    np.random.seed(seed)
    sites, most = rate.shape
    ion_on = np.arange(sites)  # ion of each site, −1 for a carrier
    places = np.random.permutation(sites)[:carriers]
    for place in places:
        ion_on[place] = -1
    moved, ions, time = np.zeros(3), np.zeros((sites, 3)), 0.0
    for jump in range(jumps):
        if jump == jumps // 10:  # forget where the carriers began
            moved[:], ions[:], time = 0.0, 0.0, 0.0
        total = 0.0
        for carrier in range(carriers):
            for slot in range(most):
                if ion_on[target[places[carrier], slot]] >= 0:
                    total += rate[places[carrier], slot]
        time -= np.log(1.0 - np.random.random()) / total
        left = np.random.random() * total
        chosen, by = -1, -1
        for carrier in range(carriers):
            for slot in range(most):
                if ion_on[target[places[carrier], slot]] >= 0 and rate[places[carrier], slot] > 0:
                    chosen, by = slot, carrier
                    left -= rate[places[carrier], slot]
                    if left <= 0:
                        break
            if left <= 0:
                break
        site = places[by]
        end = target[site, chosen]
        ion = ion_on[end]
        for axis in range(3):
            moved[axis] += vector[site, chosen, axis]
            ions[ion, axis] -= vector[site, chosen, axis]
        ion_on[site], ion_on[end], places[by] = ion, -1, end
    return moved, ions, time
