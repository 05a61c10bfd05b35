"""Adapter of packmol: rigid units into a periodic cubic box."""

import subprocess
import tempfile
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read, write

from saltflow.base.errors import SaltflowError

# Optimisation loops before packmol gives up; its default (50 per kind of unit) takes a minute to fail.
MAX_LOOPS = 40
NOT_CONVERGED = 173  # exit code


def run_packmol(
    units: list[tuple[Atoms, int]], *, edge_A: float, radius_scale: float, seed: int, subject: str
) -> np.ndarray:
    """Positions of all units, packed so that spheres of different units do not overlap (Martínez et al.,
    J. Comput. Chem. 30, 2157 (2009)).

    Args:
        units: (template with the array `radius_A`, count).
        edge_A: of the cubic periodic box.
        radius_scale: × the radii gives the spheres of packmol.
        seed: of packmol's random start, positive.
        subject: for messages.

    Returns:
        Positions in Å, shape (atoms, 3), in the order of `units`; polyanions are whole.

    Raises:
        SaltflowError: packmol found no packing.
    """
    with tempfile.TemporaryDirectory(prefix="packmol-") as folder:
        for index, (template, _) in enumerate(units):
            write(Path(folder, f"unit{index}.xyz"), template, format="xyz")
        script = Path(folder, "packmol.inp")
        script.write_text(packmol_input(units, edge_A=edge_A, radius_scale=radius_scale, seed=seed))
        with script.open() as stdin:  # a real file: packmol rewinds its input, which a pipe cannot do
            finished = subprocess.run([_binary()], stdin=stdin, cwd=folder, capture_output=True, text=True, check=False)
        if finished.returncode == NOT_CONVERGED:
            raise SaltflowError(
                f"{subject}: packmol found no packing in a cube of {edge_A:.2f} Å; lower the start density "
                f"with cells.density_scale."
            )
        if finished.returncode != 0:
            last_line = (finished.stderr or finished.stdout).strip().splitlines()[-1:]
            raise SaltflowError(
                f"{subject}: packmol stopped with exit code {finished.returncode} ({' '.join(last_line)}); "
                f"check that the package packmol runs on this machine."
            )
        return read(Path(folder, "packed.xyz"), format="xyz").positions


def packmol_input(units: list[tuple[Atoms, int]], *, edge_A: float, radius_scale: float, seed: int) -> str:
    """The input file of packmol; unit `i` is read from uniti.xyz, the result goes to packed.xyz."""
    blocks = [
        "filetype xyz",
        "output packed.xyz",
        f"seed {seed}",
        "tolerance 2.0",  # demanded by packmol; the radii below replace it for every atom
        f"nloop {MAX_LOOPS}",
        f"pbc {edge_A:.6f} {edge_A:.6f} {edge_A:.6f}",
    ]
    for index, (template, count) in enumerate(units):
        radii = radius_scale * template.arrays["radius_A"]
        spheres = [
            f"  atoms {atom}\n    radius {radius:.4f}\n  end atoms" for atom, radius in enumerate(radii, start=1)
        ]
        blocks += [f"structure unit{index}.xyz", f"  number {count}", *spheres, "end structure"]
    return "\n".join(blocks) + "\n"


def _binary() -> str:
    from packmol.cli import get_binary_path

    return str(get_binary_path())
