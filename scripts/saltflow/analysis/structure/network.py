"""The network of metals linked by shared anions: corners, edges, faces; fragments and their shapes; free anions."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from saltflow.analysis.structure.connectivity import Bonds, clusters
from saltflow.analysis.structure.coordination_shells import Shells, Snapshot
from saltflow.analysis.structure.polyhedra import SHARING, add_value, pairs_within
from saltflow.analysis.structure.roles import Roles

SHAPES = ("single", "chain", "ring", "branched", "percolating")


@dataclass(frozen=True)
class MetalLinks:
    """Pairs of metals that share at least one anion, once per periodic image.

    Args:
        pairs: metal atoms, (links, 2).
        images: cells between the second and the first, (links, 3).
        shared: number of shared anions, (links,): 1 for a corner, 2 for an edge, 3 or more for a face.
        bridges: link and anion of every M–anion–M, (bridges, 2).
    """

    pairs: np.ndarray
    images: np.ndarray
    shared: np.ndarray
    bridges: np.ndarray


def links_of(bonds: Shells) -> MetalLinks:
    """The links between centres of bonds with common ligands.

    Args:
        bonds: from metals to anions.
    """
    order = np.argsort(bonds.ligands, kind="stable")
    ligands, metals, images = bonds.ligands[order], bonds.centers[order], bonds.images[order]
    one, other = pairs_within(ligands)
    pairs = np.stack([metals[one], metals[other]], axis=1)
    # Relative to the anion, a metal lies in the image −images; this is the second metal relative to the first:
    apart = images[one] - images[other]
    backwards = (pairs[:, 0] > pairs[:, 1]) | ((pairs[:, 0] == pairs[:, 1]) & _is_negative(apart))
    pairs[backwards], apart[backwards] = pairs[backwards][:, ::-1], -apart[backwards]
    kinds, codes, shared = np.unique(np.hstack([pairs, apart]), axis=0, return_inverse=True, return_counts=True)
    return MetalLinks(kinds[:, :2], kinds[:, 2:], shared, np.stack([codes.ravel(), ligands[one]], axis=1))


def _is_negative(images: np.ndarray) -> np.ndarray:
    """Whether the first non-zero component is negative, (n, 3) → (n,)."""
    return images @ np.array([10_000, 100, 1]) < 0


@dataclass(frozen=True)
class Fragment:
    """A connected set of linked metals.

    Args:
        metals: their atoms.
        shape: one of `SHAPES`: no links; two ends and no branch; closed without a branch; anything else; connected with
            its own periodic image, so that it has no length.
    """

    metals: np.ndarray
    shape: str


def fragments_of(links: MetalLinks, metals: np.ndarray) -> list[Fragment]:
    """The fragments of one frame.

    Args:
        links: between metals.
        metals: indices of all metal atoms, sorted.
    """
    pairs = np.searchsorted(metals, links.pairs)
    bonds = Bonds(pairs, links.images, np.zeros(len(pairs)))
    labels, percolates = clusters(bonds, atoms=len(metals))
    degrees = np.bincount(pairs.ravel(), minlength=len(metals))
    edges = np.bincount(labels[pairs[:, 0]], minlength=len(percolates))
    found = []
    for label, endless in enumerate(percolates):
        members = np.flatnonzero(labels == label)
        shape = _shape(len(members), int(edges[label]), int(degrees[members].max()), endless=bool(endless))
        found.append(Fragment(metals[members], shape))
    return found


def _shape(size: int, edges: int, largest_degree: int, *, endless: bool) -> str:
    if endless:
        return "percolating"
    if size == 1:
        return "single"
    if largest_degree <= 2:
        return "chain" if edges == size - 1 else "ring"
    return "branched"


def observe_network(snapshot: Snapshot, bonds: Shells, roles: Roles, *, in_polyanion: np.ndarray) -> dict:
    """Sharing, bridges, fragments and states of anions of one frame.

    Args:
        snapshot: the frame.
        bonds: of metals to anions.
        roles: of the elements.
        in_polyanion: whether each atom belongs to a polyanion, (atoms,).

    Returns:
        Per metal: ("sharing", kind) links, ("bridges", anion) M–anion–M, ("linked",) linked metals. Fractions of the
        metals, linked via any anion or one kind of it (`bridges_of`): ("length", via, n) in fragments of n metals,
        ("shape", via, shape); ("fragments", via) their number per metal and ("length squared", via) Σ n² per metal,
        both without percolating ones. Fractions of the atoms of an anion: ("anion", element, "free" | "terminal" |
        "bridging"), polyanions apart as ("anion", element, "polyanion").
    """
    metals = snapshot.atoms_of(*roles.metals)
    observed = _observe_links(snapshot, links_of(bonds), roles, metals=len(metals))
    for via, anions in bridges_of(roles).items():
        links = links_of(bonds.of(np.isin(snapshot.symbols[bonds.ligands], anions)))
        observed |= _observe_fragments(fragments_of(links, metals), via=via, metals=len(metals))
    return observed | observe_anions(snapshot, bonds, roles, in_polyanion=in_polyanion)


def bridges_of(roles: Roles) -> dict[str, tuple[str, ...]]:
    """Kinds of linking anions: any; where there are several kinds, also halides (X) and each other anion alone."""
    kinds = {"X": roles.halides} if roles.halides else {}
    kinds |= {anion: (anion,) for anion in roles.anions if anion not in roles.halides}
    return {"any": roles.anions} | (kinds if len(kinds) > 1 else {})


def _observe_fragments(fragments: Sequence[Fragment], *, via: str, metals: int) -> dict[Hashable, float]:
    observed: dict[Hashable, float] = {}
    for fragment in fragments:
        size = len(fragment.metals)
        add_value(observed, ("shape", via, fragment.shape), size / metals)
        if fragment.shape != "percolating":
            add_value(observed, ("length", via, size), size / metals)
            add_value(observed, ("fragments", via), 1 / metals)
            add_value(observed, ("length squared", via), size**2 / metals)
    return observed


def _observe_links(snapshot: Snapshot, links: MetalLinks, roles: Roles, *, metals: int) -> dict[Hashable, float]:
    observed: dict[Hashable, float] = {("linked",): 2 * len(links.pairs) / metals}
    for kind in SHARING.values():
        observed["sharing", kind] = 0.0
    for shared in links.shared:
        add_value(observed, ("sharing", SHARING[min(int(shared), max(SHARING))]), 1 / metals)
    for anion in roles.anions:
        bridges = snapshot.symbols[links.bridges[:, 1]] == anion
        observed["bridges", anion] = float(bridges.sum()) / metals
    return observed


def observe_anions(snapshot: Snapshot, bonds: Shells, roles: Roles, *, in_polyanion: np.ndarray) -> dict:
    """States of anions by the number of metals bonded to them, as in `observe_network`."""
    observed: dict[Hashable, float] = {}
    held = np.bincount(bonds.ligands, minlength=len(snapshot.symbols))
    for anion in roles.anions:
        atoms = snapshot.atoms_of(anion)
        states = np.where(in_polyanion[atoms], 3, np.minimum(held[atoms], 2))
        shares = np.bincount(states, minlength=4) / max(len(atoms), 1)
        for state, share in zip(("free", "terminal", "bridging", "polyanion"), shares, strict=True):
            observed["anion", anion, state] = float(share)
    halides = snapshot.atoms_of(*roles.halides)
    if len(halides):
        shares = np.bincount(np.minimum(held[halides], 2), minlength=3) / len(halides)
        for state, share in zip(("free", "terminal", "bridging"), shares, strict=True):
            observed["anion", "X", state] = float(share)
    return observed
