"""Batches of 3 × 3 matrices in closed form: a factorisation is slower, and on a GPU the host waits for its errors."""

import torch

TAYLOR_ORDER = 12  # of the exponential; exact to rounding for arguments below 0.3


def inverse(matrices: torch.Tensor) -> torch.Tensor:
    """(…, 3, 3) by cofactors; not finite where a matrix is singular."""
    first, second, third = matrices.unbind(-2)
    cofactors = torch.stack(
        [torch.linalg.cross(second, third), torch.linalg.cross(third, first), torch.linalg.cross(first, second)], -1
    )
    return cofactors / (first * cofactors[..., 0]).sum(-1)[..., None, None]


def determinant(matrices: torch.Tensor) -> torch.Tensor:
    """(…) triple products of the rows of (…, 3, 3)."""
    first, second, third = matrices.unbind(-2)
    return (first * torch.linalg.cross(second, third)).sum(-1)


def exponential(matrices: torch.Tensor) -> torch.Tensor:
    """(…, 3, 3) exp of small matrices by their Taylor series."""
    identity = torch.eye(3, dtype=matrices.dtype, device=matrices.device)
    total = identity + matrices / TAYLOR_ORDER
    for order in range(TAYLOR_ORDER - 1, 0, -1):
        total = identity + matrices @ total / order
    return total
