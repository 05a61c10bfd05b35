"""Percolation and kinetic Monte Carlo on lattices whose answers are known."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from ase.units import kB

from saltflow.studies.barriers.crossing import crossing
from saltflow.studies.barriers.hop_graph import BarrierThreshold, Edge, growth, thresholds
from saltflow.studies.barriers.kinetics import simulate, walker_diffusivity_cm2_s

A = 3.0
CORRELATION_FACTOR = 0.6531  # tracer by one vacancy, simple cubic (Montet, Phys. Rev. B 7, 650, 1973)


def cubic(*barriers_eV: float) -> list[Edge]:
    """A simple cubic lattice with a barrier for each axis."""
    return [
        Edge(
            0, 0, tuple(int(axis == other) for other in range(3)), f"h{axis + 1}", barrier, barrier, A * np.eye(3)[axis]
        )
        for axis, barrier in enumerate(barriers_eV)
    ]


def rate(barrier_eV: float, temperature_K: float) -> float:
    return 1e13 * np.exp(-barrier_eV / kB / temperature_K)


def test_each_dimension_has_the_barrier_of_its_last_hop():
    assert thresholds(cubic(0.5, 0.2, 0.3)) == (
        BarrierThreshold(0.2, "h2"),
        BarrierThreshold(0.3, "h3"),
        BarrierThreshold(0.5, "h1"),
    )
    assert thresholds(cubic(0.2)) == (BarrierThreshold(0.2, "h1"), None, None)
    assert thresholds([]) == (None, None, None)


def test_two_barriers_in_series_percolate_at_the_larger():
    alternating = [
        Edge(0, 1, (0, 0, 0), "low", 0.2, 0.1, np.array([1.0, 0, 0])),
        Edge(1, 0, (1, 0, 0), "high", 0.4, 0.5, np.array([2.0, 0, 0])),
    ]
    assert thresholds(alternating)[0] == BarrierThreshold(0.5, "high")
    assert thresholds(alternating[:1]) == (None, None, None)


def test_a_diagonal_path_counts_once_whatever_its_images():
    diagonal = [Edge(0, 1, (0, 0, 0), "a", 0.1, 0.1, np.zeros(3)), Edge(1, 0, (1, 1, 0), "b", 0.3, 0.3, np.zeros(3))]
    longer = [*diagonal, Edge(0, 1, (-1, -1, 0), "c", 0.2, 0.2, np.zeros(3))]
    assert thresholds(diagonal)[0] == BarrierThreshold(0.3, "b")
    assert thresholds(longer)[0] == BarrierThreshold(0.2, "c")
    assert thresholds(longer)[1] is None


def test_a_hop_connects_where_it_joins_sites_or_leads_on_in_a_new_direction():
    hops = [
        Edge(0, 1, (0, 0, 0), "a", 0.1, 0.1, np.zeros(3)),
        Edge(1, 0, (1, 0, 0), "b", 0.2, 0.2, np.zeros(3)),
        Edge(0, 0, (1, 0, 0), "c", 0.3, 0.3, np.zeros(3)),  # nothing new: along a already
        Edge(1, 1, (0, 0, 1), "d", 0.4, 0.4, np.zeros(3)),
    ]
    steps = growth(hops[::-1])
    assert [(step.edge.name, step.dimensions, step.connects) for step in steps] == [
        ("a", 0, True), ("b", 1, True), ("c", 1, False), ("d", 2, True),
    ]  # fmt: skip


def test_sites_that_no_path_crosses_neither_hold_nor_slow_the_carrier():
    """An isolated site and a pair beside a chain: D is that of the chain."""
    chain = [Edge(2, 2, (1, 0, 0), "chain", 0.2, 0.2, np.array([A, 0, 0]))]
    aside = [Edge(0, 3, (0, 0, 0), "pair", 0.1, 0.1, np.array([0, A, 0]))]
    assert [step.crossing for step in growth(chain + aside)] == [frozenset(), {2}]
    sites = SimpleNamespace(cell=A * np.eye(3))
    settings = {"edge_A": 6.0, "temperatures_K": [600.0], "carriers_per_cm3": 1e21, "jumps": 4_000, "seed": 1}
    (row,) = crossing(sites, chain + aside, settings)["diffusion"]
    expected = rate(0.2, 600) * A**2 * 1e-16 / 3
    assert row["D_cm2_s"] == pytest.approx(expected, rel=1e-9)
    assert row["kmc_D_cm2_s"] == pytest.approx(expected, abs=4 * row["kmc_error_cm2_s"])
    nothing = crossing(sites, aside, settings)
    assert (nothing["crossed_sites"], nothing["diffusion"]) == (0, [])


def test_a_free_walker_diffuses_by_rate_times_square_of_the_step():
    found = walker_diffusivity_cm2_s(cubic(0.2, 0.25, 0.3), 1, 600)
    expected = np.diag([rate(barrier, 600) * A**2 * 1e-16 for barrier in (0.2, 0.25, 0.3)])
    assert found == pytest.approx(expected, rel=1e-9)


def test_barriers_in_series_add_as_resistances():
    """One dimension: D = L² / Σ (1/π_i Γ_i) (Zwanzig); two sites of different energy."""
    hops = [
        Edge(0, 1, (0, 0, 0), "a", 0.30, 0.20, np.array([1.0, 0, 0])),
        Edge(1, 0, (1, 0, 0), "b", 0.25, 0.35, np.array([2.0, 0, 0])),
    ]
    beta = 1 / (kB * 500)
    populations = np.array([1.0, np.exp(-0.1 * beta)])
    populations /= populations.sum()
    resistance = 1 / (populations[0] * rate(0.30, 500)) + 1 / (populations[1] * rate(0.25, 500))
    assert walker_diffusivity_cm2_s(hops, 2, 500)[0, 0] == pytest.approx(9.0 / resistance * 1e-16, rel=1e-9)
    found = simulate(hops, 2, 500, repeats=(20, 1, 1), jumps=20_000, walks=64)
    assert abs(found.charge_cm2_s[0, 0] * 1e16 * resistance / 9.0 - 1) < 4 * (
        found.charge_error_cm2_s[0, 0] / found.charge_cm2_s[0, 0]
    )


def test_each_hop_has_its_attempt_frequencies():
    """Rates of hops there and back that are ten times as large make the walker ten times as fast."""
    slow = [dataclasses.replace(hop, forward_per_s=1e12, backward_per_s=1e12) for hop in cubic(0.2, 0.25, 0.3)]
    found, usual = (walker_diffusivity_cm2_s(hops, 1, 600) for hops in (slow, cubic(0.2, 0.25, 0.3)))
    assert found == pytest.approx(usual / 10, rel=1e-9)


def test_one_vacancy_correlates_the_jumps_of_a_tracer():
    found = simulate(cubic(0.2, 0.2, 0.2), 1, 600, repeats=(10, 10, 10), jumps=200_000, walks=24)
    free = rate(0.2, 600) * A**2 * 1e-16
    factor, error = found.tracer_cm2_s * 1000 / free, found.tracer_error_cm2_s * 1000 / free
    assert error < 0.01
    assert factor == pytest.approx(CORRELATION_FACTOR, abs=4 * error)
    carrier, deviation = np.trace(found.charge_cm2_s) / 3, np.linalg.norm(np.diag(found.charge_error_cm2_s)) / 3
    assert carrier == pytest.approx(free, abs=4 * deviation)
