"""Whether carriers cross the crystal, and how fast: percolation thresholds and diffusion of the graph of hops."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from ase.units import kB

from saltflow.studies.barriers.endpoints import repeats_for
from saltflow.studies.barriers.hop_graph import Edge, growth, thresholds
from saltflow.studies.barriers.kinetics import simulate, walker_diffusivity_cm2_s
from saltflow.studies.mobile_sites import MobileSites

S_CM_FROM = 1.602176634e-19 / kB  # e²/(k in eV/K × 1 eV): D n /T in cm²/s cm⁻³ /K → S/cm


def crossing(sites: MobileSites, edges: Sequence[Edge], settings: Mapping) -> dict:
    """Percolation thresholds and diffusion; no diffusion where no path crosses the crystal.

    Diffusion is that of a carrier on the sites whose hops lead through the crystal; from others none leads there.

    Args:
        sites: of the carrier.
        edges: its hops.
        settings: edge_A, temperatures_K, carriers_per_cm3, jumps, seed.

    Returns:
        percolation, the number of sites that paths cross, and diffusion, JSON-able.
    """
    percolation = {
        f"{dimension}D": None if each is None else {"barrier_eV": each.barrier_eV, "limiting_hop": each.name}
        for dimension, each in enumerate(thresholds(edges), start=1)
    }
    steps = growth(edges)
    crossed = sorted(steps[-1].crossing) if steps else []
    among = [
        replace(edge, start=crossed.index(edge.start), end=crossed.index(edge.end))
        for edge in edges
        if edge.start in crossed
    ]
    rows = [
        _diffusion(among, len(crossed), temperature_K, sites.cell, settings)
        for temperature_K in settings["temperatures_K"]
        if crossed
    ]
    return {"percolation": percolation, "crossed_sites": len(crossed), "diffusion": rows}


def _diffusion(edges: Sequence[Edge], sites: int, temperature_K: float, cell: np.ndarray, settings: Mapping) -> dict:
    exact = walker_diffusivity_cm2_s(edges, sites, temperature_K)
    found = simulate(
        edges,
        sites,
        temperature_K,
        repeats=repeats_for(cell, smallest_edge_A=2 * settings["edge_A"]),
        jumps=settings["jumps"],
        seed=settings["seed"],
    )
    mean = float(np.trace(exact) / 3)
    return {
        "temperature_K": temperature_K,
        "D_cm2_s": mean,
        "D_tensor_cm2_s": exact.tolist(),
        "kmc_D_cm2_s": float(np.trace(found.charge_cm2_s) / 3),
        "kmc_error_cm2_s": float(np.linalg.norm(np.diag(found.charge_error_cm2_s)) / 3),
        "sigma_S_cm": settings["carriers_per_cm3"] * mean * S_CM_FROM / temperature_K,
        "carriers_per_cm3": settings["carriers_per_cm3"],
    }
