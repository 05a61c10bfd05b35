"""One measurement in a process of its own: seconds and memory of one program at one task.

usage: python cases.py TASK PROGRAM DATA.npz ANSWER.npy

Each program gets the positions in memory, in the object that its interface asks for; making that object is not timed
and its memory is not counted. What is: the seconds of the call, and by how much the process grows at its largest.
Prints a line of JSON; the numbers found go to ANSWER.npy.
"""

import json
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from peers import measure  # noqa: E402

warnings.simplefilter("ignore")
INTERVAL_PS = 0.1
TEMPERATURE_K = 600.0
BIN_WIDTH_A = 0.05
LAGS = 200


@dataclass(frozen=True)
class Data:
    """What all programs get.

    Args:
        positions_A: unwrapped positions, (frames, atoms, 3), single precision.
        symbols: element of each atom, (atoms,).
        edge_A: edge of the cubic cell.
        r_max_A: largest distance of g(r).
    """

    positions_A: np.ndarray
    symbols: np.ndarray
    edge_A: float
    r_max_A: float

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.positions_A)

    @property
    def fractional(self) -> np.ndarray:
        """Wrapped fractional coordinates in double precision."""
        return (self.positions_A.astype(float) / self.edge_A) % 1.0

    def pairs(self):
        """Atoms of every two species, each two once."""
        species = sorted(set(self.symbols.tolist()))
        members = [np.flatnonzero(self.symbols == symbol) for symbol in species]
        for first in range(len(species)):
            for second in range(first, len(species)):
                yield members[first], members[second]


def lags(frames: int) -> np.ndarray:
    """Evenly spaced lags of programs that take long for each."""
    return np.unique(np.linspace(1, frames - 1, LAGS).astype(int))


# ── saltflow ───────────────────────────────────────────────────────────────────────────────────


def our_run(data: Data):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
    from saltflow.trajectory.memory import Trajectory

    cells_A = np.broadcast_to(np.eye(3) * data.edge_A, (data.frames, 3, 3))
    times_ps = INTERVAL_PS * np.arange(data.frames)
    return Trajectory(data.positions_A, cells_A, times_ps, tuple(data.symbols.tolist()), np.ones(len(data.symbols)))


def our_curves(data: Data) -> Callable:
    """MSD of every species and ⟨ΔR_a·ΔR_b⟩ of every two, at all lags."""
    run = our_run(data)
    from saltflow.analysis.transport.msd import displacement_curves
    from saltflow.trajectory.segments import prepare_system

    species = sorted(set(run.symbols))

    def curves():
        system = prepare_system(
            [run], charges=dict.fromkeys(species, 1), mobile_ion=species[0], temperature_K=TEMPERATURE_K
        )
        # There is no framework: motion is seen from the laboratory, as by the others.
        system = replace(system, collective_frame="laboratory")
        squared_A2, collective_A2 = displacement_curves(system, np.arange(data.frames)).means()
        return np.stack([squared_A2.sum(axis=1) / len(run.symbols), collective_A2.sum(axis=(1, 2))])

    return curves


def our_msd(data: Data) -> Callable:
    curves = our_curves(data)
    return lambda: curves()[0]


def our_sigma(data: Data) -> Callable:
    curves = our_curves(data)
    return lambda: curves()[1]


def our_rdf(data: Data) -> Callable:
    run = our_run(data)
    from saltflow.analysis.structure.rdf import pair_distributions

    def rdf():
        result = pair_distributions(
            [run], r_max_A=data.r_max_A, bin_width_A=BIN_WIDTH_A, frames_per_replica=data.frames
        )
        pairs = result["pairs"]
        species = sorted(set(run.symbols))
        return np.array([pairs[f"{first}-{second}"]["g"] for first in species for second in species if first <= second])

    return rdf


# ── mean squared displacements ─────────────────────────────────────────────────────────────────


def universe_of(data: Data):
    from MDAnalysis import Universe

    universe = Universe.empty(len(data.symbols), trajectory=True)
    universe.add_TopologyAttr("types", data.symbols.tolist())
    universe.load_new(data.positions_A, dimensions=[data.edge_A] * 3 + [90.0] * 3)
    return universe


def mdanalysis_msd(data: Data) -> Callable:
    from MDAnalysis.analysis.msd import EinsteinMSD

    universe = universe_of(data)
    return lambda: EinsteinMSD(universe, select="all", fft=True).run().results.timeseries


def tidynamics_msd(data: Data) -> Callable:
    import tidynamics

    def msd():
        atoms = range(data.positions_A.shape[1])
        return sum(tidynamics.msd(data.positions_A[:, atom].astype(float)) for atom in atoms) / len(atoms)

    return msd


def kinisi_parser(data: Data):
    import scipp
    from kinisi.mdanalysis import MDAnalysisParser

    return MDAnalysisParser(
        universe_of(data),
        specie=scipp.array(dims=["specie"], values=sorted(set(data.symbols.tolist()))),
        time_step=scipp.scalar(INTERVAL_PS, unit="ps"),
        step_skip=scipp.scalar(1.0),
        dt=scipp.array(dims=["time interval"], values=INTERVAL_PS * lags(data.frames), unit="ps"),
        progress=False,
    )


def kinisi_msd(data: Data) -> Callable:
    from kinisi.displacement import calculate_msd

    parser = kinisi_parser(data)
    return lambda: calculate_msd(parser, progress=False)["da"].values


