"""Phase separation and crystalline order of a frame."""

from collections.abc import Hashable

import numpy as np

from saltflow.analysis.structure.coordination_shells import Shells, Snapshot, crystalline, nearest_shells, steinhardt
from saltflow.analysis.structure.network import fragments_of, links_of
from saltflow.analysis.structure.roles import Roles

NEIGHBOURS = 12
# Smallest normalised q6·q6 of connected neighbours, and smallest number of connections of the 12 neighbours.
COHERENCE, CONNECTIONS = 0.7, 8


def observe_salt(snapshot: Snapshot, bonds: Shells, roles: Roles, *, in_polyanion: np.ndarray) -> dict[Hashable, float]:
    """Salt-like mobile ions, and their largest cluster, of one frame.

    A free anion is bonded to no metal and in no polyanion. A mobile ion is salt-like when all anions of its shell are
    free; salt-like ions that share an anion belong to one cluster.

    Args:
        snapshot: the frame.
        bonds: from cations to anions.
        roles: of the elements.
        in_polyanion: whether each atom belongs to a polyanion, (atoms,).

    Returns:
        ("salt-like",) → fraction of the mobile ions; ("salt cluster",) → mobile ions in the largest cluster.
    """
    mobile = snapshot.atoms_of(roles.mobile)
    metals = snapshot.atoms_of(*roles.metals)
    held = in_polyanion.copy()
    held[bonds.around(metals).ligands] = True
    shell = bonds.around(mobile)
    count = np.bincount(shell.centers, minlength=len(held))[mobile]
    bound = np.bincount(shell.centers, weights=held[shell.ligands], minlength=len(held))[mobile]
    salty = mobile[(count > 0) & (bound == 0)]
    fragments = fragments_of(links_of(shell.around(salty)), salty) if len(salty) else []
    largest = max((len(fragment.metals) for fragment in fragments), default=0)
    return {("salt-like",): len(salty) / max(len(mobile), 1), ("salt cluster",): float(largest)}


def observe_order(snapshot: Snapshot, bonds: Shells, roles: Roles) -> dict[Hashable, float]:
    """Bond-orientational order of one frame.

    Args:
        snapshot: the frame.
        bonds: from cations to anions.
        roles: of the elements.

    Returns:
        ("q", 4 | 6, of) → sum over the atoms that have neighbours, ("q atoms", of) their number: "anions" among their
        12 nearest anions, "metals" and "mobile" over the anions of their shells; ("crystalline",) → fraction of the
        anions that are solid-like and ("crystal",) → those in the largest cluster, nan where the cell is too small.
    """
    anions = snapshot.atoms_of(*roles.anions)
    among = nearest_shells(snapshot, anions, neighbours=NEIGHBOURS)
    shells_of = {
        "anions": among,
        "metals": bonds.around(snapshot.atoms_of(*roles.metals)),
        "mobile": bonds.around(snapshot.atoms_of(roles.mobile)),
    }
    observed: dict[Hashable, float] = {}
    for degree in (4, 6):
        for name, around in shells_of.items():
            found = np.zeros(0) if around is None else steinhardt(snapshot, around, degree=degree)
            found = found[np.isfinite(found)]
            observed["q", degree, name] = float(found.sum())
            observed["q atoms", name] = float(len(found))
    fraction, largest = (np.nan, np.nan) if among is None else crystalline(
        snapshot, among, coherence=COHERENCE, connections=CONNECTIONS
    )  # fmt: skip
    return observed | {("crystalline",): fraction, ("crystal",): largest}
