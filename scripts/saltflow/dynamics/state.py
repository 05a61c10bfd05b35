"""The MD state of a batch of cells: everything that the next step depends on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
import torch
from ase import Atoms, units

from saltflow.potentials.matrices_3x3 import determinant
from saltflow.potentials.protocol import stack

CHAIN_LENGTH = 3
OF_ATOMS = ("positions", "velocities", "masses", "numbers")
OF_CELLS = ("cells", "chain_positions", "chain_velocities", "bath_energies")


@dataclass
class MDState:
    """Positions, velocities, cells and thermostats of a batch, in ASE's units (Å, eV, u).

    A step puts new tensors in place of the old and changes none, so that a copy of the state stays what it was. The
    cells and atoms of a state stay the same; numbers that follow from them are kept.

    positions, velocities: (atoms, 3), unwrapped; float64.
    masses: (atoms,); numbers: (atoms,); system: (atoms,) index of the cell in this batch.
    cells: (systems, 3, 3), rows are lattice vectors.
    chain_positions, chain_velocities: (systems, CHAIN_LENGTH) of the Nosé–Hoover chains.
    bath_energies: (systems,) eV that a stochastic thermostat has removed from each cell.
    labels: (systems,) number of the cell at the start of the run; the removal of others keeps it.
    noise: one random state per cell, so that a cell does not depend on the others of its batch.
    lost_degrees: (systems,) degrees of freedom lost to constraints and conserved momentum; None: 3, the momentum.
    """

    positions: torch.Tensor
    velocities: torch.Tensor
    masses: torch.Tensor
    numbers: torch.Tensor
    system: torch.Tensor
    cells: torch.Tensor
    chain_positions: torch.Tensor
    chain_velocities: torch.Tensor
    bath_energies: torch.Tensor
    labels: tuple[int, ...]
    noise: tuple[torch.Tensor, ...]
    lost_degrees: torch.Tensor | None = None

    @property
    def systems(self) -> int:
        """Number of cells."""
        return len(self.labels)

    def sum_over_atoms(self, values: torch.Tensor) -> torch.Tensor:
        """Per-cell sums of a per-atom quantity: (atoms, …) → (systems, …)."""
        total = torch.zeros((self.systems, *values.shape[1:]), dtype=values.dtype, device=values.device)
        return total.index_add_(0, self.system, values)

    def degrees_of_freedom(self) -> torch.Tensor:
        """(systems,) 3N − 3 at zero total momentum; 3N − `lost_degrees` under constraints."""
        return self._coordinates - (3 if self.lost_degrees is None else self.lost_degrees)

    @cached_property
    def _coordinates(self) -> torch.Tensor:
        return 3 * self.sum_over_atoms(torch.ones_like(self.masses))

    @cached_property
    def whole_degrees_of_freedom(self) -> list[int]:
        """(systems,) the same on the host."""
        return [int(freedom) for freedom in self.degrees_of_freedom().tolist()]

    def count(self) -> None:
        """Count atoms and degrees of freedom, for which the host waits, before the first step."""
        for name in ("atoms_of_cells", "whole_degrees_of_freedom"):
            getattr(self, name)

    @cached_property
    def total_masses(self) -> torch.Tensor:
        """(systems,) u."""
        return self.sum_over_atoms(self.masses)

    def kinetic_energy(self) -> torch.Tensor:
        """(systems,) eV."""
        return 0.5 * self.sum_over_atoms(self.masses * self.velocities.square().sum(-1))

    def temperature_K(self) -> torch.Tensor:
        """(systems,) K."""
        return 2 * self.kinetic_energy() / (self.degrees_of_freedom() * units.kB)

    def volume_A3(self) -> torch.Tensor:
        """(systems,) Å³."""
        return determinant(self.cells).abs()

    def momentum(self) -> torch.Tensor:
        """(systems, 3) total momentum in u Å per ASE time unit."""
        return self.sum_over_atoms(self.masses[:, None] * self.velocities)

    def pressure(self, stresses: torch.Tensor) -> torch.Tensor:
        """(systems,) instantaneous pressure in eV/Å³ from the potential's stress and the kinetic energy."""
        virial = -torch.diagonal(stresses, dim1=-2, dim2=-1).mean(-1)
        return virial + 2 * self.kinetic_energy() / (3 * self.volume_A3())

    def pressure_tensor(self, stresses: torch.Tensor) -> torch.Tensor:
        """(systems, 3, 3) instantaneous pressure in eV/Å³; a third of its trace is `pressure`."""
        flow = self.masses[:, None, None] * self.velocities[:, :, None] * self.velocities[:, None]
        return self.sum_over_atoms(flow) / self.volume_A3()[:, None, None] - stresses

    def without(self, position: int) -> "MDState":
        """The batch without the cell at one position."""
        return self.only([index for index in range(self.systems) if index != position])

    def only(self, kept: Sequence[int]) -> "MDState":
        """The cells at some positions of the batch, ascending."""
        renumber = torch.full((self.systems,), -1, dtype=torch.long, device=self.system.device)
        renumber[list(kept)] = torch.arange(len(kept), device=self.system.device)
        atoms = renumber[self.system] >= 0
        return replace(
            self,
            **{name: getattr(self, name)[atoms] for name in OF_ATOMS},
            **{name: getattr(self, name)[list(kept)] for name in OF_CELLS},
            system=renumber[self.system[atoms]],
            lost_degrees=None if self.lost_degrees is None else self.lost_degrees[list(kept)],
            labels=tuple(self.labels[index] for index in kept),
            noise=tuple(self.noise[index] for index in kept),
        )

    def at(self, device: str | torch.device) -> "MDState":
        """The same on a device; the random states stay on the host."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(
            self, **{name: each.to(device) for name, each in values.items() if isinstance(each, torch.Tensor)}
        )

    @cached_property
    def atoms_of_cells(self) -> list[int]:
        """Number of atoms of every cell."""
        return torch.bincount(self.system, minlength=self.systems).tolist()

    def normals(self, shapes: Sequence[tuple[int, ...]]) -> list[torch.Tensor]:
        """Standard normal numbers in one shape per cell, on the host, from the random stream of each cell."""
        drawn, states = [], []
        for shape, state in zip(shapes, self.noise, strict=True):
            generator = torch.Generator()
            generator.set_state(state)
            drawn.append(torch.randn(shape, generator=generator, dtype=torch.float64))
            states.append(generator.get_state())
        self.noise = tuple(states)
        return drawn

    def on_device(self, numbers: torch.Tensor) -> torch.Tensor:
        """Numbers of the host on the device of the state; the host does not wait."""
        pinned = numbers.pin_memory() if self.cells.device.type == "cuda" else numbers
        return pinned.to(self.cells.device, non_blocking=True)

    def gaussian(self) -> torch.Tensor:
        """(systems,) one standard normal number per cell."""
        return self.on_device(torch.stack(self.normals([()] * self.systems)))

    def tensors(self) -> dict:
        """The fields as a dictionary that torch.save writes and `MDState(**…)` takes back."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def atoms_of(self, position: int) -> Atoms:
        """One cell as ASE atoms with its velocities."""
        mask = (self.system == position).cpu()
        return Atoms(
            numbers=self.numbers.cpu()[mask].numpy(),
            positions=self.positions.cpu()[mask].numpy(),
            velocities=self.velocities.cpu()[mask].numpy(),
            cell=self.cells[position].cpu().numpy(),
            pbc=True,
        )