def kinisi_sigma(data: Data) -> Callable:
    import scipp
    from kinisi.displacement import calculate_mstd

    parser, charge = kinisi_parser(data), scipp.scalar(1.0, unit="e")
    return lambda: calculate_mstd(parser, 1, charge, progress=False)["da"].values * len(data.symbols)


def pymatgen_msd(data: Data) -> Callable:
    from pymatgen.analysis.diffusion.analyzer import DiffusionAnalyzer
    from pymatgen.core import Lattice, Structure

    # It wants a framework: one atom at rest.
    species = [*["Li"] * len(data.symbols), "O"]
    structure = Structure(Lattice.cubic(data.edge_A), species, [*data.fractional[0], [0.0, 0.0, 0.0]])
    moves_A = (data.positions_A - data.positions_A[0]).astype(float).transpose(1, 0, 2)
    displacements_A = np.concatenate([moves_A, np.zeros((1, data.frames, 3))])

    def msd():
        analyzer = DiffusionAnalyzer(
            structure, displacements_A, "Li", TEMPERATURE_K, time_step=100, step_skip=1, smoothed="max"
        )
        return np.stack([analyzer.dt / 100, analyzer.msd])

    return msd


def gemdat_msd(data: Data) -> Callable:
    from gemdat import Trajectory

    trajectory = Trajectory(
        species=["Li"] * len(data.symbols),
        coords=data.fractional,
        lattice=np.eye(3) * data.edge_A,
        time_step=INTERVAL_PS * 1e-12,
        constant_lattice=True,
    )
    return lambda: trajectory.mean_squared_displacement().mean(axis=0)


# ── pair distributions ─────────────────────────────────────────────────────────────────────────


def bins(data: Data) -> int:
    """Number of bins of g(r)."""
    return int(data.r_max_A / BIN_WIDTH_A + 1e-9)


def freud_rdf(data: Data) -> Callable:
    import freud

    freud.parallel.set_num_threads(1)
    box = freud.box.Box.cube(data.edge_A)

    def of_pair(first, second):
        rdf = freud.density.RDF(bins=bins(data), r_max=data.r_max_A)
        for positions_A in data.positions_A:
            centred_A = positions_A - data.edge_A / 2
            ends = {} if first is second else {"query_points": centred_A[first]}
            rdf.compute((box, centred_A[second]), reset=False, **ends)
        # It counts an atom among its own possible neighbours.
        return np.array(rdf.rdf) * (len(first) / (len(first) - 1) if first is second else 1.0)

    return lambda: np.array([of_pair(first, second) for first, second in data.pairs()])


def mdanalysis_rdf(data: Data) -> Callable:
    from MDAnalysis.analysis.rdf import InterRDF

    universe = universe_of(data)

    def of_pair(first, second):
        exclusion = {"exclusion_block": (1, 1)} if first is second else {}
        return InterRDF(
            universe.atoms[first], universe.atoms[second], nbins=bins(data), range=(0.0, data.r_max_A), **exclusion
        ).run().results.rdf  # fmt: skip

    return lambda: np.array([of_pair(first, second) for first, second in data.pairs()])


def ovito_rdf(data: Data) -> Callable:
    from ovito.data import DataCollection
    from ovito.modifiers import CoordinationAnalysisModifier

    species, kinds = np.unique(data.symbols, return_inverse=True)
    frame = DataCollection()
    frame.create_cell(np.eye(3) * data.edge_A, pbc=(True, True, True))
    particles = frame.create_particles(count=len(kinds))
    particles.create_property("Position")
    types = particles.create_property("Particle Type", data=kinds + 1)
    for number, symbol in enumerate(species):
        types.add_type_id(number + 1, particles, name=str(symbol))
    modifier = CoordinationAnalysisModifier(cutoff=data.r_max_A, number_of_bins=bins(data), partial=True)
    possible = [len(first) / (len(first) - 1) if first is second else 1.0 for first, second in data.pairs()]

    def rdf():
        total = 0.0
        for positions_A in data.positions_A:
            analysed = frame.clone()
            analysed.particles_.positions_[...] = positions_A
            analysed.apply(modifier)
            total = total + analysed.tables["coordination-rdf"].xy()[:, 1:].T
        return total / data.frames * np.array(possible)[:, None]

    return rdf


TASKS = {
    "msd": {
        "saltflow": our_msd,
        "tidynamics": tidynamics_msd,
        "MDAnalysis": mdanalysis_msd,
        "kinisi": kinisi_msd,
        "pymatgen-analysis-diffusion": pymatgen_msd,
        "gemdat": gemdat_msd,
    },
    "sigma": {"saltflow": our_sigma, "kinisi": kinisi_sigma},
    "rdf": {"saltflow": our_rdf, "freud-analysis": freud_rdf, "MDAnalysis": mdanalysis_rdf, "ovito": ovito_rdf},
}


def main() -> None:
    """Measure one program at one task."""
    task, program, source, answer_path = sys.argv[1:]
    with np.load(source) as stored:
        data = Data(stored["positions_A"], stored["symbols"], float(stored["edge_A"]), float(stored["r_max_A"]))
    result, answer = measure(TASKS[task][program](data))
    np.save(answer_path, answer)
    try:
        result["version"] = version(program)
    except ModuleNotFoundError:
        result["version"] = ""
    print(json.dumps(result | {"data_MB": data.positions_A.nbytes / 2**20}))


if __name__ == "__main__":
    main()
