"""Rotations of many small groups at once: inertia, angular momentum, one step of a rigid rotor.

Arrays are batched over groups and padded to the largest: positions relative to the centre of mass are
(groups, atoms, 3), masses (groups, atoms) with 0 for padding.
"""

import torch

from saltflow.potentials.matrices_3x3 import inverse

# Three reach rounding from the rotation at constant angular velocity, for turns below 0.3 rad per step.
NEWTON_STEPS = 4
# A group whose smallest moment of inertia is below this × its largest is linear.
LINEAR_BELOW = 1e-9


def inertia(positions: torch.Tensor, masses: torch.Tensor) -> torch.Tensor:
    """(groups, 3, 3) Σ m (s² 1 − s sᵀ)."""
    return -skewed(torch.einsum("gni,gnj,gn->gij", positions, positions, masses))


def skewed(moments: torch.Tensor) -> torch.Tensor:
    """(groups, 3, 3) M − tr(M) 1, which takes Σ m s sᵀ to minus the inertia."""
    trace = torch.diagonal(moments, dim1=-2, dim2=-1).sum(-1)
    return moments - trace[:, None, None] * torch.eye(3, dtype=moments.dtype, device=moments.device)


def angular_momentum(positions: torch.Tensor, velocities: torch.Tensor, masses: torch.Tensor) -> torch.Tensor:
    """(groups, 3) Σ m s × v."""
    return (masses[..., None] * torch.linalg.cross(positions, velocities)).sum(1)


def is_linear(positions: torch.Tensor, masses: torch.Tensor) -> torch.Tensor:
    """(groups,) whether all atoms of a group lie on one line."""
    moments = torch.linalg.eigvalsh(inertia(positions, masses))
    return moments[:, 0] < LINEAR_BELOW * moments[:, 2]


def line_of(positions: torch.Tensor, linear: torch.Tensor) -> torch.Tensor:
    """(groups, 3) unit vector along a linear group, zero for the others."""
    distances = positions.norm(dim=-1)
    farthest = distances.argmax(1)
    direction = positions[torch.arange(len(positions), device=positions.device), farthest]
    unit = direction / distances.amax(1)[:, None]
    return torch.where(linear[:, None], unit, torch.zeros_like(unit))


def inverse_inertia(positions: torch.Tensor, masses: torch.Tensor, linear: torch.Tensor) -> torch.Tensor:
    """(groups, 3, 3) inverse of the inertia; of a linear group the pseudo-inverse, for vectors across its line.

    A linear group has no rotation about its line: any moment of inertia is put in there, without effect across it.
    """
    moments, line = inertia(positions, masses), line_of(positions, linear)
    size = torch.diagonal(moments, dim1=-2, dim2=-1).sum(-1)
    return inverse(moments + size[:, None, None] * line[:, :, None] * line[:, None, :])


def rotated(positions: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
    """Positions (groups, atoms, 3) rotated by rotation vectors (groups, 3) in rad; distances stay to rounding."""
    angle = angles.norm(dim=-1)[:, None, None]
    half = 0.5 * angle
    # sin θ/θ and (1 − cos θ)/θ² by sinc, which has no pole at θ = 0.
    first = torch.linalg.cross(angles[:, None, :].expand_as(positions), positions)
    second = torch.linalg.cross(angles[:, None, :].expand_as(positions), first)
    return positions + torch.sinc(angle / torch.pi) * first + 0.5 * torch.sinc(half / torch.pi) ** 2 * second


def turn_rigidly(
    positions: torch.Tensor, masses: torch.Tensor, linear: torch.Tensor, *, momentum: torch.Tensor
) -> torch.Tensor:
    """One step of rigid bodies: the rotation s → s' with Σ m s × s' = L dt.

    This is RATTLE (Andersen, J. Comput. Phys. 52, 24 (1983)) with all distances of a group fixed, with three unknowns
    per group: the discrete rigid body of Moser & Veselov, Commun. Math. Phys. 139, 217 (1991). It is symplectic and
    reversible; fitting the body to unconstrained positions would not be.

    Args:
        positions: s, (groups, atoms, 3).
        masses: (groups, atoms).
        linear: (groups,).
        momentum: L dt, (groups, 3).
    """
    line = line_of(positions, linear)
    turned = rotated(positions, (inverse_inertia(positions, masses, linear) @ momentum[..., None])[..., 0])
    size = torch.diagonal(inertia(positions, masses), dim1=-2, dim2=-1).sum(-1)[:, None, None]
    for _ in range(NEWTON_STEPS):
        missing = momentum - angular_momentum(positions, turned, masses)
        slope = -skewed(torch.einsum("gni,gnj,gn->gij", turned, positions, masses))
        slope = slope + size * line[:, :, None] * line_of(turned, linear)[:, None, :]
        turned = rotated(turned, (inverse(slope) @ missing[..., None])[..., 0])
    return turned
