"""From hops to barriers: end states, bands, and the name of what each path turned out to be."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase.geometry import find_mic

from saltflow.studies.barriers.elastic_band import Band, relax_bands
from saltflow.studies.barriers.endpoints import EndStates, end_states, interpolate
from saltflow.studies.barriers.hop_classes import HopClass
from saltflow.studies.mobile_sites import MobileSites
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation
from saltflow.studies.relaxation.relaxed_states import RelaxedState, relax

OK = "ok"
UNPHYSICAL, END_NOT_CONVERGED, END_MOVED = "unphysical", "end state not converged", "end state moved"
NOT_CONVERGED, NO_SADDLE = "not converged", "no saddle"
# An ion that relaxes by more than this part of its hop is in another site.
MOVED = 0.5


@dataclass(frozen=True)
class HopBarrier:
    """What became of a hop.

    Attributes:
        hop: the class.
        status: ok, or why there is no barrier.
        forward_eV, backward_eV: energy of the saddle above the initial and the final state; None unless ok.
        difference_eV: of the final above the initial state; None where there are no end states.
        band: the path, where one was relaxed.
        straight_line_eV: highest energy of the straight hop above its lower end, unrelaxed; None where unphysical.
    """

    hop: HopClass
    status: str
    forward_eV: float | None = None
    backward_eV: float | None = None
    difference_eV: float | None = None
    band: Band | None = None
    straight_line_eV: float | None = None

    @property
    def highest_eV(self) -> float | None:
        """The larger of the two barriers, by which paths are ranked."""
        return None if self.forward_eV is None else max(self.forward_eV, self.backward_eV)


def compute_barriers(
    sites: MobileSites,
    hops: Sequence[HopClass],
    evaluation: BatchedEvaluation,
    *,
    repeats: tuple[int, int, int],
    settings: Mapping,
) -> Iterator[HopBarrier]:
    """The barriers of hops, whose end states are relaxed as one batch and whose bands are as another.

    Args:
        sites: of the mobile ion.
        hops: their classes.
        evaluation: the potential.
        repeats: of the unit cell.
        settings: images, end_force_eV_A, band_force_eV_A, end_steps, band_steps.

    Yields:
        One for each hop, in their order.
    """
    ends = [end_states(sites, hop, repeats=repeats) for hop in hops]
    states = [state for pair in ends for state in (pair.initial, pair.final)]
    relaxed = relax(states, evaluation, force_eV_A=settings["end_force_eV_A"], steps=settings["end_steps"])
    pairs = list(zip(relaxed[::2], relaxed[1::2], strict=True))
    problems = [_end_problem(end, pair) for end, pair in zip(ends, pairs, strict=True)]
    bands = [
        None if problem else _band(*pair, images=settings["images"])
        for pair, problem in zip(pairs, problems, strict=True)
    ]
    relax_bands(
        [band for band in bands if band],
        evaluation,
        force_eV_A=settings["band_force_eV_A"],
        steps=settings["band_steps"],
    )
    for hop, (initial, final), problem, band in zip(hops, pairs, problems, bands, strict=True):
        difference_eV = final.energy_eV - initial.energy_eV
        if problem:
            yield HopBarrier(hop, problem, difference_eV=difference_eV if np.isfinite(difference_eV) else None)
        else:
            yield _judged(hop, band)


def _band(initial: RelaxedState, final: RelaxedState, *, images: int) -> Band:
    positions = interpolate(initial.atoms, final.atoms, images=images)
    energies = np.full(images + 2, np.nan)
    energies[0], energies[-1] = initial.energy_eV, final.energy_eV
    return Band(initial.atoms, positions, energies)


def _end_problem(ends: EndStates, relaxed: tuple[RelaxedState, RelaxedState]) -> str:
    """Why there is no path between two states; '' where there is one."""
    if not all(np.isfinite(state.energy_eV) for state in relaxed):
        return UNPHYSICAL
    ions = list(ends.ions)
    lengths_A = np.linalg.norm(ends.final.positions - ends.initial.positions, axis=1)[ions]
    for before, after in zip((ends.initial, ends.final), relaxed, strict=True):
        moved = find_mic(after.atoms.positions - before.positions, before.cell)[0]
        shifts = moved[ions] - np.delete(moved, ions, axis=0).mean(axis=0)
        if np.any(np.linalg.norm(shifts, axis=1) > MOVED * lengths_A):
            return END_MOVED
    return "" if all(state.is_converged for state in relaxed) else END_NOT_CONVERGED


def _judged(hop: HopClass, band: Band) -> HopBarrier:
    energies = band.energies_eV
    if not np.isfinite(energies).all():
        return HopBarrier(hop, UNPHYSICAL, band=band)
    difference_eV, highest = float(energies[-1] - energies[0]), int(np.argmax(energies))
    if not band.is_converged:
        status = NOT_CONVERGED
    elif highest in (0, len(energies) - 1):
        status = NO_SADDLE
    else:
        forward_eV, backward_eV = float(energies[highest] - energies[0]), float(energies[highest] - energies[-1])
        return HopBarrier(hop, OK, forward_eV, backward_eV, difference_eV, band)
    return HopBarrier(hop, status, difference_eV=difference_eV, band=band)
