"""Whether polyanions keep their ligands."""

from collections.abc import Hashable

import numpy as np

from saltflow.analysis.structure.coordination_shells import Shells, Snapshot, shells
from saltflow.analysis.structure.roles import Roles
from saltflow.materials.ions.polyanions import BOND_STRETCH, Polyanion


def observe_polyanions(snapshot: Snapshot, roles: Roles) -> tuple[dict[Hashable, float], np.ndarray]:
    """Fractions of whole polyanions in one frame, and the atoms that belong to one.

    A ligand is bonded within 1.3 × the bond of the packed template. A centre is whole when it has all ligands of one of
    its kinds; in OH and O2, every H or O needs its O.

    Args:
        snapshot: the frame.
        roles: the polyanions that may be there.

    Returns:
        ("whole", name) → fraction, ("broken", name) → number; and whether each atom is in a polyanion, (atoms,).
    """
    observed: dict[Hashable, float] = {}
    member = np.zeros(len(snapshot.symbols), dtype=bool)
    for kind in dict.fromkeys(_counted_element(each) for each in roles.polyanions):
        same = [each for each in roles.polyanions if _counted_element(each) == kind]
        atoms = snapshot.atoms_of(kind)
        whole = np.zeros(len(atoms), dtype=bool)
        for polyanion in same:
            bonds = _bound(snapshot, polyanion)
            whole |= np.bincount(bonds.centers, minlength=len(member))[atoms] >= _needed(polyanion)
            member[bonds.centers] = member[bonds.ligands] = True
        name = "/".join(each.name for each in same)
        observed["whole", name] = float(whole.mean()) if len(atoms) else np.nan
        observed["broken", name] = float((~whole).sum())
    return observed, member


def _counted_element(polyanion: Polyanion) -> str:
    """The element whose atoms are counted: the centre, or the ligand of a diatomic ion."""
    return polyanion.ligand if len(polyanion.directions) == 1 else polyanion.center


def _needed(polyanion: Polyanion) -> int:
    return len(polyanion.directions)


def _bound(snapshot: Snapshot, polyanion: Polyanion) -> Shells:
    counted = _counted_element(polyanion)
    partner = polyanion.center if counted == polyanion.ligand else polyanion.ligand
    return shells(snapshot, {(counted, partner): BOND_STRETCH * polyanion.bond_A})
