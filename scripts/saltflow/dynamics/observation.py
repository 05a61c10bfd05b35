"""Observables of a batch: frames, velocities, density, drift of the conserved quantity."""

from collections.abc import Sequence

import numpy as np
import torch
from ase import units

from saltflow.dynamics.state import MDState
from saltflow.potentials.mace import Evaluation


def frames_of(state: MDState, evaluation: Evaluation, *, step: int, time_ps: float) -> list[dict]:
    """One frame per cell: its label and the arguments of `H5MDWriter.append`.

    Args:
        state: the batch.
        evaluation: at its positions.
        step: MD steps since the start of the run.
        time_ps: the same as time.
    """
    temperature, pressure = state.temperature_K().cpu(), state.pressure(evaluation.stresses).cpu() / units.GPa
    momentum = state.momentum().cpu() * units.fs * 1000  # per ASE time → per ps
    positions, cells, owner = state.positions.cpu(), state.cells.cpu(), state.system.cpu()
    return [
        {
            "label": label,
            "step": step,
            "time_ps": time_ps,
            "positions_A": positions[owner == position].numpy().astype(np.float32),
            "cell_A": cells[position].numpy(),
            "potential_energy_eV": float(evaluation.energies[position]),
            "temperature_K": float(temperature[position]),
            "pressure_GPa": float(pressure[position]),
            "com_momentum_u_A_ps": momentum[position].numpy(),
        }
        for position, label in enumerate(state.labels)
    ]


def velocities_of(state: MDState, *, step: int, time_ps: float) -> list[dict]:
    """One frame per cell: its label and the arguments of `H5MDWriter.append_velocities`.

    Args:
        state, step, time_ps: as in `frames_of`.
    """
    positions, cells, owner = state.positions.cpu(), state.cells.cpu(), state.system.cpu()
    velocities = state.velocities.cpu() * (1000 * units.fs)  # per ASE time → per ps
    return [
        {
            "label": label,
            "step": step,
            "time_ps": time_ps,
            "positions_A": positions[owner == position].numpy().astype(np.float32),
            "cell_A": cells[position].numpy(),
            "velocities_A_ps": velocities[owner == position].numpy().astype(np.float32),
        }
        for position, label in enumerate(state.labels)
    ]


def densities_g_cm3(state: MDState) -> torch.Tensor:
    """(systems,) g/cm³."""
    grams = state.sum_over_atoms(state.masses) / units.kg * 1000
    return grams / (state.volume_A3() * 1e-24)


def drift_meV_atom_ps(energies_eV: Sequence[float], *, interval_ps: float, atoms: int) -> float | None:
    """Slope of a conserved quantity per atom, None from fewer than three values.

    Args:
        energies_eV: the quantity of one cell, evenly spaced in time.
        interval_ps: time between them.
        atoms: of the cell.
    """
    if len(energies_eV) < 3:
        return None
    slope = np.polyfit(np.arange(len(energies_eV)) * interval_ps, energies_eV, 1)[0]
    return float(1000 * slope / atoms)
