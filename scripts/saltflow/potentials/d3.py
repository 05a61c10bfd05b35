"""D3(BJ) dispersion in molecular dynamics, for a potential whose labels have none.

Two-body, with the damping parameters of the labels' functional. Grimme et al., J. Chem. Phys. 132, 154104 (2010) and
J. Comput. Chem. 32, 1456 (2011):

    E = −Σ_pairs C6 [1/(r⁶ + f⁶) + s8 3Q/(r⁸ + f⁸)],   f = a1 √(3Q) + a2,   C6 = Σ_kl w_k w_l C6_kl

Q is the product of one number per element. The weight w_k compares the coordination number of an atom with that of
reference system k of its element. The tables are torch-dftd's. torch-dftd weighs 25 combinations of references for
every pair; here each atom has its weights, which gives the same sum in a third to a tenth of the time.

Pairs beyond the cutoff are left out; the energy of a pair goes smoothly to zero within 1 bohr before it
(docs/choose-a-reference.md gives the error).
"""

from collections.abc import Sequence

import numpy as np
import torch
from ase import units

from saltflow.campaign.dispersion_switch import CUTOFF_A
from saltflow.potentials.d3_damping import DAMPING
from saltflow.potentials.kept_pairs import KeptPairs
from saltflow.potentials.matrices_3x3 import determinant

SKIN_A = 1.5  # pairs within cutoff + skin are listed; the list is stale once atoms have moved half the skin
STEEPNESS, LIKENESS = 16.0, 4.0  # of the coordination numbers, and of the weights of references


class Dispersion:
    """D3(BJ) with the damping parameters of one functional.

    Args:
        functional: of `DAMPING`.
        device: cpu or cuda.
        dtype: precision of the energies of pairs; distances and sums are in double precision.
    """

    def __init__(self, functional: str, *, device: str | torch.device, dtype: torch.dtype):
        from torch_dftd.nn.dftd3_module import DFTD3Module

        self.damping, self.dtype = DAMPING[functional], dtype
        self.tables = DFTD3Module({}, dtype=torch.float64).to(device)

    def on(self, numbers: np.ndarray, system: torch.Tensor, bounds: Sequence[int]) -> "BatchedDispersion":
        """Bind it to a fixed set of atoms.

        Args:
            numbers: (atoms,) atomic numbers.
            system: (atoms,) non-decreasing index of the cell of each atom.
            bounds: (systems + 1,) first atom of each cell, and the end.
        """
        return BatchedDispersion(self, numbers, system, bounds)


class BatchedDispersion:
    """Dispersion bound to the atoms of a batch, with its list of pairs.

    The sum over pairs does not depend on when they were listed, so a checkpoint need not store the list.
    """

    def __init__(self, dispersion: Dispersion, numbers: np.ndarray, system: torch.Tensor, bounds: Sequence[int]):
        self.dtype = dispersion.dtype
        self.pairs = KeptPairs(system, bounds, cutoff_A=CUTOFF_A, skin_A=SKIN_A, each_once=True)
        known, species = np.unique(numbers, return_inverse=True)
        chosen = torch.as_tensor(known.astype(np.int64), device=system.device)
        self._species = torch.as_tensor(species, dtype=torch.long, device=system.device)
        self._set_tables(dispersion, chosen)

    def _set_tables(self, dispersion: Dispersion, chosen: torch.Tensor) -> None:
        """Tables of the elements that are present, in bohr and hartree; padded references get weight zero."""
        tables, damping = dispersion.tables, dispersion.damping
        of_pairs = tables.c6ab[chosen][:, chosen]
        own = of_pairs.diagonal().permute(3, 0, 1, 2)[:, :, 0]  # (elements, 5, 3): with the first reference of the same
        self._c6 = of_pairs[..., 0].clamp(min=0.0).to(self.dtype)
        self._is_reference = own[..., 0] > 0
        self._reference_cn = own[..., 1].to(self.dtype)
        radii, roots = tables.rcov[chosen], tables.r2r4[chosen]
        ratio = 3 * roots[:, None] * roots
        self._contact = (radii[:, None] + radii).flatten().to(self.dtype)
        self._c8_of_c6 = (damping.s8 * ratio).flatten().to(self.dtype)
        self._radius2 = (damping.a1 * ratio.sqrt() + damping.a2_bohr).square().flatten().to(self.dtype)

    def evaluate(self, positions: torch.Tensor, cells: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Energies, forces and stresses of dispersion, once `renew_lists` has looked at its pairs.

        Args:
            positions: (atoms, 3) Å, wrapped or not; float64.
            cells: (systems, 3, 3) Å, rows are lattice vectors.

        Returns:
            energies (systems,) eV, forces (atoms, 3) eV/Å, stresses (systems, 3, 3) eV/Å³ in ASE's sign; zero for cells
            without a list.
        """
        near, vectors = self.pairs.within(positions, cells)
        first, second, owner = (
            each.index_select(0, near) for each in (self.pairs.first, self.pairs.second, self.pairs.owner)
        )
        kind = self._species[first] * len(self._c6) + self._species[second]
        distances = vectors.norm(dim=-1)
        bohr = (distances / units.Bohr).to(self.dtype).requires_grad_(True)
        of_pairs = self._of_pairs(bohr, first, second, kind)
        (slopes,) = torch.autograd.grad(of_pairs.sum(), bohr)
        pulls = vectors * (slopes.double() * (units.Hartree / units.Bohr) / distances)[:, None]
        energies = torch.zeros_like(cells[:, 0, 0]).index_add_(0, owner, of_pairs.detach().double() * units.Hartree)
        forces = torch.zeros_like(positions).index_add_(0, first, pulls).index_add_(0, second, -pulls)
        virials = torch.zeros_like(cells).index_add_(0, owner, vectors[:, :, None] * pulls[:, None])
        return energies, forces, virials / determinant(cells).abs()[:, None, None]

    def _of_pairs(
        self, distances: torch.Tensor, first: torch.Tensor, second: torch.Tensor, kind: torch.Tensor
    ) -> torch.Tensor:
        """(pairs,) energies in hartree of pairs at distances in bohr."""
        contacts = torch.sigmoid(STEEPNESS * (self._contact[kind] / distances - 1))
        coordination = torch.zeros(len(self._species), dtype=self.dtype, device=distances.device)
        coordination = coordination.index_add(0, first, contacts).index_add(0, second, contacts)
        unlike = (coordination[:, None] - self._reference_cn[self._species]).square()
        weights = torch.softmax((-LIKENESS * unlike).masked_fill(~self._is_reference[self._species], -torch.inf), -1)
        weighted = torch.einsum("ik,inkl->inl", weights, self._c6[self._species])  # (atoms, elements, references)
        of_first = weighted.flatten(0, 1).index_select(0, first * len(self._c6) + self._species[second])
        c6 = (of_first * weights.index_select(0, second)).sum(-1)
        square = distances.square()
        sixth, radii2 = square**3, self._radius2[kind]
        decay = 1 / (sixth + radii2**3) + self._c8_of_c6[kind] / (sixth * square + radii2**4)
        return -c6 * decay * _switch(CUTOFF_A / units.Bohr - distances)


def _switch(before: torch.Tensor) -> torch.Tensor:
    """1 at 1 bohr or more `before` the cutoff, 0 at the cutoff, with two continuous derivatives."""
    within = before.clamp(0, 1)
    return within**3 * (within * (6 * within - 15) + 10)
