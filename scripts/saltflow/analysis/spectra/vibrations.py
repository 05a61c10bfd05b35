"""Vibrational density of states from velocities, by species and by the motions of polyanions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase.units import kB

from saltflow.analysis.spectra.correlation import autocorrelation, frequencies_THz, spectrum
from saltflow.analysis.spectra.polyanion_groups import PolyanionGroup
from saltflow.analysis.spectra.rigid import decompose, degrees_of_freedom
from saltflow.trajectory.h5md import CHUNK_ATOMS, TrajectoryFile

# m v² in u Å²/ps² to eV.
EV_PER_U_A2_PS2 = 1.0364269656262174e-4
GROUPS_PER_READ = 16
MOTIONS = ("translation", "rotation", "vibration")


@dataclass(frozen=True)
class VelocityWindow:
    """A window of the velocities of one replica, and the number of lags.

    Args:
        run: of `open_velocities`.
        frames: of the window.
        lags: number of lags of the autocorrelation.
    """

    run: TrajectoryFile
    frames: slice
    lags: int

    @property
    def interval_ps(self) -> float:
        """Time between frames."""
        return float(np.diff(self.run.times_ps[:2])[0])

    @property
    def frequencies_THz(self) -> np.ndarray:
        """Frequencies of its spectra, (lags,)."""
        return frequencies_THz(self.lags, interval_ps=self.interval_ps)

    def density_of_states(self, correlation: np.ndarray, *, temperature_K: float) -> np.ndarray:
        """g(ν) in 1/THz: (2/kT) ∫ Σ m⟨v(0)·v(t)⟩ cos(2πνt) dt over all t, whose integral is the number of modes."""
        return spectrum(correlation, interval_ps=self.interval_ps) * EV_PER_U_A2_PS2 / (kB * temperature_K)


def of_species(window: VelocityWindow, *, temperature_K: float) -> dict[str, np.ndarray]:
    """Density of states of every element, summed over its atoms, in 1/THz, (lags,) each.

    Equipartition gives an integral of 3(1 − m/M) per atom, because the centre of mass is at rest. It is not imposed:
    where the integral differs, so does the kinetic energy.
    """
    run, symbols = window.run, np.array(window.run.symbols)
    sums = {str(each): np.zeros(window.lags) for each in np.unique(symbols)}
    for start in range(0, len(symbols), CHUNK_ATOMS):
        atoms = slice(start, min(start + CHUNK_ATOMS, len(symbols)))
        velocities = run.read_velocities_A_ps(window.frames, atoms) * np.sqrt(run.masses_u[atoms])[:, None]
        for symbol in np.unique(symbols[atoms]):
            sums[str(symbol)] += autocorrelation(velocities[:, symbols[atoms] == symbol], lags=window.lags)
    return {name: window.density_of_states(each, temperature_K=temperature_K) for name, each in sums.items()}


def modes_of_species(run: TrajectoryFile) -> dict[str, float]:
    """Number of modes of each element with the centre of mass at rest: Σ 3(1 − m/M)."""
    symbols, shares = np.array(run.symbols), 1 - run.masses_u / run.masses_u.sum()
    return {str(each): float(3 * shares[symbols == each].sum()) for each in np.unique(symbols)}


@dataclass(frozen=True)
class GroupSpectra:
    """Motions of all polyanions of one kind in one replica.

    Args:
        groups: number of polyanions.
        states: motion → density of states per polyanion in 1/THz, (lags,).
        modes: motion → degrees of freedom of one polyanion.
        angular_rms_THz: root mean square of ω/2π.
    """

    groups: int
    states: Mapping[str, np.ndarray]
    modes: Mapping[str, int]
    angular_rms_THz: float


def of_polyanions(
    window: VelocityWindow, groups: Sequence[PolyanionGroup], *, temperature_K: float
) -> dict[str, GroupSpectra]:
    """Densities of states of translation, rotation and vibration per polyanion, by kind."""
    found = {}
    for name in sorted({group.name for group in groups}):
        same = [group for group in groups if group.name == name]
        sums, squares = {motion: np.zeros(window.lags) for motion in MOTIONS}, 0.0
        for positions_A, velocities, masses_u in _read_groups(window, same):
            motion = decompose(positions_A, velocities, masses_u)
            squares += float((motion.angular_velocity**2).sum(axis=1).mean())
            for each in MOTIONS:
                weighted = getattr(motion, each) * np.sqrt(masses_u)[:, None]
                sums[each] += autocorrelation(weighted, lags=window.lags)
        found[name] = GroupSpectra(
            groups=len(same),
            states={
                each: window.density_of_states(values / len(same), temperature_K=temperature_K)
                for each, values in sums.items()
            },
            modes=degrees_of_freedom(positions_A[0], masses_u),
            angular_rms_THz=float(np.sqrt(squares / len(same)) / (2 * np.pi)),
        )
    return found


def _read_groups(
    window: VelocityWindow, groups: Sequence[PolyanionGroup]
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Positions, velocities and masses of each group."""
    for start in range(0, len(groups), GROUPS_PER_READ):
        part = groups[start : start + GROUPS_PER_READ]
        positions_A = _read(window.run.read_positions_A, window.frames, part)
        velocities = _read(window.run.read_velocities_A_ps, window.frames, part)
        place = 0
        for group in part:
            own = slice(place, place + len(group.atoms))
            place += len(group.atoms)
            yield positions_A[:, own] + group.shifts_A, velocities[:, own], window.run.masses_u[group.atoms]


def _read(read: Callable[[slice, slice], np.ndarray], frames: slice, groups: Sequence[PolyanionGroup]) -> np.ndarray:
    """The atoms of some groups one after another, (frames, atoms, 3), read by chunks of the file."""
    atoms = np.concatenate([group.atoms for group in groups])
    chunks = {
        chunk: read(frames, slice(chunk * CHUNK_ATOMS, (chunk + 1) * CHUNK_ATOMS))
        for chunk in np.unique(atoms // CHUNK_ATOMS)
    }
    parts = [chunks[atom // CHUNK_ATOMS][:, atom % CHUNK_ATOMS] for atom in atoms]
    return np.stack(parts, axis=1).astype(float)


def mean_frequency_THz(frequencies: np.ndarray, states: np.ndarray) -> float:
    """First moment of a density of states."""
    return float((frequencies * states).sum() / states.sum())


def share_near_the_end(states: np.ndarray) -> float:
    """Fraction of the modes in the highest tenth of the band, where aliased modes appear."""
    return float(states[int(0.9 * len(states)) :].sum() / states.sum())
