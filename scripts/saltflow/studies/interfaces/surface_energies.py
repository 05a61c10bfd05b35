"""Surface energies of slabs by a potential, all relaxed as one batch."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.units import J

from saltflow.analysis.species.analysis import IONS
from saltflow.base.provenance import digest
from saltflow.studies.interfaces.crystal_slabs import Slab
from saltflow.studies.kept_numbers import find_kept, keep
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation
from saltflow.studies.relaxation.relaxed_cells import RelaxedCell
from saltflow.studies.relaxation.relaxed_states import relax

OK, NOT_RELAXED, REBUILT, UNPHYSICAL = "ok", "not relaxed", "rebuilt", "unphysical"
TWO_FACES = "mean of two unlike faces"
REBUILT_A = 1.0  # way of the farthest atom of the framework
J_PER_M2 = 1e20 / J  # of 1 eV/Å²

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Surface:
    """A slab at rest.

    Attributes:
        slab: as it was cut.
        relaxed: its atoms at rest; as cut where it became unphysical.
        energy_J_m2: surface energy, None where it became unphysical.
        as_cut_J_m2: before the atoms relaxed.
        farthest_A: way of the farthest atom that is no mobile ion.
        status: ok, not relaxed, rebuilt or unphysical.
    """

    slab: Slab
    relaxed: Atoms
    energy_J_m2: float | None
    as_cut_J_m2: float | None
    farthest_A: float
    status: str

    def row(self) -> dict:
        """JSON-able."""
        return {
            "miller": list(self.slab.miller),
            "cut": self.slab.cut,
            "atoms": len(self.slab.atoms),
            "area_A2": self.slab.area_A2,
            "thickness_A": float(np.ptp(self.slab.atoms.positions[:, 2])),
            "surface_energy_J_m2": self.energy_J_m2,
            "as_cut_J_m2": self.as_cut_J_m2,
            "symmetric": self.slab.is_symmetric,
            "meaning": "of each face" if self.slab.is_symmetric else TWO_FACES,
            "broken_bonds": self.slab.broken_bonds,
            "dipole_e_A": self.slab.dipole_e_A,
            "polar": self.slab.is_polar,
            "farthest_A": self.farthest_A,
            "status": self.status,
        }


def rank_surfaces(
    slabs: Sequence[Slab],
    crystal: RelaxedCell,
    evaluation: BatchedEvaluation,
    *,
    settings: Mapping,
    folder: Path,
) -> list[Surface]:
    """Slabs by surface energy γ = (E − n E_crystal / n_crystal) / 2A, the lowest first; those unphysical last.

    Args:
        slabs: of the relaxed crystal.
        crystal: at rest.
        evaluation: the potential.
        settings: force_eV_A, steps, potential, potential_sha256.
        folder: a file of each slab, which is not relaxed again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made_by = {name: settings[name] for name in ("force_eV_A", "steps", "potential", "potential_sha256")}
    keys = [digest([made_by, crystal.energy_eV, *_places(slab.atoms)]) for slab in slabs]
    paths = [folder / f"{slab.name}.json" for slab in slabs]
    missing = [index for index, path in enumerate(paths) if find_kept(path, key=keys[index]) is None]
    if missing:
        log.info("%d slabs of %d are to be relaxed.", len(missing), len(slabs))
        cut = [slabs[index].atoms for index in missing]
        before, _ = evaluation(cut, [atoms.positions for atoms in cut])
        found = relax(cut, evaluation, force_eV_A=settings["force_eV_A"], steps=settings["steps"])
        for index, as_cut_eV, state in zip(missing, before, found, strict=True):
            numbers = {
                "energy_eV": state.energy_eV if np.isfinite(state.energy_eV) else None,
                "as_cut_eV": as_cut_eV if np.isfinite(as_cut_eV) else None,
                "positions": state.atoms.positions.tolist() if np.isfinite(state.energy_eV) else None,
                "is_converged": bool(state.is_converged),
            }
            keep(paths[index], numbers, key=keys[index])
    per_atom_eV = crystal.energy_eV / len(crystal.atoms)
    surfaces = [
        _surface(slab, find_kept(path, key=key), per_atom_eV)
        for slab, path, key in zip(slabs, paths, keys, strict=True)
    ]
    return sorted(surfaces, key=lambda each: np.inf if each.energy_J_m2 is None else each.energy_J_m2)


def _surface(slab: Slab, numbers: Mapping, per_atom_eV: float) -> Surface:
    relaxed = slab.atoms.copy()
    if numbers["positions"] is not None:
        relaxed.positions = numbers["positions"]
    moved_A = np.linalg.norm(relaxed.positions - slab.atoms.positions, axis=1)
    farthest_A = float(moved_A[framework(slab.atoms)].max())
    energies = [
        None if each is None else J_PER_M2 * (each - per_atom_eV * len(relaxed)) / (2 * slab.area_A2)
        for each in (numbers["energy_eV"], numbers["as_cut_eV"])
    ]
    return Surface(slab, relaxed, *energies, farthest_A, _status(numbers, farthest_A))


def framework(atoms: Atoms) -> np.ndarray:
    """Whether an atom is none of the mobile ions, (atoms,); all of them where there is nothing else."""
    fixed = np.array([symbol not in IONS for symbol in atoms.symbols])
    return fixed if fixed.any() else ~fixed


def _status(numbers: Mapping, farthest_A: float) -> str:
    if numbers["energy_eV"] is None:
        return UNPHYSICAL
    if not numbers["is_converged"]:
        return NOT_RELAXED
    return REBUILT if farthest_A > REBUILT_A else OK


def _places(atoms: Atoms) -> list:
    return [str(atoms.symbols), atoms.cell.array.round(4).tolist(), atoms.positions.round(4).tolist()]
