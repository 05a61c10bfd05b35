"""Small MACE models with random, seeded weights and pair repulsion: real models, but quick to make and to run."""

import warnings
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk

from saltflow.base.provenance import sha256_of_file
from saltflow.potentials.mace import Committee, load_committee
from saltflow.potentials.protocol import stack

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # about how torch.load is used inside e3nn and mace
    from e3nn import o3
    from mace import modules

CUTOFF_A = 4.0


def make_model(
    *,
    seed: int,
    numbers: tuple[int, ...] = (3, 17, 40),
    scale: float = 5.0,
    hidden: str = "4x0e + 4x1o",
    max_ell: int = 2,
    correlation: int = 2,
    kind: str = "RealAgnosticResidual",
    **choices,
) -> torch.nn.Module:
    """A model whose weights follow from `seed`; `scale` (eV) is the size of its interaction energies.

    The other choices are those of mace.
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(seed)
    try:
        block = modules.interaction_classes[f"{kind}InteractionBlock"]
        arguments = {
            "r_max": CUTOFF_A,
            "num_bessel": 5,
            "num_polynomial_cutoff": 5,
            "max_ell": max_ell,
            "interaction_cls": block,
            "interaction_cls_first": block,
            "num_interactions": 2,
            "num_elements": len(numbers),
            "hidden_irreps": o3.Irreps(hidden),
            "MLP_irreps": o3.Irreps("4x0e"),
            "atomic_energies": -1.0 - np.arange(len(numbers)),
            "avg_num_neighbors": 12,
            "atomic_numbers": list(numbers),
            "correlation": correlation,
            "gate": torch.nn.functional.silu,
            "pair_repulsion": True,
            "atomic_inter_scale": scale,
            "atomic_inter_shift": 0.0,
            "radial_MLP": [8],
        }
        return modules.ScaleShiftMACE(**(arguments | choices))
    finally:
        torch.set_default_dtype(before)


def save_models(folder: Path, *, seeds: tuple[int, ...] = (1,), **choices) -> list[Path]:
    """Model files, one per seed; choices as in `make_model`."""
    paths = [folder / f"seed{seed}.model" for seed in seeds]
    for path, seed in zip(paths, seeds, strict=True):
        torch.save(make_model(seed=seed, **choices), path)
    return paths


def committee_of(paths: list[Path], *, dtype: str = "float64") -> Committee:
    """The committee that the adapter loads from model files."""
    return load_committee(paths, sha256=[sha256_of_file(path) for path in paths], device="cpu", dtype=dtype)


def rock_salt(*, repeats: tuple[int, int, int] = (2, 2, 2), rattle_A: float = 0.05, seed: int = 0) -> Atoms:
    """LiCl, its atoms displaced at random."""
    cell = bulk("LiCl", "rocksalt", a=5.13).repeat(repeats)
    cell.positions += np.random.default_rng(seed).normal(scale=rattle_A, size=cell.positions.shape)
    return cell


def triclinic(*, seed, atoms=3):
    """A cell so small that its atoms see several images of themselves."""
    random = np.random.default_rng(seed)
    box = np.array([[3.1, 0.0, 0.0], [1.4, 3.3, 0.0], [-1.2, 0.9, 3.6]])
    fractional = (np.arange(atoms)[:, None] + random.uniform(-0.1, 0.1, (atoms, 3))) / atoms
    return Atoms(["Li", "Cl", "Zr"][:atoms], scaled_positions=fractional, cell=box, pbc=True)


def bound(committee: Committee, cells: list[Atoms]):
    """The committee bound to a batch of cells, and where to evaluate it."""
    numbers, system, positions, boxes = stack(cells)
    return committee.on(numbers, system), torch.as_tensor(positions), torch.as_tensor(boxes)


def unlike_cells() -> list[Atoms]:
    """Cells of different sizes and shapes, three elements, atoms in no one's reach, atoms far from their cell."""
    mixed = rock_salt(repeats=(1, 2, 2), rattle_A=0.2)
    mixed.numbers[0] = 40
    far = rock_salt(repeats=(1, 1, 1))
    far.set_cell(np.eye(3) * 20)
    far.positions = [[0, 0, 0], [9, 9, 9]]
    outside = triclinic(seed=2)
    outside.positions += np.array([[5, -7, 11], [-30, 2, 1], [0, 0, 4]]) @ outside.cell.array
    return [mixed, triclinic(seed=1), far, outside]
