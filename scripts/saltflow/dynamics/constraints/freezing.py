"""Freeze translation (T), rotation (R) or vibration (V) of groups of atoms while everything else moves.

After Li et al., arXiv:2501.02440. Frozen means, for every group:

T   the centre of mass stays where it was. Whatever pushes it is taken up from outside, as by a wall, so the total
    momentum of a cell with such a group is not conserved and no longer costs it degrees of freedom.
R   the orientation stays: Σ m s₀ × s = 0 with the shape s₀ at the start (the condition of Eckart, Phys. Rev. 47, 552
    (1935)), under which the rotation that fits s best onto s₀ is none at all. It is linear, so is its velocity,
    Σ m s₀ × v = 0. Demanding Σ m s × v = 0 instead would fix no orientation: a vibrating body can turn at
    zero angular momentum.
V   the shape stays: a rigid body, s = Q s₀, v = V + ω × s.

Positions and velocities are projected along the mass-weighted normals of these conditions, at the start of a step for
the positions and at its end for the velocities (RATTLE): steps stay reversible and conserve energy as free ones do.
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

# What is frozen; "free" is nothing.
MODES = ("free", "T", "R", "V", "TR", "TV", "RV", "TRV")


@dataclass(frozen=True)
class Frozen:
    """What is frozen in a batch.

    motions: of "T", "R", "V" any, together; empty freezes nothing.
    groups: for each cell its groups, each the indices of its atoms in that cell. An atom is in one group at most.
    """

    motions: str
    groups: Sequence[Sequence[Sequence[int]]]


def constrain(frozen: Frozen | None, starts: Sequence[Atoms], state: MDState) -> "Constraint | None":
    """The constraint on a batch as it is now; None where nothing is frozen.

    Args:
        frozen: what is frozen in each of the cells that the run began with.
        starts: these cells, with every group in one piece: they are where centres, orientations and shapes stay.
        state: the batch, with the cells of its labels.
    """
    if frozen is None or not frozen.motions:
        return None
    chosen = [list(map(tuple, frozen.groups[label])) for label in state.labels]
    return Constraint(frozen.motions, chosen, [starts[label] for label in state.labels], state)


class Constraint:
    """The groups of a batch of cells whose motion is frozen.

    Args:
        motions: of "T", "R", "V".
        groups: for each cell of the batch its groups, as indices of atoms within the cell.
        starts: for each cell of the batch the cell that the run began with.
        state: the batch: masses, device, and where its cells begin.

    Raises:
        SaltflowError: a group has one atom, two groups share one, or nothing is left to move.
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
        """(systems,) degrees of freedom that a cell does not have: those of its groups, and of its total momentum."""
        turning = 3.0 - self.linear.double()
        each = 3 * ("T" in self.motions) + turning * ("R" in self.motions)
        if "V" in self.motions:
            each = each + 3 * self.sizes - 3 - turning
        lost = torch.zeros(self.systems, dtype=torch.float64, device=self.device).index_add_(0, self.owner, each)
        return lost + 3 * self.keeps_momentum

    def restrict(self, state: MDState) -> None:
        """Take frozen motions, and total momentum where it is conserved, out of the velocities of a batch, in place."""
        state.velocities = self.project(state.positions, state.velocities)
        drift = state.momentum() / state.sum_over_atoms(state.masses)[:, None] * self.keeps_momentum[:, None]
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
        """Positions after a step at constant velocities, and the velocities that have led there.

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
        """What is left of the velocities: (groups, 3) of the centre, and (groups, atoms, 3) relative to it."""
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
        # Nothing but rounding is left to take away here, which would add up over millions of steps.
        return changed - self._turn_of_shape(changed) if "R" in self.motions else changed

    def _turn_of_shape(self, inner: torch.Tensor) -> torch.Tensor:
        """That part of displacements or velocities which turns the shape at the start, θ × s₀."""
        momentum = angular_momentum(self.shape, inner, self.masses)
        turning = (self._inverse_inertia_of_shape @ momentum[..., None])[..., 0]
        return torch.linalg.cross(turning[:, None, :].expand_as(self.shape), self.shape)

    def _split(self, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean over the mass of each group (groups, 3), and what remains (groups, atoms, 3), 0 where padded."""
        chosen = values[self.members]
        centre = (self.masses[..., None] * chosen).sum(1) / self.total_mass
        return centre, torch.where(self.is_member[..., None], chosen - centre[:, None, :], 0.0)

    def _put(self, values: torch.Tensor, of_groups: torch.Tensor) -> torch.Tensor:
        """Per-atom values (atoms, 3) with those of the groups' atoms (groups, atoms, 3) in place."""
        values = values.clone()
        values[self.members[self.is_member]] = of_groups[self.is_member]
        return values

    def _tensor(self, values: list, *, dtype: torch.dtype) -> torch.Tensor:
        return torch.tensor(values, dtype=dtype, device=self.device)

    def _check_freedom(self, state: MDState) -> None:
        left = 3 * torch.bincount(state.system, minlength=state.systems) - self.lost_degrees
        if (left < 1).any():
            raise SaltflowError(
                f"With {', '.join(sorted(self.motions))} of all groups frozen a cell has nothing left that moves; "
                "take that mode out of constraints.modes."
            )


def _check_groups(members: Sequence[Sequence[int]]) -> None:
    atoms = [atom for group in members for atom in group]
    if min(map(len, members), default=2) < 2 or len(set(atoms)) < len(atoms):
        raise SaltflowError("A group to freeze needs two atoms or more, and no atom may be in two groups.")
