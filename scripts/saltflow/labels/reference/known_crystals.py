"""Energies of elements and compounds by a reference, kept per settings: candidates for the convex hull."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk, molecule
from ase.data import atomic_numbers
from ase.eos import EquationOfState
from ase.units import GPa

from saltflow.base.errors import InputError, SaltflowError
from saltflow.base.provenance import digest, provenance, read_json, write_json
from saltflow.campaign.settings.references import Reference
from saltflow.labels.reference.labelling import label_frames
from saltflow.materials.structure_files import read_structure

# Relative volumes of the scan; its minimum must lie inside.
VOLUME_SCALES = (0.92, 0.96, 1.0, 1.04, 1.08)
BOX_A = 10.0
DIATOMIC = frozenset({"H", "N", "O", "F", "Cl", "Br", "I"})
# Smallest edge for codes without k-points.
GAMMA_EDGE_A = 10.0
PROTOTYPE = re.compile(r"(\w+):(\w+):([\d.]+)")


def build_crystal(name: str) -> Atoms:
    """The crystal of a name.

    An element (the metal as ASE knows it: Li, Al; a molecule in a box: Cl, O), a prototype with its lattice
    constant in Å (LiCl:rocksalt:5.14, CaF2:fluorite:5.46), or the path of a structure file.

    Raises:
        SaltflowError: no crystal can be built or read.
    """
    try:
        if match := PROTOTYPE.fullmatch(name):
            return bulk(match[1], match[2], a=float(match[3]), cubic=match[2] != "wurtzite")
        if name in atomic_numbers:
            return _element(name)
        return read_structure(name)
    except (InputError, KeyError, ValueError, RuntimeError) as error:
        raise SaltflowError(
            f"No crystal can be made of '{name}' ({str(error).rstrip('.')}): give an element, "
            "formula:prototype:lattice constant such as LiCl:rocksalt:5.14, or a structure file."
        ) from error


def label_crystal(
    name: str,
    reference: Reference,
    *,
    reference_name: str,
    folder: Path,
    workdir: Path,
    smallest_edge_A: float | None = None,
) -> dict:
    """Energy per atom of a crystal at its equilibrium volume; read again if the same settings computed it before.

    Cell shape and fractional coordinates stay fixed, so the energies of unrelaxed structures are upper bounds.

    Args:
        name: see `build_crystal`.
        folder: of the results, one file per crystal and settings.
        workdir: of the code.
        smallest_edge_A: the cell is repeated to at least this height; by default not at all where the reference has
            k-points, else to `GAMMA_EDGE_A`.

    Raises:
        SaltflowError: a volume has no label, or the energy has no minimum in the scan.
    """
    if smallest_edge_A is None:
        smallest_edge_A = 0.0 if hasattr(reference, "kpoint_spacing_per_A") else GAMMA_EDGE_A
    atoms = _repeated(build_crystal(name), smallest_edge_A)
    key = {"settings": reference.identity(), "structure": _structure_digest(atoms)}
    kept = folder / f"{re.sub(r'[^A-Za-z0-9.-]', '_', Path(name).name)}-{digest(key)}.json"
    if kept.is_file():
        return read_json(kept)
    found = {"name": name, "reference": reference_name, **_at_equilibrium_volume(name, atoms, reference, workdir)}
    write_json(kept, found | {"provenance": provenance(settings=reference.identity(), inputs={})})
    return read_json(kept)


def _at_equilibrium_volume(name: str, atoms: Atoms, reference: Reference, workdir: Path) -> dict:
    counts = {symbol: int(count) for symbol, count in sorted(atoms.symbols.formula.count().items())}
    if _is_molecule(atoms):  # no volume to scan
        (energy_eV,) = _energies([atoms], name, reference, workdir)
        return {"counts": counts, "energy_eV_atom": energy_eV / len(atoms)}
    frames = [_scaled(atoms, scale) for scale in VOLUME_SCALES]
    energies = _energies(frames, name, reference, workdir)
    lowest = int(np.argmin(energies))
    if lowest in (0, len(frames) - 1):
        direction = "smaller" if lowest == 0 else "larger"
        raise SaltflowError(f"The energy of {name} has no minimum near its volume: give a {direction} cell.")
    volume_A3, energy_eV, modulus = EquationOfState(
        [frame.cell.volume for frame in frames], energies, eos="birchmurnaghan"
    ).fit(warn=False)
    return {
        "counts": counts,
        "energy_eV_atom": energy_eV / len(atoms),
        "volume_A3_atom": volume_A3 / len(atoms),
        "bulk_modulus_GPa": modulus / GPa,
    }


def _energies(frames: Sequence[Atoms], name: str, reference: Reference, workdir: Path) -> list[float]:
    labels = list(label_frames(frames, reference, max_force_eV_A=np.inf, workdir=workdir))
    if failed := [label for label in labels if label.status != "ok"]:
        raise SaltflowError(f"{name} has no energy by this reference: {failed[0].reason}.")
    return [label.energy_eV for label in labels]


def _element(symbol: str) -> Atoms:
    if symbol in DIATOMIC:
        pair = molecule(f"{symbol}2")
        pair.set_cell([BOX_A, BOX_A, BOX_A])
        pair.center()
        pair.pbc = True
        return pair
    return bulk(symbol)


def _is_molecule(atoms: Atoms) -> bool:
    """A diatomic molecule in a box; crystals are denser."""
    return len(atoms) == 2 and atoms.cell.volume >= 0.99 * BOX_A**3


def _repeated(atoms: Atoms, smallest_A: float) -> Atoms:
    heights_A = atoms.cell.volume / np.array(
        [np.linalg.norm(np.cross(atoms.cell[(axis + 1) % 3], atoms.cell[(axis + 2) % 3])) for axis in range(3)]
    )
    return atoms * tuple(max(1, int(np.ceil(smallest_A / height - 1e-9))) for height in heights_A)


def _scaled(atoms: Atoms, volume_scale: float) -> Atoms:
    scaled = atoms.copy()
    scaled.set_cell(atoms.cell.array * volume_scale ** (1 / 3), scale_atoms=True)
    return scaled


def _structure_digest(atoms: Atoms) -> str:
    parts = [atoms.numbers.tolist(), np.round(atoms.cell.array, 6).tolist(), np.round(atoms.positions, 6).tolist()]
    return hashlib.sha256(repr(parts).encode()).hexdigest()
