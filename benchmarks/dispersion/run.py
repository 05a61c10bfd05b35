"""What D3(BJ) adds to a step of molecular dynamics, beside MACE itself and beside the energy of torch-dftd.

Cells are packed Li2ZrCl6; models have random weights, which cost what trained ones do. torch-dftd gets the same list of
pairs and its gradient is taken by the same means. CPU time of one core, the fastest of some calls.

usage: python benchmarks/dispersion/run.py [--atoms 63 336] [--dtype float64]
"""

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import numpy as np
import torch
from ase import Atoms, units
from torch_dftd.functions.dftd3 import edisp
from torch_dftd.nn.dftd3_module import DFTD3Module

from saltflow.campaign.dispersion_switch import CUTOFF_A
from saltflow.materials.cells import pack_cell
from saltflow.materials.compositions import Composition
from saltflow.potentials.d3 import BatchedDispersion, Dispersion
from saltflow.potentials.d3_damping import DAMPING
from saltflow.potentials.mace import Committee
from saltflow.potentials.protocol import stack

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from e3nn import o3
    from mace import modules

COMPOSITION = Composition.from_identity({
    "id": "Li2ZrCl6", "formula": "Li2ZrCl6", "host": "ZrCl4", "salt": "2 LiCl", "mobile_ion": "Li",
    "oxidation_states": {"Li": 1, "Zr": 4, "Cl": -1}, "start": "pack", "density_g_cm3": 2.3,
})  # fmt: skip
# channels, cutoff, largest degree of messages and of harmonics, correlation
MODELS = {
    "16 channels, 4.5 Å": (16, 4.5, 0, 2, 2),
    "64 channels, 5 Å": (64, 5.0, 0, 3, 3),
    "128 channels, 6 Å": (128, 6.0, 1, 3, 3),
}
CALLS = 5


def model(channels: int, cutoff_A: float, max_L: int, max_ell: int, correlation: int) -> torch.nn.Module:
    """A MACE model with random weights."""
    torch.set_default_dtype(torch.float64)
    block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
    made = modules.ScaleShiftMACE(
        r_max=cutoff_A, num_bessel=8, num_polynomial_cutoff=5, max_ell=max_ell, interaction_cls=block,
        interaction_cls_first=block, num_interactions=2, num_elements=3, atomic_numbers=[3, 17, 40],
        hidden_irreps=o3.Irreps("+".join(f"{channels}x{degree}{'eo'[degree % 2]}" for degree in range(max_L + 1))),
        MLP_irreps=o3.Irreps("16x0e"), atomic_energies=np.zeros(3), avg_num_neighbors=20, correlation=correlation,
        gate=torch.nn.functional.silu, pair_repulsion=False, atomic_inter_scale=1.0, atomic_inter_shift=0.0,
        radial_MLP=[64, 64, 64],
    )  # fmt: skip
    torch.set_default_dtype(torch.float32)
    return made.requires_grad_(False).eval()


def cpu_ms(work: Callable) -> float:
    """CPU time of the fastest call, the first not counted."""
    work()
    taken = []
    for _ in range(CALLS):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return 1000 * min(taken)


def peer(batch: BatchedDispersion, numbers: np.ndarray, positions: torch.Tensor, cells: torch.Tensor) -> Callable:
    """Energy by torch-dftd of the pairs of a batch of one cell, and its slopes."""
    damping, species = DAMPING["PBE"], torch.as_tensor(numbers.astype(np.int64))
    parameters = {"s6": 1.0, "s18": damping.s8, "rs6": damping.a1, "rs18": damping.a2_bohr}
    module = DFTD3Module(parameters, dtype=batch.dtype)
    tables = {name: getattr(module, name) for name in ("c6ab", "r0ab", "rcov", "r2r4")}

    def work() -> tuple[torch.Tensor, torch.Tensor]:
        vectors = positions[batch._second] - positions[batch._first] + batch._shifts @ cells[0]
        near = torch.nonzero(vectors.square().sum(-1) < CUTOFF_A**2).flatten()
        bohr = (vectors[near].norm(dim=-1) / units.Bohr).to(batch.dtype).requires_grad_(True)
        pairs = torch.stack([batch._first[near], batch._second[near]])
        energy = edisp(
            species, bohr, pairs, **tables, params=parameters, cutoff=CUTOFF_A / units.Bohr, damping="bj",
            cutoff_smoothing="poly",
        )  # fmt: skip
        return energy.detach() * units.Hartree, *torch.autograd.grad(energy.sum(), bohr)

    return work


def measure(cell: Atoms, *, dtype: str) -> None:
    """Print the rows of one cell."""
    numbers, system, *arrays = stack([cell])
    where = tuple(map(torch.as_tensor, arrays))
    dispersion = Dispersion("PBE", device="cpu", dtype=getattr(torch, dtype))
    batch, sound = dispersion.on(numbers, torch.as_tensor(system), systems=1), torch.ones(1, dtype=torch.bool)
    ours_ms = cpu_ms(lambda: batch.evaluate(*where, active=sound))
    theirs = peer(batch, numbers, *where)
    difference = abs(float(theirs()[0]) - float(batch.evaluate(*where, active=sound)[0]))
    print(f"| {len(cell)} | {dtype} | D3(BJ) of saltflow | {ours_ms:.1f} | 1 |")
    print(f"| {len(cell)} | {dtype} | torch-dftd, energy apart by {difference:.0e} eV | {(ms := cpu_ms(theirs)):.1f} | "
          f"{ms / ours_ms:.1f} |")  # fmt: skip
    for name, choices in MODELS.items():
        committee = Committee([model(*choices).to(getattr(torch, dtype))], device="cpu", dtype=dtype)
        potential = committee.on(numbers, system)
        mace_ms = cpu_ms(lambda potential=potential: potential.evaluate(*where))
        print(f"| {len(cell)} | {dtype} | MACE, {name} | {mace_ms:.0f} | {mace_ms / ours_ms:.1f} |", flush=True)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--atoms", type=int, nargs="+", default=[63, 336])
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float64")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # of TorchScript about what is inside mace
    print("| atoms | precision | what | CPU ms | of D3 |\n|---|---|---|---|---|")
    for atoms in asked.atoms:
        size = {"formula_units": atoms // 9, "density_g_cm3": COMPOSITION.density_g_cm3}
        cell = pack_cell(COMPOSITION, **size, seed=1, min_separation_factor=0.8, min_separations_A={})
        measure(cell, dtype=asked.dtype)


if __name__ == "__main__":
    main()