def initial_state(cells: Sequence[Atoms], *, seeds: Sequence[int], device: str) -> MDState:
    """Cells at rest, each with its own stream of random numbers.

    Args:
        cells: periodic cells.
        seeds: one per cell.
        device: cpu or cuda.
    """
    numbers, system, positions, boxes = stack(cells)
    masses = np.concatenate([cell.get_masses() for cell in cells])

    def tensor(values: np.ndarray, dtype: torch.dtype = torch.float64) -> torch.Tensor:
        return torch.as_tensor(values, dtype=dtype, device=device)

    chain = torch.zeros((len(cells), CHAIN_LENGTH), dtype=torch.float64, device=device)
    return MDState(
        positions=tensor(positions),
        velocities=torch.zeros_like(tensor(positions)),
        masses=tensor(masses),
        numbers=tensor(numbers, torch.long),
        system=tensor(system, torch.long),
        cells=tensor(boxes),
        chain_positions=chain.clone(),
        chain_velocities=chain.clone(),
        bath_energies=torch.zeros_like(chain[:, 0]),
        labels=tuple(range(len(cells))),
        noise=tuple(torch.Generator().manual_seed(seed).get_state() for seed in seeds),
    )


def joined(states: Sequence[MDState]) -> MDState:
    """Unconstrained cells of several states as one batch, numbered anew from 0."""
    firsts = np.cumsum([0, *(state.systems for state in states)])
    return MDState(
        **{name: torch.cat([getattr(state, name) for state in states]) for name in (*OF_ATOMS, *OF_CELLS)},
        system=torch.cat([state.system + int(first) for state, first in zip(states, firsts[:-1], strict=True)]),
        labels=tuple(range(firsts[-1])),
        noise=tuple(noise for state in states for noise in state.noise),
    )


def remove_drift(state: MDState) -> None:
    """Set the total momentum of every cell to zero, in place."""
    drift = state.momentum() / state.total_masses[:, None]
    state.velocities = state.velocities - drift[state.system]


def draw_velocities(
    state: MDState, temperature_K: torch.Tensor, *, restrict: Callable[[MDState], None] = remove_drift
) -> None:
    """Maxwell–Boltzmann velocities at exactly the given temperatures, without total momentum.

    Args:
        state: changed in place; thermostats are reset.
        temperature_K: (systems,).
        restrict: removes conserved and frozen motion from the velocities of a state.
    """
    drawn = torch.cat(state.normals([(atoms, 3) for atoms in state.atoms_of_cells]))
    velocities = state.on_device(drawn) / state.masses.sqrt()[:, None]
    state.velocities = velocities
    restrict(state)
    scale = (temperature_K / state.temperature_K()).sqrt()
    state.velocities = state.velocities * scale[state.system, None]
    state.chain_positions = torch.zeros_like(state.chain_positions)
    state.chain_velocities = torch.zeros_like(state.chain_velocities)
