"""Compile the loops beside their sources, for all copies of the repository (`workplaces.copy_sources`): each would
spend half a minute on it.
"""

import sys
from pathlib import Path

import numpy as np
from ase.build import bulk

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from saltflow.analysis.pathways.grid import Grid, deposit, smooth  # noqa: E402
from saltflow.analysis.pathways.percolation import percolate  # noqa: E402
from saltflow.base.provenance import sha256_of_file  # noqa: E402
from saltflow.potentials.mace import load_committee  # noqa: E402

MODEL = ROOT / "config/presets/demo/distilled.model"


def compile_potential(dtype: str) -> None:
    committee = load_committee([MODEL], sha256=[sha256_of_file(MODEL)], device="cpu", dtype=dtype)
    potential, positions, cells = committee.on_frame(bulk("LiCl", "rocksalt", a=5.14, cubic=True))
    potential.evaluate(positions, cells)


def compile_pathways() -> None:
    grid = Grid.of_spacing(np.eye(3) * 4, 1.0, multiple_of=2)
    counts = np.zeros((2, *grid.shape), dtype=np.uint32)[0]
    deposit(counts, np.random.default_rng(0).random((100, 3)))
    percolate(smooth(counts, *grid.kernel(1.0)), levels=np.ones(1))


if __name__ == "__main__":
    compile_pathways()
    for dtype in ("float32", "float64"):
        compile_potential(dtype)
