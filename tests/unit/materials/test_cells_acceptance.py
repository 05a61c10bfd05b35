"""Each acceptance criterion, failed by a cell that is broken in just that way."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import make_supercell

from saltflow.base.errors import SaltflowError
from saltflow.materials.cells import check_acceptance, pack_cell, packing_units
from saltflow.materials.compositions import Composition

DENSITY_G_CM3 = 1.74


def aluminium(formula: str, states: dict[str, int], salt: str) -> Composition:
    return Composition.from_identity({
        "id": formula, "formula": formula, "host": "AlCl3", "salt": salt, "mobile_ion": "Li",
        "oxidation_states": {"Li": 1, "Al": 3, "O": -2, "Cl": -1} | states, "start": "pack",
        "density_g_cm3": DENSITY_G_CM3,
    })  # fmt: skip


SULFATE = aluminium("LiAlS0.5O2Cl3", {"S": 6}, "0.5 Li2SO4")
HYDROXIDE = aluminium("LiAlOHCl3", {"H": 1}, "LiOH")


def packed(composition: Composition, formula_units: int = 8) -> Atoms:
    return pack_cell(
        composition, formula_units=formula_units, density_g_cm3=DENSITY_G_CM3, seed=1,
        min_separation_factor=0.8, min_separations_A={"Cl-Cl": 2.5, "Li-Li": 2.8},
    )  # fmt: skip


def problems(atoms: Atoms, composition: Composition = SULFATE) -> list[str]:
    units = packing_units(composition, 8)
    return check_acceptance(
        atoms, start_density_g_cm3=DENSITY_G_CM3, units=units, min_density_ratio=0.6, min_pair_factor=0.6
    )


@pytest.mark.parametrize("composition", [SULFATE, HYDROXIDE], ids=lambda composition: composition.formula)
def test_a_packed_cell_is_accepted(composition):
    assert problems(packed(composition), composition) == []


def test_the_smallest_cell_is_accepted_whole_wrapped_and_sheared():
    """A 15-atom cell of 7 Å, also wrapped, and with the same lattice in skewed axes."""
    atoms = packed(SULFATE, 2)
    assert problems(atoms) == []
    atoms.positions += 0.4 * atoms.cell.lengths()
    atoms.wrap()
    assert problems(atoms) == []
    sheared = make_supercell(atoms, [[1, 0, 0], [1, 1, 0], [-2, 1, 1]])
    assert problems(sheared) == []


def test_an_expanded_cell_is_gas():
    atoms = packed(SULFATE)
    ions = atoms.positions.copy()
    atoms.set_cell(atoms.cell.array * (1 / 0.59) ** (1 / 3))
    atoms.positions = ions  # vacuum around an unchanged cluster
    assert [problem.split(":")[0] for problem in problems(atoms)] == ["gas"]
    atoms.set_cell(atoms.cell.array * (0.59 / 0.61) ** (1 / 3))
    assert "gas" not in "".join(problems(atoms))


def test_a_close_pair_is_named():
    atoms = packed(SULFATE)
    lithium = np.flatnonzero(atoms.symbols == "Li")[0]
    chloride = np.flatnonzero(atoms.symbols == "Cl")[0]
    # 0.6 × (0.76 + 1.81) = 1.542 Å
    atoms.positions[lithium] = atoms.positions[chloride] + [0, 0, 1.50]
    close = [problem for problem in problems(atoms) if f"Cl{chloride}" in problem and f"Li{lithium}" in problem]
    assert len(close) == 1
    assert close[0].startswith("close pair")
    assert "1.50 Å apart, below 1.54 Å" in close[0]


def test_a_pair_across_the_boundary_of_a_one_atom_wide_cell():
    """The only neighbour of an atom may be its own image."""
    atoms = Atoms("Cl", cell=[2.0, 30, 30], pbc=True)
    chloride = Composition.from_identity({
        "id": "Cl", "formula": "Cl", "host": "", "salt": "", "mobile_ion": "Cl",
        "oxidation_states": {"Cl": -1}, "start": "pack", "density_g_cm3": 1.0,
    })  # fmt: skip
    found = check_acceptance(
        atoms,
        start_density_g_cm3=1e-3,
        units=packing_units(chloride, 1),
        min_density_ratio=0.6,
        min_pair_factor=0.6,
    )
    assert found == ["close pair: Cl0–Cl0 are 2.00 Å apart, below 2.17 Å."]


def test_a_sulfate_that_lost_an_oxygen_is_broken():
    atoms = packed(SULFATE)
    sulfur = np.flatnonzero(atoms.symbols == "S")[1]
    oxygen = next(index for index in np.flatnonzero(atoms.arrays["unit"] == 1) if atoms.symbols[index] == "O")
    bond = atoms.positions[oxygen] - atoms.positions[sulfur]
    atoms.positions[oxygen] = atoms.positions[sulfur] + 1.29 * bond
    assert not any(problem.startswith("broken anion") for problem in problems(atoms))
    atoms.positions[oxygen] = atoms.positions[sulfur] + 1.31 * bond
    broken = [problem for problem in problems(atoms) if problem.startswith("broken anion")]
    assert broken == [f"broken anion: SO4 number 1 (S{sulfur}) keeps 3 of 4 O within 1.91 Å."]


def test_oxygens_may_be_exchanged():
    atoms = packed(SULFATE)
    one, other = (np.flatnonzero((atoms.arrays["unit"] == number) & (atoms.symbols == "O"))[0] for number in (0, 1))
    atoms.positions[[one, other]] = atoms.positions[[other, one]]
    assert problems(atoms) == []


def test_hydroxide_that_lost_its_proton_is_broken():
    atoms = packed(HYDROXIDE)
    proton = np.flatnonzero(atoms.symbols == "H")[0]
    oxygen = np.flatnonzero((atoms.arrays["unit"] == atoms.arrays["unit"][proton]) & (atoms.symbols == "O"))[0]
    atoms.positions[proton] += 0.5 * (atoms.positions[proton] - atoms.positions[oxygen])
    broken = [problem for problem in problems(atoms, HYDROXIDE) if problem.startswith("broken anion")]
    assert broken == [f"broken anion: OH number 0 (O{oxygen}) keeps 0 of 1 H within 1.26 Å."]


def test_numbers_that_are_not_finite():
    for value in (np.nan, np.inf):
        atoms = packed(SULFATE)
        atoms.positions[3, 1] = value
        assert [problem.split(":")[0] for problem in problems(atoms)] == ["not finite"]
    atoms = packed(SULFATE)
    atoms.cell[2] = 0
    assert [problem.split(":")[0] for problem in problems(atoms)] == ["not finite"]


def test_integrity_needs_the_unit_array():
    atoms = packed(SULFATE)
    del atoms.arrays["unit"]
    with pytest.raises(SaltflowError, match=r"LiAlS0\.5O2Cl3.*'unit'"):
        problems(atoms)
