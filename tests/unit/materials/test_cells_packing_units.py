"""Which atoms of a composition are packed as wholes, and with which geometry."""

import numpy as np
import pytest

from saltflow.base.errors import InputError
from saltflow.materials.cells.packing_units import packing_units, polyanions_of
from saltflow.materials.compositions import Composition, counts
from saltflow.materials.ions.polyanions import POLYANIONS
from saltflow.materials.ions.radii import ionic_radius_A


def composition(formula: str, states: dict[str, int], *, host: str = "", salt: str = "") -> Composition:
    return Composition.from_identity({
        "id": formula, "formula": formula, "host": host, "salt": salt, "mobile_ion": "Li",
        "oxidation_states": states, "start": "pack", "density_g_cm3": 2.0,
    })  # fmt: skip


@pytest.mark.parametrize(
    ("salt", "states", "expected"),
    [
        ("Li2SO4", {"Li": 1, "S": 6, "O": -2}, {"SO4": 1}),
        ("Li3PO4", {"Li": 1, "P": 5, "O": -2}, {"PO4": 1}),
        ("LiNO3", {"Li": 1, "N": 5, "O": -2}, {"NO3": 1}),
        ("CaN2O6", {"Ca": 2, "N": 5, "O": -2}, {"NO3": 2}),
        ("Li2CO3", {"Li": 1, "C": 4, "O": -2}, {"CO3": 1}),
        ("LiOH", {"Li": 1, "O": -2, "H": 1}, {"OH": 1}),
        ("LiBH4", {"Li": 1, "B": 3, "H": -1}, {"BH4": 1}),
        ("Li6PS5Cl", {"Li": 1, "P": 5, "S": -2, "Cl": -1}, {"PS4": 1}),
        ("Li2O2", {"Li": 1, "O": -1}, {"O2": 1}),
        ("Li2O", {"Li": 1, "O": -2}, {}),
        ("Li2S", {"Li": 1, "S": -2}, {}),
        ("LiCl", {"Li": 1, "Cl": -1}, {}),
        ("Li3N", {"Li": 1, "N": -3}, {}),
    ],
)
def test_polyanions_are_recognised_in_a_salt(salt, states, expected):
    assert {polyanion.name: count for polyanion, count in polyanions_of(salt, states)} == expected


@pytest.mark.parametrize("polyanion", POLYANIONS, ids=lambda polyanion: polyanion.name)
def test_template_has_its_bond_length_and_equal_angles(polyanion):
    template = polyanion.atoms()
    assert template.get_distances(0, range(1, len(template))) == pytest.approx(polyanion.bond_A)
    # Equal ligands around a centre: their unit vectors cancel, unless there is only one.
    total = np.linalg.norm(polyanion.directions.sum(axis=0))
    assert total == pytest.approx(1.0 if len(template) == 2 else 0.0, abs=1e-12)


def test_tetrahedral_angle():
    sulfate = POLYANIONS[0].atoms()
    assert sulfate.get_angle(1, 0, 2) == pytest.approx(109.4712, abs=1e-3)


def test_units_add_up_to_the_cell():
    sulfate = composition(
        "LiAlS0.5O2Cl3", {"Li": 1, "Al": 3, "S": 6, "O": -2, "Cl": -1}, host="AlCl3", salt="0.5 Li2SO4"
    )
    units = packing_units(sulfate, 2)
    assert {str(template.symbols): count for template, count in units} == {
        "Li": 2,
        "Al": 2,
        "Cl": 6,
        "SO4": 1,
    }
    total = {symbol: 0 for symbol in sulfate.amounts}
    for template, count in units:
        for symbol in template.symbols:
            total[symbol] += count
    assert total == counts(sulfate, 2)


def test_oxygen_of_the_host_stays_single():
    oxychloride = composition(
        "LiTaS0.5O3Cl3", {"Li": 1, "Ta": 5, "S": 6, "O": -2, "Cl": -1}, host="TaOCl3", salt="0.5 Li2SO4"
    )
    found = {str(template.symbols): count for template, count in packing_units(oxychloride, 2)}
    assert found == {"Li": 2, "Ta": 2, "O": 2, "Cl": 6, "SO4": 1}


def test_two_salts_with_the_same_polyanion_are_one_kind():
    both = composition(
        "LiNaZrSO4Cl4", {"Li": 1, "Na": 1, "Zr": 4, "S": 6, "O": -2, "Cl": -1}, host="ZrCl4",
        salt="0.5 Li2SO4 + 0.5 Na2SO4",
    )  # fmt: skip
    assert {str(template.symbols): count for template, count in packing_units(both, 1)}["SO4"] == 1


def test_a_fraction_of_a_polyanion_is_refused():
    nitrates = composition(
        "Li0.5Na0.5TaNO3Cl5", {"Li": 1, "Na": 1, "Ta": 5, "N": 5, "O": -2, "Cl": -1}, host="TaCl5",
        salt="0.5 LiNO3 + 0.5 NaNO3",
    )  # fmt: skip
    assert packing_units(nitrates, 2)
    with pytest.raises(InputError, match="fraction of an atom"):
        packing_units(nitrates, 1)


def test_radii_are_shannons_six_fold_ones_with_stated_fallbacks():
    assert ionic_radius_A("Li", 1) == 0.76
    assert ionic_radius_A("Cl", -1) == 1.81
    assert ionic_radius_A("Ta", 5) == 0.64
    assert ionic_radius_A("Mn", 2) == 0.83  # high spin, the larger of two
    assert ionic_radius_A("N", -3) == 1.46  # only four-fold is listed
    assert ionic_radius_A("O", -1) == ionic_radius_A("O", -2) == 1.40
    assert ionic_radius_A("H", 1) == ionic_radius_A("H", -1) == 0.31  # covalent


def test_the_table_of_radii_is_shannons():
    from pymatgen.core import Element

    from saltflow.materials.ions.radii import COORDINATIONS, _shannon_states

    found = _shannon_states()
    assert len(found) > 80
    for symbol, states in found.items():
        published = Element(symbol).data["Shannon radii"]
        assert {float(state) for state, shells in published.items() if set(shells) & set(COORDINATIONS)} == set(states)
        for state, radius_A in states.items():
            shells = published[f"{state:.0f}"]
            first = next(shells[name] for name in COORDINATIONS if name in shells)
            assert radius_A == max(entry["ionic_radius"] for entry in first.values())
