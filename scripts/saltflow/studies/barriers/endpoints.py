"""Initial and final states of a hop in a supercell, and the images between them."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.geometry import find_mic
from ase.mep import NEB

from saltflow.base.errors import InputError
from saltflow.studies.barriers.hop_classes import HopClass, Image, hop_vector
from saltflow.studies.barriers.knock_offs import leg_vectors
from saltflow.studies.mobile_sites import MobileSites

IDPP_STEPS = 100
EQUAL_WAYS_A = 0.02  # a hop of half a lattice vector is as long either way, to what the relaxation of the crystal left


@dataclass(frozen=True)
class EndStates:
    """A hop with the rest of the crystal around it.

    Attributes:
        initial, final: the same atoms in the same order, not relaxed.
        ions: indices of the atoms that hop: the ion, and that which a knock-off pushes.
    """

    initial: Atoms
    final: Atoms
    ions: tuple[int, ...]


def repeats_for(cell: np.ndarray, *, smallest_edge_A: float) -> tuple[int, int, int]:
    """Repeats of a unit cell along its axes so that every height is at least an edge."""
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    return tuple(int(number) for number in np.ceil(smallest_edge_A / heights - 1e-6))


def end_states(sites: MobileSites, hop: HopClass, *, repeats: tuple[int, int, int]) -> EndStates:
    """The states before and after the representative hop of a class.

    Between sites that hold an ion: the ion of the start moves to a vacancy at the end. Between voids: an ion added to
    the start moves to the end, or to the site of the ion that it pushes there. The cell stays neutral in the sense of
    the potential, which knows no charges.

    Raises:
        InputError: the supercell is so small that the ion meets its own image.
    """
    start, end, image = hop.representative
    legs = leg_vectors(sites, hop) if hop.pushed else (hop_vector(sites, hop.representative),)
    supercell = sites.crystal.repeat(repeats)
    _check_reach(supercell, (*legs, sum(legs)), repeats)
    if sites.atoms[start] < 0:
        initial = supercell + Atoms(sites.mobile, [sites.positions[start] @ sites.cell])
        ions = (len(initial) - 1,)
        if hop.pushed:
            ions += (_atom_of(sites, *hop.pushed, repeats),)
    else:
        vacancy = _atom_of(sites, sites.atoms[end], image, repeats)
        initial = supercell[[index for index in range(len(supercell)) if index != vacancy]]
        ions = (int(sites.atoms[start]) - int(vacancy < sites.atoms[start]),)
    final = initial.copy()
    for ion, leg in zip(ions, legs, strict=True):
        final.positions[ion] += leg
    return EndStates(initial, final, ions)


def _atom_of(sites: MobileSites, atom: int, image: Image, repeats: tuple[int, int, int]) -> int:
    """The atom of a supercell that is an atom of the unit cell in an image of it."""
    cell = np.ravel_multi_index(tuple(np.mod(image, repeats)), repeats)
    return int(cell * len(sites.crystal) + atom)


def _check_reach(supercell: Atoms, vectors: Sequence[np.ndarray], repeats: tuple[int, int, int]) -> None:
    for vector in vectors:
        length_A = np.linalg.norm(vector)
        if np.linalg.norm(find_mic(vector[None], supercell.cell)[0]) < length_A - EQUAL_WAYS_A:
            raise InputError([f"The supercell {repeats} is too small for a hop of {length_A:.2f} Å; raise --edge."])


def interpolate(initial: Atoms, final: Atoms, *, images: int) -> np.ndarray:
    """Positions along a path by the image-dependent pair potential, ends included, shape (images + 2, atoms, 3).

    The path goes from the positions of the one to those of the other, never through the boundary.

    Smidstrup, Pedersen, Stokbro & Jónsson, J. Chem. Phys. 140, 214106 (2014), as in ASE.
    """
    path = [initial.copy() for _ in range(images + 1)]
    band = NEB([*path, final.copy()], method="improvedtangent")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        band.interpolate(method="linear")
        if images:
            band.idpp_interpolate(traj=None, log=None, steps=IDPP_STEPS)
    return np.array([state.positions for state in band.images])
