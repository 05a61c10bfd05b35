"""How many ions cross an interface at equilibrium, and the resistance that follows."""

from collections.abc import Sequence

import numpy as np
from ase.units import kB

from saltflow.studies.interfaces.normal_profiles import drift_between
from saltflow.studies.interfaces.reactions import Solid
from saltflow.trajectory.chunks import frame_chunks
from saltflow.trajectory.memory import TrajectoryReader

CHARGES_e = dict.fromkeys(("Li", "Na", "K", "Rb", "Cs", "Cu", "Ag"), 1.0) | dict.fromkeys(("Mg", "Ca", "Sr", "Ba"), 2.0)
OK, FEW = "ok", "too few crossings"
FEWEST = 20  # crossings, for an error of a quarter
LAYER_A = 6.0  # an ion has crossed when it was beyond one face of this layer and is beyond the other
S_PER_CM2 = 1.602176634e-19 * 1e12 * 1e14  # e² / (eV ps nm²)


def ion_exchange(
    runs: Sequence[TrajectoryReader],
    solid: Solid,
    ions: np.ndarray,
    *,
    charge_e: float,
    temperature_K: float,
    layer_A: float = LAYER_A,
) -> dict:
    """Crossings of the layer around an interface, and its resistance kT / q² J.

    In equilibrium as many cross one way as the other; J is that of one way. Of a homogeneous conductor the resistance
    is the thickness of the layer over its Nernst–Einstein conductivity.

    Args:
        runs: replicas at one temperature.
        solid: with a plane between its two faces.
        ions: of one element, (atoms,).
        charge_e: of each.
        temperature_K: of the runs.
        layer_A: thickness of the layer.

    Returns:
        up and down (crossings), flux_per_ns_nm2 and resistance_ohm_cm2 with the errors of a Poisson count of one way,
        for what went up comes down (None with too few), layer_A and status.
    """
    up = down = watched_ps_nm2 = 0.0
    for run in runs:
        crossed = _crossings(run, solid, ions, layer_A=layer_A)
        up, down = up + crossed[0], down + crossed[1]
        area_nm2 = float(np.linalg.norm(np.cross(*run.cells_A[0][:2]))) / 100
        watched_ps_nm2 += float(run.times_ps[-1] - run.times_ps[0]) * area_nm2
    number = up + down
    found = {"up": up, "down": down, "layer_A": layer_A, "status": OK if number >= FEWEST else FEW}
    if number < FEWEST:
        return found | dict.fromkeys(
            ("flux_per_ns_nm2", "flux_error_per_ns_nm2", "resistance_ohm_cm2", "resistance_error_ohm_cm2")
        )
    flux_per_ps_nm2, relative = number / 2 / watched_ps_nm2, (number / 2) ** -0.5
    resistance = kB * temperature_K / (charge_e**2 * flux_per_ps_nm2) / S_PER_CM2
    return found | {
        "flux_per_ns_nm2": 1000 * flux_per_ps_nm2,
        "flux_error_per_ns_nm2": 1000 * flux_per_ps_nm2 * relative,
        "resistance_ohm_cm2": resistance,
        "resistance_error_ohm_cm2": resistance * relative,
    }


def _crossings(run: TrajectoryReader, solid: Solid, ions: np.ndarray, *, layer_A: float) -> tuple[float, float]:
    """Crossings along and against the normal; ions that begin within the layer count in part, as diffusion says."""
    period_A, first, came_from = float(run.cells_A[0][2, 2]), None, None
    up = down = 0.0
    for chunk in frame_chunks(run, range(run.n_frames)):
        for positions in chunk.coordinates:
            first = positions if first is None else first
            heights_A = positions[ions, 2] - drift_between(first, positions, solid)
            side = np.clip(2 * solid.depths_A(heights_A, period_A) / layer_A, -1, 1)
            came_from = side if came_from is None else came_from  # within the layer, the mean of both sides
            is_above, is_below = side == 1, side == -1
            up += (1 - came_from[is_above]).sum() / 2
            down += (1 + came_from[is_below]).sum() / 2
            came_from = np.where(is_above | is_below, side, came_from)
    return up, down
