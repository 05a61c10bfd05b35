"""One step of molecular dynamics for a batch of cells.

Stochastic cell rescaling: isotropic after Bernetti & Bussi, J. Chem. Phys. 153, 114107 (2020), of the full cell after
Del Tatto, Raiteri, Bernetti & Bussi, Appl. Sci. 12, 1139 (2022).
"""

from collections.abc import Callable

import torch
from ase import units

from saltflow.dynamics.constraints import Constraint
from saltflow.dynamics.state import MDState
from saltflow.potentials.matrices_3x3 import exponential, inverse
from saltflow.potentials.protocol import Evaluation

Forces = Callable[[torch.Tensor, torch.Tensor], Evaluation]
LARGEST_RELAX_MOVE_A = 0.1
LARGEST_STRAIN = 0.01  # of the volume by the pressure in one step


def relax_step(state: MDState, evaluation: Evaluation, forces: Forces, *, step_size: float) -> Evaluation:
    """Steepest descent with a cap on the largest move of each cell.

    Args:
        state: changed in place.
        evaluation: forces at the current positions.
        forces: the potential.
        step_size: Å per eV/Å.
    """
    moves = evaluation.forces * step_size
    largest = torch.zeros(state.systems, dtype=moves.dtype, device=moves.device)
    largest.scatter_reduce_(0, state.system, moves.norm(dim=-1), "amax")
    cap = (LARGEST_RELAX_MOVE_A / largest.clamp(min=1e-12)).clamp(max=1.0)
    state.positions = state.positions + moves * cap[state.system, None]
    return forces(state.positions, state.cells)


def verlet_step(
    state: MDState, evaluation: Evaluation, forces: Forces, *, step: float, constraint: Constraint | None = None
) -> Evaluation:
    """Velocity Verlet (NVE), with RATTLE under constraints.

    Args:
        state: changed in place.
        evaluation: forces at the current positions.
        forces: the potential.
        step: time step in ASE's unit.
        constraint: of frozen groups; it must hold at the current positions.
    """
    inverse_mass = 1 / state.masses[:, None]
    half_kicked = state.velocities + 0.5 * step * evaluation.forces * inverse_mass
    if constraint is None:
        state.positions = state.positions + step * half_kicked
    else:
        state.positions, half_kicked = constraint.advance(state.positions, half_kicked, step=step)
    evaluation = forces(state.positions, state.cells)
    state.velocities = half_kicked + 0.5 * step * evaluation.forces * inverse_mass
    if constraint is not None:
        state.velocities = constraint.project(state.positions, state.velocities)
    return evaluation


def rescale_cells(
    state: MDState,
    evaluation: Evaluation,
    *,
    target_K: torch.Tensor,
    pressure: float,
    step: float,
    time: float,
    compressibility: float,
) -> None:
    """One step of isotropic stochastic cell rescaling.

    With ε = ln V:  dε = −(β/τ)(P0 − P) dt + √(2 kT β/(V τ)) dW. Positions scale with e^(dε/3), velocities with its
    inverse. This samples the isothermal–isobaric ensemble.

    Args:
        state: cells, positions and velocities changed in place.
        evaluation: stresses at the current positions.
        target_K: (systems,).
        pressure: P0 in eV/Å³.
        step, time: time step and relaxation time τ in ASE's unit.
        compressibility: β in Å³/eV.
    """
    rate = compressibility / time
    volume = state.volume_A3()
    drift = -rate * (pressure - state.pressure(evaluation.stresses)) * step
    width = (2 * units.kB * target_K * rate * step / volume).sqrt()
    # A packed cell can start at tens of GPa; a bounded strain per step keeps the integration stable. The noise is
    # not bounded: that would narrow the volume fluctuations.
    strain = drift.clamp(-LARGEST_STRAIN, LARGEST_STRAIN) + width * state.gaussian()
    scale_cells(state, torch.exp(strain / 3))


def reshape_cells(
    state: MDState,
    evaluation: Evaluation,
    *,
    target_K: torch.Tensor,
    pressure: float,
    step: float,
    time: float,
    compressibility: float,
) -> None:
    """One step of stochastic rescaling of the full cell, edges and angles.

    The cell is strained by exp(ε) with the symmetric ε = −(β/3τ)(P0 − P) dt + √(2 kT β/(3 V τ)) dW. P is the pressure
    tensor; dW has variance dt on the diagonal and dt/2 off it. The trace of ε obeys the isotropic equation; ε has no
    antisymmetric part, so the cell does not rotate. The ensemble is that of the flexible cell under hydrostatic
    pressure, exp(−P0 V/kT) V⁻² dh with cell matrix h. For solids only: the cell of a liquid would shear without bound.

    Args:
        (as in `rescale_cells`)
    """
    rate = compressibility / (3 * time)
    outside = pressure * torch.eye(3, dtype=state.cells.dtype, device=state.cells.device)
    drift = rate * (state.pressure_tensor(evaluation.stresses) - outside) * step
    largest = drift.abs().amax((-1, -2)).clamp(min=1e-300)
    drift = drift * (LARGEST_STRAIN / 3 / largest).clamp(max=1.0)[:, None, None]
    width = (2 * units.kB * target_K * rate * step / state.volume_A3()).sqrt()
    drawn = state.on_device(torch.stack(state.normals([(3, 3)] * state.systems)))
    strain = drift + width[:, None, None] * 0.5 * (drawn + drawn.transpose(-1, -2))
    deform_cells(state, exponential(strain))


def deform_cells(state: MDState, deformation: torch.Tensor) -> None:
    """Multiply lattice vectors and positions by a matrix (systems, 3, 3) from the right, momenta by its inverse.

    Args:
        state: cells, positions and velocities changed in place.
        deformation: acts on rows.
    """
    opposite = inverse(deformation).transpose(-1, -2)
    state.cells = state.cells @ deformation
    state.positions = torch.einsum("ni,nij->nj", state.positions, deformation[state.system])
    state.velocities = torch.einsum("ni,nij->nj", state.velocities, opposite[state.system])


def scale_cells(state: MDState, scale: torch.Tensor) -> None:
    """Scale lengths of every cell by `scale` (systems,), velocities by its inverse, in place."""
    state.cells = state.cells * scale[:, None, None]
    state.positions = state.positions * scale[state.system, None]
    state.velocities = state.velocities / scale[state.system, None]
