"""A crystal and a glass in contact: the box of the glass is strained onto a plane of the crystal, and cut where it is
held together least."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.build import make_supercell
from matscipy.neighbours import neighbour_list

from saltflow.analysis.species.analysis import IONS
from saltflow.base.errors import InputError
from saltflow.studies.interfaces.bond_limits import bond_limits_A
from saltflow.studies.interfaces.coherent_interfaces import Contact
from saltflow.studies.interfaces.crystal_slabs import Slab, cut_slabs
from saltflow.studies.interfaces.lattice_match import (
    BEYOND,
    LatticeMatch,
    choose_match,
    matcher,
    refuse_without_match,
    supercell_of,
)
from saltflow.studies.interfaces.slab_faces import REACH_A

UPRIGHT_DEGREES = 0.1


def check_box(glass: Atoms) -> None:
    """Refuse a box that is no prism over its plane.

    Raises:
        InputError: its third edge is not along the normal of the other two.
    """
    if np.abs(glass.cell.angles()[:2] - 90).max() > UPRIGHT_DEGREES:
        raise InputError(
            [f"The box of the glass {glass.symbols.formula.reduce()[0]} is tilted; give one whose c is normal to a, b."]
        )


def find_glass_contacts(
    crystal: Atoms,
    glass: Atoms,
    *,
    miller: Sequence[int],
    share: float,
    most_strain: float,
    most_area_A2: float,
    thickness_A: float,
) -> tuple[LatticeMatch, list[Contact]]:
    """The common lattice of a plane and a box, and every distinct face of the crystal below the same cut of the glass.

    Args:
        crystal: conventional cell, which is below.
        glass: periodic in three directions, c along its normal; its volume stays.
        miller: plane of the crystal.
        share: fraction of the mismatch that the crystal takes.
        most_strain: limit of the mismatch.
        most_area_A2: of the common lattice.
        thickness_A: of the crystal, at least, of whole oriented cells.

    Returns:
        the match, and contacts, those whose crystal has the fewest broken bonds first.

    Raises:
        InputError: the box is tilted, or no common lattice is within the limit; the best is named.
    """
    check_box(glass)
    slabs = cut_slabs(crystal, miller, thickness_A=thickness_A, vacuum_A=REACH_A)
    found: list[tuple[LatticeMatch, Contact]] = []
    for slab in slabs:
        for atoms in _either_way_up(slab):
            match = _match(atoms, glass, share=share, most_strain=most_strain, most_area_A2=most_area_A2)
            contact = _contact(slab, atoms, glass, match)
            if not any(contact.is_like(other) for _, other in found):
                found.append((match, contact))
    return found[0][0], [contact for _, contact in found]


def cut_glass(glass: Atoms) -> tuple[Atoms, int]:
    """A glass opened at the height that the fewest covalent bonds cross; of such heights, in the widest gap.

    Returns:
        the slab, its lowest atom at z = 0 under vacuum, and the number of bonds that are broken.
    """
    period_A = glass.cell[2, 2]
    heights_A = np.sort(glass.positions[:, 2] % period_A)
    gaps_A = np.diff(np.append(heights_A, heights_A[0] + period_A))
    cuts_A = (heights_A + gaps_A / 2) % period_A
    crossings = _crossings(glass, cuts_A)
    best = np.lexsort((-gaps_A, crossings))[0]
    slab = glass.copy()
    slab.positions[:, 2] = (slab.positions[:, 2] - cuts_A[best]) % period_A
    slab.positions[:, 2] -= slab.positions[:, 2].min()
    slab.cell[2, 2] = np.ptp(slab.positions[:, 2]) + REACH_A
    return slab, int(crossings[best])


def _crossings(glass: Atoms, cuts_A: np.ndarray) -> np.ndarray:
    """Covalent bonds that cross each height, (cuts,)."""
    limits = bond_limits_A(set(glass.symbols) - IONS)
    if not limits:
        return np.zeros(len(cuts_A), int)
    first, between_A = neighbour_list("iD", glass, limits)
    up = between_A[:, 2] > 0  # each bond once
    starts_A, lengths_A = glass.positions[first[up], 2], between_A[up, 2]
    above_A = (cuts_A[:, None] - starts_A) % glass.cell[2, 2]
    return np.count_nonzero(above_A < lengths_A, axis=1)


def _either_way_up(slab: Slab) -> list[Atoms]:
    if slab.is_symmetric:
        return [slab.atoms]
    turned = slab.atoms.copy()
    turned.rotate(180, "x", rotate_cell=True)
    turned.set_cell([turned.cell[0], -turned.cell[1], -turned.cell[2]])
    turned.positions[:, 2] -= turned.positions[:, 2].min()
    return [slab.atoms, turned]


def _match(slab: Atoms, glass: Atoms, *, share: float, most_strain: float, most_area_A2: float) -> LatticeMatch:
    def matches(strain: float) -> list:
        search = matcher(most_strain=strain, most_area_A2=most_area_A2)
        return list(search(glass.cell.array[:2], slab.cell.array[:2]))

    match = choose_match(matches(most_strain), share=share, most_strain=most_strain)
    if match is None:
        refuse_without_match(matches(BEYOND), share=share, most_strain=most_strain, most_area_A2=most_area_A2)
    return match


def _contact(slab: Slab, crystal: Atoms, glass: Atoms, match: LatticeMatch) -> Contact:
    repeats = np.array(supercell_of(match.zsl.substrate_vectors, match.zsl.substrate_sl_vectors))
    of_glass = np.array(supercell_of(match.zsl.film_vectors, match.zsl.film_sl_vectors))
    cell_A = match.cell_A
    if np.linalg.det(repeats) < 0:  # the same lattice by its other corner: the crystal is not mirrored
        repeats, of_glass, cell_A = ([[1], [-1]] * each for each in (repeats, of_glass, cell_A))
        cell_A = cell_A * [1, -1]
    lower = _in_lattice(crystal, repeats, cell_A, height_A=crystal.cell[2, 2])
    height_A = glass.get_volume() * abs(np.linalg.det(of_glass)) / match.area_A2
    upper, broken = cut_glass(_in_lattice(glass, of_glass, cell_A, height_A=height_A))
    name = f"cut {slab.cut:.3f} of the crystal, {slab.broken_bonds} bonds broken; the glass, {broken}"
    return Contact(name, lower, upper, np.linalg.solve(repeats, cell_A))


def _in_lattice(atoms: Atoms, repeats: np.ndarray, cell_A: np.ndarray, *, height_A: float) -> Atoms:
    """A cell repeated in its plane and strained onto a lattice."""
    wide = make_supercell(atoms, [[*repeats[0], 0], [*repeats[1], 0], [0, 0, 1]])
    cell = np.zeros((3, 3))
    cell[:2, :2], cell[2, 2] = cell_A, height_A
    wide.set_cell(cell, scale_atoms=True)
    return wide
