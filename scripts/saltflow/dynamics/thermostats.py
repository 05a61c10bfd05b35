"""Thermostats: half a step before and half a step after the motion, each cell of a batch by itself.

All keep zero total momentum and frozen motions, and give kT/2 to each remaining degree of freedom. Each records the
energy that it holds or has removed: kinetic + potential + this energy is conserved up to the error of the time step, so
that a drift shows a time step that is too long.

nose-hoover  a chain of three (Martyna, Tuckerman, Tobias & Klein, Mol. Phys. 87, 1117 (1996)). Deterministic.
bussi        stochastic velocity rescaling (Bussi, Donadio & Parrinello, J. Chem. Phys. 126, 014101 (2007)): one random
             factor per cell. It disturbs the motion as little as the chain, without oscillations of its own.
langevin     friction and noise on every atom, exact over the half step (Bussi & Parrinello, Phys. Rev. E 75, 056707
             (2007)). It thermalises every degree of freedom and slows diffusion, as a viscous medium does.

Random numbers come from the stream of each cell, which is part of the MD state.
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from ase import units

from saltflow.dynamics.state import MDState, remove_drift

Restrict = Callable[[MDState], None]


class Thermostat(NamedTuple):
    """half_step: changes a state in place. energy: (systems,) eV that the thermostat holds or has removed."""

    half_step: Callable[..., None]
    energy: Callable[..., torch.Tensor]


def chain_half_step(
    state: MDState, *, target_K: torch.Tensor, step: float, time: float, restrict: Restrict = remove_drift
) -> None:
    """Half a step of a Nosé–Hoover chain on every cell.

    Args:
        state: velocities and chain changed in place.
        target_K: (systems,).
        step: full time step in ASE's unit.
        time: relaxation time in ASE's unit.
        restrict: unused; a common factor keeps frozen motions frozen.
    """
    thermal = units.kB * target_K
    freedom = state.degrees_of_freedom()
    mass = (thermal * time**2)[:, None].repeat(1, state.chain_velocities.shape[1])
    mass[:, 0] *= freedom
    last = mass.shape[1] - 1
    velocity = list(state.chain_velocities.unbind(1))
    kinetic = 2 * state.kinetic_energy()
    half, quarter, eighth = step / 2, step / 4, step / 8

    def drive(link: int) -> torch.Tensor:
        if link == 0:
            return (kinetic - freedom * thermal) / mass[:, 0]
        return (mass[:, link - 1] * velocity[link - 1].square() - thermal) / mass[:, link]

    velocity[last] = velocity[last] + quarter * drive(last)
    for link in range(last - 1, -1, -1):
        damping = torch.exp(-eighth * velocity[link + 1])
        velocity[link] = (velocity[link] * damping + quarter * drive(link)) * damping
    scale = torch.exp(-half * velocity[0])
    kinetic = kinetic * scale.square()
    state.chain_positions = state.chain_positions + half * torch.stack(velocity, 1)
    for link in range(last):
        damping = torch.exp(-eighth * velocity[link + 1])
        velocity[link] = (velocity[link] * damping + quarter * drive(link)) * damping
    velocity[last] = velocity[last] + quarter * drive(last)
    state.chain_velocities = torch.stack(velocity, 1)
    state.velocities = state.velocities * scale[state.system, None]


def chain_energy(state: MDState, *, target_K: torch.Tensor, time: float) -> torch.Tensor:
    """(systems,) eV: energy held by the chains; kinetic + potential + this is conserved in NVT."""
    thermal = units.kB * target_K
    mass = (thermal * time**2)[:, None].repeat(1, state.chain_velocities.shape[1])
    freedom = state.degrees_of_freedom()
    mass[:, 0] *= freedom
    kinetic = 0.5 * (mass * state.chain_velocities.square()).sum(1)
    links = state.chain_positions
    return kinetic + thermal * (freedom * links[:, 0] + links[:, 1:].sum(1))


def langevin_half_step(
    state: MDState, *, target_K: torch.Tensor, step: float, time: float, restrict: Restrict = remove_drift
) -> None:
    """Half a step of the Ornstein–Uhlenbeck process on every velocity: v → c v + √((1 − c²) kT/m) ξ, c = exp(−dt/2τ).

    `restrict` removes a mass-weighted orthogonal part, and the friction is the same for all: the rest follows the same
    process in fewer degrees of freedom.

    Args:
        state: velocities, streams and energy of the bath changed in place.
        restrict: removes conserved and frozen motion from the velocities.
        (the others as in `chain_half_step`; `time` is the inverse of the friction)
    """
    before, kept = state.kinetic_energy(), math.exp(-0.5 * step / time)
    width = ((1 - kept**2) * units.kB * target_K[state.system] / state.masses).sqrt()
    noise = torch.cat(state.normals([(atoms, 3) for atoms in state.atoms_of_cells]))
    state.velocities = kept * state.velocities + width[:, None] * state.on_device(noise)
    restrict(state)
    state.bath_energies = state.bath_energies + before - state.kinetic_energy()


def bussi_half_step(
    state: MDState, *, target_K: torch.Tensor, step: float, time: float, restrict: Restrict = remove_drift
) -> None:
    """Half a step of stochastic velocity rescaling on every cell.

    With f degrees of freedom, c = exp(−dt/2τ) and a = kT/(2K) the factor α is, from f normal numbers R,
    α² = c + (1 − c) a Σ R² + 2 √(c (1 − c) a) R₁, with the sign of R₁ + √(c/((1 − c) a)).

    Args:
        state: velocities, streams and energy of the bath changed in place.
        restrict: unused; a common factor keeps frozen motions frozen.
        (the others as in `chain_half_step`)
    """
    kinetic, kept = state.kinetic_energy(), math.exp(-0.5 * step / time)
    drawn = state.normals([(freedom,) for freedom in state.whole_degrees_of_freedom])
    both = [torch.stack([numbers[0], numbers.square().sum()]) for numbers in drawn]
    first, squares = state.on_device(torch.stack(both, 1))
    added = (1 - kept) * units.kB * target_K / (2 * kinetic)
    square = kept + added * squares + 2 * (kept * added).sqrt() * first
    scale = square.sqrt() * torch.where(first + (kept / added).sqrt() < 0, -1.0, 1.0)
    state.velocities = state.velocities * scale[state.system, None]
    state.bath_energies = state.bath_energies + kinetic * (1 - square)


def bath_energy(state: MDState, *, target_K: torch.Tensor, time: float) -> torch.Tensor:
    """(systems,) eV that a stochastic thermostat has removed; arguments as in `chain_energy`."""
    return state.bath_energies


THERMOSTATS: Mapping[str, Thermostat] = {
    "nose-hoover": Thermostat(chain_half_step, chain_energy),
    "langevin": Thermostat(langevin_half_step, bath_energy),
    "bussi": Thermostat(bussi_half_step, bath_energy),
}
