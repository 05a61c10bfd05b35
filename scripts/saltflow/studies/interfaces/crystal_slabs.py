"""Slabs of a crystal: one adapter of pymatgen's SlabGenerator.

All slabs are whole numbers of oriented unit cells (Sun and Ceder, Surf. Sci. 617, 53, 2013), hence stoichiometric.
Which of them are the same, and whether one is symmetric, is decided by their faces.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from ase.geometry import minkowski_reduce
from matscipy.neighbours import neighbour_list

from saltflow.analysis.species.analysis import IONS
from saltflow.base.errors import InputError
from saltflow.materials.ordering.formal_charges import guess_charges
from saltflow.studies.interfaces.bond_limits import bond_limits_A
from saltflow.studies.interfaces.slab_faces import REACH_A, are_alike, face_signature

POLAR_e_A = 0.05
PLANE_A = 0.1  # atoms this close along the normal are one plane
SYMMETRY_A = 0.01
LAST_WITH_RADIUS = 96  # curium ends the table of Cordero et al.; ASE gives all beyond it one number
MOST_VOLUME_A3 = 100.0  # per atom, of a crystal


@dataclass(frozen=True)
class Slab:
    """A slab with its normal along z, its lowest atom at z = 0, and vacuum above.

    Attributes:
        atoms: a along x, periodic in three directions.
        miller: of the conventional cell.
        cut: where its planes are parted, as a fraction of the oriented unit cell.
        is_symmetric: whether its two faces are alike.
        broken_bonds: covalent bonds per slab that the crystal has and it has not.
        dipole_e_A: of formal charges along the normal, per area, in e/Å; None where elements have no usual charges.
            Far from 0 it is a polar surface of Tasker's type III (J. Phys. C 12, 4977, 1979).
    """

    atoms: Atoms
    miller: tuple[int, int, int]
    cut: float
    is_symmetric: bool
    broken_bonds: int
    dipole_e_A: float | None = None

    @property
    def area_A2(self) -> float:
        """Of one face."""
        return area_A2(self.atoms)

    @property
    def is_polar(self) -> bool:
        """Whether formal charges make a dipole that grows with the thickness."""
        return abs(self.dipole_e_A or 0.0) > POLAR_e_A

    @property
    def name(self) -> str:
        """For files: slab_1-1-0_cut0.250."""
        return f"slab_{'-'.join(map(str, self.miller))}_cut{self.cut:.3f}"


def area_A2(atoms: Atoms) -> float:
    """Of the cell in the plane."""
    return float(np.linalg.norm(np.cross(*atoms.cell.array[:2])))


def thickness_A(atoms: Atoms) -> float:
    """From the lowest to the highest atom."""
    return float(np.ptp(atoms.positions[:, 2]))


def conventional(crystal: Atoms) -> Atoms:
    """The conventional cell, which Miller indices refer to.

    Raises:
        InputError: the structure is a molecule or a slab, or an element has no known radius.
    """
    from pymatgen.io.ase import AseAtomsAdaptor
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    formula = crystal.symbols.formula.reduce()[0]
    if crystal.cell.rank < 3 or crystal.cell.volume / len(crystal) > MOST_VOLUME_A3:
        raise InputError([f"{formula} is a molecule or a slab, and no crystal that could be cut; give a crystal."])
    check_radii(crystal)
    plain = AseAtomsAdaptor.get_structure(Atoms(crystal.numbers, crystal.positions, cell=crystal.cell, pbc=True))
    found = SpacegroupAnalyzer(plain, symprec=SYMMETRY_A).get_conventional_standard_structure()
    return _plain(AseAtomsAdaptor.get_atoms(found))


def check_radii(atoms: Atoms) -> None:
    """Refuse elements whose covalent radius nobody knows: bonds and overlaps cannot be told.

    Raises:
        InputError: naming them.
    """
    unknown = sorted({chemical_symbols[number] for number in atoms.numbers if not 0 < number <= LAST_WITH_RADIUS})
    if unknown:
        raise InputError([f"The covalent radius of {', '.join(unknown)} is unknown; take these elements out."])


def cut_slabs(crystal: Atoms, miller: Sequence[int], *, thickness_A: float, vacuum_A: float) -> list[Slab]:
    """Every distinct slab of a plane, those with the fewest broken bonds, then with the smallest dipole, first.

    A cut between every two planes of atoms is made; of slabs with the same pair of faces one is kept.

    Args:
        crystal: conventional cell.
        miller: of the plane.
        thickness_A: at least, of whole oriented cells; from atom to atom it is less by the distance of two planes.
        vacuum_A: above it, at least 6 Å are taken.

    Raises:
        InputError: the index is 0 0 0.
    """
    generator = slab_generator(crystal, miller, thickness_A=thickness_A)
    slabs: list[Slab] = []
    known: list[tuple[np.ndarray, np.ndarray]] = []
    for cut in generator.gen_possible_terminations(ftol=PLANE_A):
        atoms = upright(generator.get_slab(shift=cut), vacuum_A=max(vacuum_A, REACH_A))
        faces = tuple(face_signature(atoms, top=top) for top in (True, False))
        if any(_same(faces, other) or _same(faces[::-1], other) for other in known):
            continue
        known.append(faces)
        broken = _bonds(crystal) * len(atoms) // len(crystal) - _bonds(atoms)
        slabs.append(Slab(atoms, tuple(miller), float(cut), are_alike(*faces), broken, dipole_e_A(atoms)))
    return sorted(slabs, key=lambda slab: (slab.broken_bonds, round(abs(slab.dipole_e_A or 0.0), 3)))


def dipole_e_A(slab: Atoms) -> float | None:
    """Of formal charges along the normal, per area; None where elements have no usual charges or are one alone."""
    try:
        charges = guess_charges(slab.symbols.formula.count(), subject="slab")
    except InputError:
        return None
    of_atoms = np.array([charges[symbol] for symbol in slab.symbols])
    return float(of_atoms @ slab.positions[:, 2] / area_A2(slab))


def slab_generator(crystal: Atoms, miller: Sequence[int], *, thickness_A: float):
    """pymatgen's generator for a plane of a crystal.

    Raises:
        InputError: the index is 0 0 0.
    """
    from pymatgen.core.surface import SlabGenerator
    from pymatgen.io.ase import AseAtomsAdaptor

    if not any(miller):
        raise InputError(["--miller 0,0,0 is no plane; give such as 1,0,0."])
    return SlabGenerator(
        AseAtomsAdaptor.get_structure(crystal), tuple(miller), thickness_A, REACH_A, center_slab=False, primitive=True
    )


def upright(slab, *, vacuum_A: float) -> Atoms:
    """A pymatgen slab with a along x, the normal along z, its lowest atom at z = 0, and a given vacuum."""
    from pymatgen.io.ase import AseAtomsAdaptor

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        atoms = _plain(AseAtomsAdaptor.get_atoms(slab.get_orthogonal_c_slab()))
    shortest, _ = minkowski_reduce(atoms.cell, pbc=(True, True, False))
    atoms.set_cell(shortest)
    return with_vacuum(in_one_piece(atoms), vacuum_A=vacuum_A)


def widened(atoms: Atoms, *, width_A: float) -> Atoms:
    """A slab repeated in its plane until both heights of its parallelogram are at least so wide."""
    edges = np.linalg.norm(atoms.cell.array[:2], axis=1)
    repeats = [int(np.ceil(width_A * edge / area_A2(atoms) - 1e-6)) for edge in edges[::-1]]
    return atoms.repeat((*repeats, 1))


def in_one_piece(atoms: Atoms) -> Atoms:
    """A cell whose widest gap along c is at its upper end; c is along the normal."""
    fractions = atoms.get_scaled_positions()[:, 2] % 1.0
    ordered = np.sort(fractions)
    gaps = np.diff(np.append(ordered, ordered[0] + 1))
    start = ordered[(np.argmax(gaps) + 1) % len(ordered)]
    places = atoms.get_scaled_positions()
    places[:, 2] = (fractions - start + 1e-9) % 1.0
    found = atoms.copy()
    found.set_scaled_positions(places)
    return found


def with_vacuum(atoms: Atoms, *, vacuum_A: float) -> Atoms:
    """A cell in one piece along c, turned so that a is along x, its lowest atom at 0, with a given vacuum above."""
    cell = atoms.cell.array.copy()
    normal = np.cross(cell[0], cell[1])
    normal /= np.linalg.norm(normal)
    heights = atoms.positions @ normal
    heights -= heights.min()
    along = np.linalg.norm(cell[0])
    x = cell[0] / along
    y = np.cross(normal, x)
    new = np.zeros((3, 3))
    new[0, 0] = along
    new[1, :2] = cell[1] @ x, cell[1] @ y
    new[2, 2] = heights.max() + vacuum_A
    placed = np.column_stack([atoms.positions @ x, atoms.positions @ y, heights])
    found = Atoms(atoms.numbers, placed, cell=new, pbc=True)
    places = found.get_scaled_positions(wrap=False)
    places[:, :2] %= 1.0
    found.set_scaled_positions(places)
    return found


def _plain(atoms: Atoms) -> Atoms:
    return Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)


def _same(one: tuple, other: tuple) -> bool:
    return all(are_alike(*pair) for pair in zip(one, other, strict=True))


def _bonds(atoms: Atoms) -> int:
    limits_A = bond_limits_A(set(atoms.symbols) - IONS)
    return len(neighbour_list("i", atoms, limits_A)) // 2 if limits_A else 0
