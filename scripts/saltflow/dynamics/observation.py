"""Observables of a batch: frames, velocities, density, drift of the conserved quantity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase import units

from saltflow.dynamics.state import MDState
from saltflow.potentials.protocol import Evaluation

DRIFT_ERRORS = 3  # neighbouring values of a conserved quantity are alike, so that its error is somewhat too small


@dataclass(frozen=True)
class Recorded:
    """Frames of a batch on their way to the host; they are there once the device has done what it was told.

    labels, atoms: of each cell. step: MD steps since the start of the run. time_ps: the same as time.
    per_atom, per_cell: name → values of all atoms or cells.
    """

    labels: tuple[int, ...]
    atoms: Sequence[int]
    step: int
    time_ps: float
    per_atom: Mapping[str, torch.Tensor]
    per_cell: Mapping[str, torch.Tensor]

    def frames(self) -> list[dict]:
        """One frame per cell: its label and the arguments of `H5MDWriter.append` or `append_velocities`."""
        of_atoms = {name: values.split(list(self.atoms)) for name, values in self.per_atom.items()}
        return [
            {"label": label, "step": self.step, "time_ps": self.time_ps}
            | {name: values[place].numpy() for name, values in of_atoms.items()}
            | {name: values[place].numpy()[()] for name, values in self.per_cell.items()}
            for place, label in enumerate(self.labels)
        ]


def frames_of(state: MDState, evaluation: Evaluation, *, step: int, time_ps: float, has_pressure: bool) -> Recorded:
    """Positions and observables.

    Args:
        state: the batch.
        evaluation: at its positions.
        step, time_ps: as in `Recorded`.
        has_pressure: whether forces and motion alone make the pressure; else it is NaN.
    """
    pressure = state.pressure(evaluation.stresses) / units.GPa
    return _recorded(
        state,
        step=step,
        time_ps=time_ps,
        per_atom={},
        per_cell={
            "potential_energy_eV": evaluation.energies,
            "temperature_K": state.temperature_K(),
            "pressure_GPa": pressure if has_pressure else torch.full_like(pressure, torch.nan),
            "com_momentum_u_A_ps": state.momentum() * units.fs * 1000,  # per ASE time → per ps
        },
    )


def velocities_of(state: MDState, *, step: int, time_ps: float) -> Recorded:
    """Positions and velocities; arguments as in `frames_of`."""
    velocities = state.velocities * (1000 * units.fs)  # per ASE time → per ps
    return _recorded(
        state,
        step=step,
        time_ps=time_ps,
        per_atom={"velocities_A_ps": velocities.to(torch.float32)},
        per_cell={},
    )


def _recorded(
    state: MDState,
    *,
    step: int,
    time_ps: float,
    per_atom: Mapping[str, torch.Tensor],
    per_cell: Mapping[str, torch.Tensor],
) -> Recorded:
    per_atom = {"positions_A": state.positions.to(torch.float32), **per_atom}
    to_host = [
        {name: values.to("cpu", non_blocking=True) for name, values in each.items()}
        for each in (per_atom, {"cell_A": state.cells, **per_cell})
    ]
    return Recorded(state.labels, state.atoms_of_cells, step, time_ps, *to_host)


def densities_g_cm3(state: MDState) -> torch.Tensor:
    """(systems,) g/cm³."""
    grams = state.sum_over_atoms(state.masses) / units.kg * 1000
    return grams / (state.volume_A3() * 1e-24)


def drifts_faster(drift: float | None, error: float | None, *, limit: float) -> bool:
    """Whether a drift is above a limit by more than `DRIFT_ERRORS` standard errors; None is not."""
    return drift is not None and abs(drift) - DRIFT_ERRORS * error > limit


def drift_meV_atom_ps(
    energies_eV: Sequence[float], *, interval_ps: float, atoms: int
) -> tuple[float, float] | tuple[None, None]:
    """Slope of a conserved quantity per atom and its standard error, None from fewer than three values.

    Args:
        energies_eV: the quantity of one cell, evenly spaced in time.
        interval_ps: time between them.
        atoms: of the cell.
    """
    if len(energies_eV) < 3:
        return None, None
    times_ps = (np.arange(len(energies_eV)) - (len(energies_eV) - 1) / 2) * interval_ps
    from_mean = np.asarray(energies_eV) - np.mean(energies_eV)
    squares = (times_ps**2).sum()
    slope = (times_ps * from_mean).sum() / squares
    variance = ((from_mean - slope * times_ps) ** 2).sum() / (len(times_ps) - 2) / squares
    return float(1000 * slope / atoms), float(1000 * variance**0.5 / atoms)
