"""Coherent interfaces of two crystals: one adapter of pymatgen's CoherentInterfaceBuilder.

What is different here: terminations with equal names are all kept, and slabs that are each other's reverse too, since
one face alone meets the partner; what remains equal is told by the faces. pymatgen strains the film alone; here a share
goes to the substrate.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase import Atoms

from saltflow.base.errors import SaltflowError
from saltflow.studies.interfaces.crystal_slabs import PLANE_A, area_A2
from saltflow.studies.interfaces.lattice_match import (
    BEYOND,
    LatticeMatch,
    choose_match,
    matcher,
    refuse_without_match,
)
from saltflow.studies.interfaces.slab_faces import REACH_A, are_alike, face_signature
from saltflow.studies.mobile_sites import symmetry_of


@dataclass(frozen=True)
class Contact:
    """Two slabs in one lattice that are to touch: the top of the lower one, and the bottom of the upper one.

    Attributes:
        name: of pymatgen's terminations, upper first.
        lower, upper: the lowest atom at z = 0, a along x, normal along z, with vacuum.
        steps_A: shifts in the plane after which the lower slab is the same, (2, 2).
    """

    name: str
    lower: Atoms
    upper: Atoms
    steps_A: np.ndarray

    @property
    def area_A2(self) -> float:
        """Of the interface."""
        return area_A2(self.lower)

    @cached_property
    def faces(self) -> tuple[np.ndarray, np.ndarray]:
        """Signatures of the two that touch."""
        return face_signature(self.lower, top=True), face_signature(self.upper, top=False)

    def is_like(self, other: "Contact") -> bool:
        """Whether the same faces touch."""
        return all(are_alike(*pair) for pair in zip(self.faces, other.faces, strict=True))

    def stacked(self, *, gap_A: float, shift: tuple[float, float], vacuum_A: float) -> Atoms:
        """The two slabs one on the other.

        Args:
            gap_A: between the highest atom below and the lowest above.
            shift: of the upper slab, in `steps_A`.
            vacuum_A: above the upper slab.
        """
        upper = self.upper.copy()
        upper.positions[:, :2] += np.asarray(shift) @ self.steps_A
        upper.positions[:, 2] += np.ptp(self.lower.positions[:, 2]) + gap_A
        found = self.lower + upper
        found.cell[2, 2] = np.ptp(found.positions[:, 2]) + vacuum_A
        return found

    def alone(self, *, vacuum_A: float) -> tuple[Atoms, Atoms]:
        """Both slabs, each in a cell of its own."""
        found = self.lower.copy(), self.upper.copy()
        for slab in found:
            slab.cell[2, 2] = np.ptp(slab.positions[:, 2]) + vacuum_A
        return found


def find_contacts(
    lower: Atoms,
    upper: Atoms,
    *,
    millers: tuple[Sequence[int], Sequence[int]],
    share: float,
    most_strain: float,
    most_area_A2: float,
    thickness_A: float,
) -> tuple[LatticeMatch, list[Contact]]:
    """The common lattice of two planes, and every distinct pair of faces.

    Args:
        lower, upper: conventional cells.
        millers: planes of the lower and the upper crystal.
        share: fraction of the mismatch that the lower crystal takes.
        most_strain: limit of the mismatch.
        most_area_A2: of the common lattice.
        thickness_A: of each slab, at least, of whole oriented cells.

    Raises:
        InputError: no common lattice is within the limit; the best is named.
    """
    builder = _builder(lower, upper, millers, matcher(most_strain=most_strain, most_area_A2=most_area_A2))
    match = choose_match(builder.zsl_matches, share=share, most_strain=most_strain)
    if match is None:
        looser = _builder(lower, upper, millers, matcher(most_strain=BEYOND, most_area_A2=most_area_A2))
        refuse_without_match(looser.zsl_matches, share=share, most_strain=most_strain, most_area_A2=most_area_A2)
    builder.zsl_matches = [match.zsl]
    contacts: list[Contact] = []
    for termination in builder.terminations:
        contact = _contact(builder, termination, match, thickness_A=thickness_A)
        if not any(contact.is_like(other) for other in contacts):
            contacts.append(contact)
    return match, contacts


def is_chiral(crystal: Atoms) -> bool:
    """Whether a crystal differs from its mirror image: pymatgen turns the upper slab over by a reflection."""
    rotations, _ = symmetry_of(crystal)
    return bool(np.all(np.linalg.det(rotations) > 0))


def _builder(lower: Atoms, upper: Atoms, millers: tuple[Sequence[int], Sequence[int]], zsl):
    from pymatgen.analysis.interfaces.coherent_interfaces import CoherentInterfaceBuilder
    from pymatgen.io.ase import AseAtomsAdaptor

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return CoherentInterfaceBuilder(
                substrate_structure=AseAtomsAdaptor.get_structure(lower),
                film_structure=AseAtomsAdaptor.get_structure(upper),
                substrate_miller=tuple(millers[0]),
                film_miller=tuple(millers[1]),
                zslgen=zsl,
                termination_ftol=PLANE_A,
                label_index=True,
                filter_out_sym_slabs=False,
            )
        except ValueError as error:
            raise SaltflowError(f"pymatgen cannot match these planes ({error}); choose another --miller.") from error


def _contact(builder, termination: tuple[str, str], match: LatticeMatch, *, thickness_A: float) -> Contact:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (found,) = builder.get_interfaces(
            termination,
            gap=2.0,
            vacuum_over_film=REACH_A,
            film_thickness=thickness_A,
            substrate_thickness=thickness_A,
            in_layers=False,
        )
    atoms = Atoms(found.atomic_numbers, found.cart_coords, cell=found.lattice.matrix, pbc=True)
    cell = atoms.cell.array.copy()
    cell[:2, :2] = match.cell_A
    atoms.set_cell(cell, scale_atoms=True)
    is_lower = np.array([label == "substrate" for label in found.site_properties["interface_label"]])
    pieces = [_piece(atoms[chosen]) for chosen in (is_lower, ~is_lower)]
    fractions = np.asarray(match.zsl.substrate_vectors) @ np.linalg.pinv(np.asarray(match.zsl.substrate_sl_vectors))
    return Contact(" on ".join(termination), *pieces, fractions @ match.cell_A)


def _piece(atoms: Atoms) -> Atoms:
    piece = atoms.copy()
    piece.positions[:, 2] -= piece.positions[:, 2].min()
    piece.cell[2, 2] = np.ptp(piece.positions[:, 2]) + REACH_A
    return piece
