"""Freeze translation (T), rotation (R) or vibration (V) of groups of atoms while everything else moves.

After Li et al., arXiv:2501.02440. For every group, frozen means:

T   the centre of mass stays. The constraint takes up momentum, so the total momentum of the cell is not conserved and
    costs no degrees of freedom.
R   the orientation stays: Σ m s₀ × s = 0 with the shape s₀ at the start (Eckart, Phys. Rev. 47, 552 (1935)). Then the
    best fit of s onto s₀ needs no rotation. The condition is linear, and so is that of the velocities, Σ m s₀ × v = 0.
    Σ m s × v = 0 would not fix the orientation: a vibrating body can turn at zero angular momentum.
V   the shape stays: a rigid body, s = Q s₀, v = V + ω × s.

Positions are projected along the mass-weighted normals of these conditions at the start of a step, velocities at its
end (RATTLE). Steps are reversible and conserve energy as free ones do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from ase import Atoms

from saltflow.base.errors import SaltflowError
from saltflow.dynamics.constraints.rotations import (
    angular_momentum,
    inverse_inertia,
    is_linear,
    turn_rigidly,
)
from saltflow.dynamics.state import MDState

# Motions that are frozen; "free" for none.
MODES = ("free", "T", "R", "V", "TR", "TV", "RV", "TRV")


@dataclass(frozen=True)
class Frozen:
    """Frozen motions and groups of a batch.

    motions: any of "T", "R", "V", joined; empty freezes nothing.
    groups: for each cell its groups, each as indices of atoms in that cell. An atom is in at most one group.
    """

    motions: str
    groups: Sequence[Sequence[Sequence[int]]]


def constrain(frozen: Frozen | None, starts: Sequence[Atoms], state: MDState) -> "Constraint | None":
    """The constraint on a batch; None where nothing is frozen.

    Args:
        frozen: motions and groups, for each of the cells at the start of the run.
        starts: these cells, every group unbroken; they define the frozen centres, orientations and shapes.
        state: the batch; its labels say which cells are left.
    """
    if frozen is None or not frozen.motions:
        return None
    chosen = [list(map(tuple, frozen.groups[label])) for label in state.labels]
    return Constraint(frozen.motions, chosen, [starts[label] for label in state.labels], state)


class Constraint:
    """The groups of a batch of cells whose motion is frozen.

    Args:
        motions: of "T", "R", "V".
        groups: for each cell of the batch its groups, as indices of atoms in the cell.
        starts: for each cell of the batch the cell at the start of the run.
        state: the batch, for masses, device and the order of its cells.

    Raises:
        SaltflowError: a group has one atom, two groups share an atom, or no degree of freedom is left.
    """

    def __init__(
        self, motions: str, groups: Sequence[Sequence[Sequence[int]]], starts: Sequence[Atoms], state: MDState
    ):
        self.motions, self.device, self.systems = frozenset(motions), state.positions.device, state.systems
        counts = torch.bincount(state.system, minlength=state.systems).tolist()
        firsts = [sum(counts[:cell]) for cell in range(len(counts))]
        members = [[first + atom for atom in group] for first, own in zip(firsts, groups, strict=True) for group in own]
        _check_groups(members)
        self.owner = self._tensor([cell for cell, own in enumerate(groups) for _ in own], dtype=torch.long)
        largest = max((len(group) for group in members), default=1)
        padded = [[*group, *[0] * (largest - len(group))] for group in members]
        self.members = self._tensor(padded, dtype=torch.long).reshape(len(members), largest)
        self.sizes = self._tensor([len(group) for group in members], dtype=torch.long)
        self.is_member = torch.arange(largest, device=self.device) < self.sizes[:, None]
        slots = [row * largest + place for row, group in enumerate(members) for place in range(len(group))]
        self._slots = self._tensor(slots, dtype=torch.long)
        self._atoms = self._tensor([atom for group in members for atom in group], dtype=torch.long)
        self.masses = torch.where(self.is_member, state.masses[self.members], 0.0)
        self.total_mass = self.masses.sum(1)[:, None]
        positions = [torch.as_tensor(cell.positions, dtype=torch.float64, device=self.device) for cell in starts]
        self.home, self.shape = self._split(torch.cat(positions))
        self.linear = is_linear(self.shape, self.masses)
        self._check_freedom(state)

    @cached_property
    def _inverse_inertia_of_shape(self) -> torch.Tensor:
        return inverse_inertia(self.shape, self.masses, self.linear)

    @cached_property
    def keeps_momentum(self) -> torch.Tensor:
        """(systems,) whether the total momentum is conserved: frozen centres take momentum up."""
        without_groups = torch.bincount(self.owner, minlength=self.systems) == 0
        return without_groups if "T" in self.motions else torch.ones_like(without_groups)

    @cached_property
    def lost_degrees(self) -> torch.Tensor:
        """(systems,) degrees of freedom lost to constraints and to a conserved total momentum."""
        turning = 3.0 - self.linear.double()
        each = 3 * ("T" in self.motions) + turning * ("R" in self.motions)
        if "V" in self.motions:
            each = each + 3 * self.sizes - 3 - turning
        lost = torch.zeros(self.systems, dtype=torch.float64, device=self.device).index_add_(0, self.owner, each)
        return lost + 3 * self.keeps_momentum

    def restrict(self, state: MDState) -> None:
        """Remove frozen motions, and the total momentum where it is conserved, from the velocities, in place."""
        state.velocities = self.project(state.positions, state.velocities)
        drift = state.momentum() / state.total_masses[:, None] * self.keeps_momentum[:, None]
        state.velocities = state.velocities - drift[state.system]

    def project(self, positions: torch.Tensor, velocities: torch.Tensor) -> torch.Tensor:
        """Velocities (atoms, 3) without the frozen motions.

        Args:
            positions: (atoms, 3), where the constraint holds.
            velocities: (atoms, 3).
        """
        _, shape = self._split(positions)
        drift, inner = self._allowed(shape, velocities)
        return self._put(velocities, drift[:, None, :] + inner)

    def advance(
        self, positions: torch.Tensor, velocities: torch.Tensor, *, step: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions after a step at constant velocities, and the constrained velocities that lead there.

        Args:
            positions: (atoms, 3), where the constraint holds.
            velocities: (atoms, 3), after the first half kick.
            step: time step in ASE's unit.
        """
        centre, shape = self._split(positions)
        drift, inner = self._allowed(shape, velocities)
        moved = self.home if "T" in self.motions else centre + step * drift
        changed = self._changed(shape, inner, step=step)
        led = drift[:, None, :] + (changed - shape) / step
        moved_atoms = self._put(positions + step * velocities, moved[:, None, :] + changed)
        return moved_atoms, self._put(velocities, led)

    def _allowed(self, shape: torch.Tensor, velocities: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Allowed velocities: (groups, 3) of the centre, and (groups, atoms, 3) relative to it."""
        centre, inner = self._split(velocities)
        drift = torch.zeros_like(centre) if "T" in self.motions else centre
        if self.motions >= {"R", "V"}:
            return drift, torch.zeros_like(inner)
        if "R" in self.motions:
            return drift, inner - self._turn_of_shape(inner)
        if "V" in self.motions:
            momentum = angular_momentum(shape, inner, self.masses)
            turning = (inverse_inertia(shape, self.masses, self.linear) @ momentum[..., None])[..., 0]
            return drift, torch.linalg.cross(turning[:, None, :].expand_as(shape), shape)
        return drift, inner

    def _changed(self, shape: torch.Tensor, inner: torch.Tensor, *, step: float) -> torch.Tensor:
        """The shape after a step, (groups, atoms, 3) relative to the centre."""
        if self.motions >= {"R", "V"}:
            return self.shape
        if "V" in self.motions:
            momentum = step * angular_momentum(shape, inner, self.masses)
            return turn_rigidly(shape, self.masses, self.linear, momentum=momentum)
        changed = shape + step * inner
        # Removes rounding errors, which would add up over millions of steps.
        return changed - self._turn_of_shape(changed) if "R" in self.motions else changed

    def _turn_of_shape(self, inner: torch.Tensor) -> torch.Tensor:
        """The part of displacements or velocities that rotates the shape at the start, θ × s₀."""
        momentum = angular_momentum(self.shape, inner, self.masses)
        turning = (self._inverse_inertia_of_shape @ momentum[..., None])[..., 0]
        return torch.linalg.cross(turning[:, None, :].expand_as(self.shape), self.shape)

    def _split(self, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mass-weighted mean of each group (groups, 3), and the rest (groups, atoms, 3), 0 for padding."""
        chosen = values[self.members]
        centre = (self.masses[..., None] * chosen).sum(1) / self.total_mass
        return centre, torch.where(self.is_member[..., None], chosen - centre[:, None, :], 0.0)

    def _put(self, values: torch.Tensor, of_groups: torch.Tensor) -> torch.Tensor:
        """Values (atoms, 3) with those of the groups (groups, atoms, 3) put in."""
        return values.index_copy(0, self._atoms, of_groups.flatten(0, 1).index_select(0, self._slots))

    def _tensor(self, values: list, *, dtype: torch.dtype) -> torch.Tensor:
        return torch.tensor(values, dtype=dtype, device=self.device)

    def _check_freedom(self, state: MDState) -> None:
        left = 3 * torch.bincount(state.system, minlength=state.systems) - self.lost_degrees
        if (left < 1).any():
            raise SaltflowError(
                f"With {', '.join(sorted(self.motions))} of all groups frozen, a cell has no degree of freedom left; "
                "remove that mode from constraints.modes."
            )


def _check_groups(members: Sequence[Sequence[int]]) -> None:
    atoms = [atom for group in members for atom in group]
    if min(map(len, members), default=2) < 2 or len(set(atoms)) < len(atoms):
        raise SaltflowError("A frozen group needs at least two atoms, and an atom may be in one group only.")
