"""Structure of alloys over files: Voronoi's indices, icosahedra, volumes and chemical short-range order."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list

from saltflow.base.errors import SaltflowError
from saltflow.statistics.jackknife import mean_and_error
from saltflow.studies.alloys.short_range_order import named_pairs, warren_cowley
from saltflow.studies.alloys.voronoi_cells import VoronoiCells, voronoi_cells

ICOSAHEDRON = (0, 0, 12, 0)
OF_ELEMENTS = ("icosahedra", "neighbours", "volume_A3")
MOST_INDICES = 12
BEYOND_CHANCE = 3.0  # standard deviations of shuffled elements


def study_structure(replicas: Mapping[str, Sequence[Atoms]], *, cutoff_A: float | None, seed: int) -> dict:
    """Means over replicas of means over frames.

    Args:
        replicas: file → its frames, of one composition.
        cutoff_A: neighbours of the short-range order are within it; None: those of Voronoi's cells.
        seed: of the shuffles.

    Returns:
        JSON-able: formula, files, frames, icosahedra; elements → icosahedra, neighbours, volume_A3; indices →
        fraction of atoms, the commonest first; warren_cowley → value, random_deviation (of shuffled elements), and
        beyond_chance. Errors are half widths of 68 % intervals over files, None with one file.

    Raises:
        SaltflowError: the files are of different compositions, or have no dense periodic cell.
    """
    every = [frame for frames in replicas.values() for frame in frames]
    formulas = {str(frame.symbols.formula.reduce()[0].format("metal")) for frame in every}
    if len(formulas) > 1:
        raise SaltflowError(f"{' and '.join(sorted(formulas))} are different compositions; study them one by one.")
    symbols = sorted(set(every[0].symbols))
    each = [_of_file(name, frames, symbols, cutoff_A, seed) for name, frames in replicas.items()]
    atoms = sum(map(len, every))
    indices = sum((found["indices"] for found in each), Counter())
    return {
        "formula": formulas.pop(),
        "files": len(each),
        "frames": len(every),
        "neighbours_by": "faces of Voronoi cells" if cutoff_A is None else f"distance below {cutoff_A:g} Å",
        "elements": {
            symbol: {name: _mean([found[name][row] for found in each]) for name in OF_ELEMENTS}
            for row, symbol in enumerate(symbols)
        },
        "icosahedra": _mean([found["all_icosahedra"] for found in each]),
        "indices": {str(index): number / atoms for index, number in indices.most_common(MOST_INDICES)},
        "warren_cowley": {
            name: _order(*([found[key][row, column] for found in each] for key in ("alpha", "random")))
            for name, row, column in named_pairs(symbols)
        },
    }


def _of_file(name: str, frames: Sequence[Atoms], symbols: list[str], cutoff_A: float | None, seed: int) -> dict:
    indices: Counter = Counter()
    rows = []
    for frame in frames:
        try:
            cells = voronoi_cells(frame)
        except SaltflowError as error:
            raise SaltflowError(f"{name}: {error}") from None
        indices.update(map(tuple, cells.indices.tolist()))
        rows.append(_of_frame(frame, cells, symbols, cutoff_A, seed))
    return {"indices": indices, **{key: np.mean([row[key] for row in rows], axis=0) for key in rows[0]}}


def _of_frame(frame: Atoms, cells: VoronoiCells, symbols: list[str], cutoff_A: float | None, seed: int) -> dict:
    kinds = np.array([symbols.index(symbol) for symbol in frame.symbols])
    of_kind = [kinds == kind for kind in range(len(symbols))]
    icosahedral = np.all(cells.indices == ICOSAHEDRON, axis=1)
    neighbours = np.bincount(cells.centres, minlength=len(frame))
    pairs = (cells.centres, cells.neighbours) if cutoff_A is None else neighbor_list("ij", frame, cutoff_A)
    alpha, random = warren_cowley(*pairs, kinds, seed=seed)
    return {
        "icosahedra": np.array([icosahedral[chosen].mean() for chosen in of_kind]),
        "neighbours": np.array([neighbours[chosen].mean() for chosen in of_kind]),
        "volume_A3": np.array([cells.volumes_A3[chosen].mean() for chosen in of_kind]),
        "all_icosahedra": icosahedral.mean(),
        "alpha": alpha,
        "random": random,
    }


def _mean(values: Sequence[float]) -> dict[str, float | None]:
    value, error = mean_and_error(values)
    return {"value": float(value), "error": None if np.isnan(error) else float(error)}


def _order(values: Sequence[float], random: Sequence[float]) -> dict:
    """A parameter with what chance allows: of frames of one file, which are alike, that of a single one."""
    found = _mean(values)
    deviation = float(np.mean(random) / np.sqrt(len(values)))
    beyond = abs(found["value"]) > BEYOND_CHANCE * deviation
    return found | {"random_deviation": deviation, "beyond_chance": bool(beyond)}
