import numpy as np
import pytest
from ase.build import bulk
from ase.spacegroup import crystal
from structure_cases import CUTOFFS_A, ROLES, TRICLINIC_A, chain, joined, snapshot

from saltflow.analysis.structure.coordination_shells import shells
from saltflow.analysis.structure.network import fragments_of, links_of, observe_network
from saltflow.analysis.structure.polyanion_integrity import observe_polyanions
from saltflow.analysis.structure.polyhedra import angle_variances_deg2, environments, observe_polyhedra
from saltflow.analysis.structure.roles import roles_of, shell_label


def network_of(frame, cutoffs_A=CUTOFFS_A, roles=ROLES):
    bonds = shells(frame, cutoffs_A)
    bonds = bonds.around(frame.atoms_of(*roles.metals))
    return observe_network(frame, bonds, roles, in_polyanion=np.zeros(len(frame.symbols), dtype=bool))


def oxide(atoms, metal, cutoff_A):
    """A crystal of one metal and oxygen, with lithium that is not there as the mobile ion."""
    roles = roles_of({metal: 4, "O": -2, "Li": 1}, mobile_ion="Li")
    frame = snapshot(atoms.get_chemical_symbols(), atoms.positions, atoms.cell.array)
    return network_of(frame, {(metal, "O"): cutoff_A}, roles)


@pytest.mark.parametrize(
    ("counts", "label"),
    [
        ({"Cl": 3, "O": 1}, "X3O1"),
        ({"Br": 1, "Cl": 3}, "X4"),
        ({"O": 6}, "O6"),
        ({}, "bare"),
        ({"S": 1, "O": 2}, "O2S1"),
    ],
)
def test_shells_are_named_halides_first(counts, label):
    assert shell_label(counts) == label


def test_roles_follow_from_charges():
    oxyhalide = roles_of({"Li": 1, "Ta": 5, "S": 6, "O": -2, "Cl": -1, "H": 1}, mobile_ion="Li")
    assert oxyhalide.metals == ("Ta",)
    assert {each.name for each in oxyhalide.polyanions} == {"SO4", "OH"}
    argyrodite = roles_of({"Li": 1, "P": 5, "S": -2, "Cl": -1}, mobile_ion="Li")
    assert argyrodite.metals == ()
    assert [each.name for each in argyrodite.polyanions] == ["PS4"]
    garnet = roles_of({"Li": 1, "La": 3, "Zr": 4, "Ta": 5, "O": -2}, mobile_ion="Li")
    assert garnet.metals == ("La", "Ta", "Zr")
    borohydride = roles_of({"Li": 1, "B": 3, "H": -1}, mobile_ion="Li")
    assert [each.name for each in borohydride.polyanions] == ["BH4"]


@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_a_chain_has_its_length_and_its_shells(length):
    observed = network_of(snapshot(*chain(length, start_A=(1.0, 19.5, 0.3)), TRICLINIC_A + 20 * np.eye(3)))
    assert observed["length", "any", length] == pytest.approx(1.0)
    assert observed["shape", "any", "single" if length == 1 else "chain"] == pytest.approx(1.0)
    assert observed["bridges", "O"] == pytest.approx((length - 1) / length)
    assert observed["linked",] == pytest.approx(2 * (length - 1) / length)
    assert observed["anion", "X", "terminal"] == 1.0
    assert observed.get(("anion", "O", "bridging"), 0.0) == (1.0 if length > 1 else 0.0)


def test_shells_of_a_chain():
    frame = snapshot(*chain(4), 60.0)
    bonds = shells(frame, CUTOFFS_A)
    labels = environments(frame, bonds, ROLES)
    assert sorted(labels.values()) == ["X2O2", "X2O2", "X3O1", "X3O1"]
    observed = observe_polyhedra(frame, bonds, ROLES)
    assert observed["class", "Al", "X3O1"] == observed["class", "Al", "X2O2"] == 0.5
    assert observed["coordination", "Al", 4] == 1.0
    assert observed["mean coordination", "Al", "O"] == pytest.approx(1.5)


def test_lengths_count_metals_and_not_fragments():
    parts = (chain(1, start_A=(0, 5, 5)), chain(2, start_A=(0, 15, 5)), chain(5, start_A=(0, 25, 5)))
    observed = network_of(snapshot(*joined(*parts), 40.0))
    assert [observed["length", "any", size] for size in (1, 2, 5)] == pytest.approx([1 / 8, 2 / 8, 5 / 8])
    assert observed["fragments", "any"] == pytest.approx(3 / 8)
    assert observed["length squared", "any"] == pytest.approx((1 + 4 + 25) / 8)


def test_fragments_are_counted_by_what_links_them():
    """A chain of three by oxygen, whose ends a chloride links with another metal."""
    symbols, positions_A = joined(chain(3), (["Al"], np.array([[11.2, 0.0, 0.0]])))
    observed = network_of(snapshot(symbols, positions_A, 40.0))
    assert [observed["length", via, size] for via, size in (("any", 4), ("O", 3), ("O", 1), ("X", 2))] == [
        1.0, 0.75, 0.25, 0.5
    ]  # fmt: skip
    assert (observed["bridges", "O"], observed["bridges", "Cl"]) == (0.5, 0.25)


def test_a_chain_through_the_boundary_has_no_length():
    frame = snapshot(*chain(4, closed=True), [[14.0, 0, 0], [0, 15, 0], [0, 0, 15]])
    observed = network_of(frame)
    assert observed["shape", "any", "percolating"] == 1.0
    assert [name for name in observed if name[:2] == ("length", "any")] == []
    # One metal that is linked with its own image, twice as long as a bond:
    lonely = network_of(snapshot(*chain(2, closed=True), [[7.0, 0, 0], [0, 15, 0], [0, 0, 15]]))
    assert lonely["shape", "any", "percolating"] == 1.0
    assert lonely["sharing", "corner"] == 1.0
    assert lonely["sharing", "edge"] == 0.0


def test_a_closed_ring_is_one():
    turns = np.linspace(0, 2 * np.pi, 6, endpoint=False)
    metals_A = 3.4 * np.stack([np.cos(turns), np.sin(turns), 0 * turns], axis=1) + 15
    oxygens_A = (metals_A + np.roll(metals_A, -1, axis=0)) / 2
    observed = network_of(snapshot(["Al"] * 6 + ["O"] * 6, np.vstack([metals_A, oxygens_A]), 30.0))
    assert observed["shape", "any", "ring"] == pytest.approx(1.0)
    assert observed["length", "any", 6] == pytest.approx(1.0)


@pytest.mark.parametrize(("shared", "kind"), [(1, "corner"), (2, "edge"), (3, "face"), (4, "face")])
def test_two_metals_share_corner_edge_or_face(shared, kind):
    turns = np.linspace(0, 2 * np.pi, shared, endpoint=False)
    between_A = np.stack([0 * turns, 1.7 * np.cos(turns), 1.7 * np.sin(turns)], axis=1)
    frame = snapshot(["Al", "Al"] + ["Cl"] * shared, np.vstack([[[-1.5, 0, 0], [1.5, 0, 0]], between_A]), TRICLINIC_A)
    observed = network_of(frame)
    assert {name: observed["sharing", name] for name in ("corner", "edge", "face")} == {
        name: 0.5 * (name == kind) for name in ("corner", "edge", "face")
    }
    assert observed["bridges", "Cl"] == shared / 2
    assert observed["linked",] == 1.0


def test_crystals_share_as_the_textbook_says():
    """Rock salt: 12 edges and 6 corners around a metal; perovskite ReO3: 6 corners; rutile: 2 edges and 8 corners."""
    rocksalt = oxide(bulk("ZrO", "rocksalt", a=4.6, cubic=True).repeat(3), "Zr", 2.6)
    assert (rocksalt["sharing", "edge"], rocksalt["sharing", "corner"]) == pytest.approx((6.0, 3.0))
    cubic = crystal(["Ti", "O"], [(0, 0, 0), (0.5, 0, 0)], spacegroup=221, cellpar=[3.9] * 3 + [90] * 3)
    corners = oxide(cubic.repeat(3), "Ti", 2.3)
    assert (corners["sharing", "corner"], corners["sharing", "edge"]) == pytest.approx((3.0, 0.0))
    assert corners["bridges", "O"] == pytest.approx(3.0)
    rutile = crystal(
        ["Ti", "O"], [(0, 0, 0), (0.305, 0.305, 0)], spacegroup=136, cellpar=[4.594, 4.594, 2.959, 90, 90, 90]
    )
    found = oxide(rutile.repeat((2, 2, 3)), "Ti", 2.3)
    assert (found["sharing", "edge"], found["sharing", "corner"]) == pytest.approx((1.0, 4.0))
    for each in (rocksalt, corners, found):
        assert each["shape", "any", "percolating"] == 1.0


def test_unwrapped_positions_change_nothing():
    symbols, positions_A = joined(chain(3, start_A=(0, 2, 2)), chain(2, start_A=(0, 12, 2)))
    cell_A = TRICLINIC_A + 8 * np.eye(3)
    moved_A = positions_A + np.random.default_rng(1).integers(-3, 4, positions_A.shape) @ cell_A
    here, there = (network_of(snapshot(symbols, each, cell_A)) for each in (positions_A, moved_A))
    assert here.keys() == there.keys()
    assert [there[name] for name in here] == pytest.approx(list(here.values()))


def test_halides_without_a_metal_are_free():
    symbols, positions_A = joined(chain(2), (["Cl"], np.array([[5.0, 10.0, 10.0]])))
    observed = network_of(snapshot(symbols, positions_A, 30.0))
    assert observed["anion", "X", "free"] == pytest.approx(1 / 7)
    assert observed["anion", "Cl", "terminal"] == pytest.approx(6 / 7)


def test_a_regular_polyhedron_has_no_angle_variance_and_a_bent_one_robinsons():
    tetrahedron_A = np.array([[1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]]) * 2.1 / np.sqrt(3)
    octahedron_A = np.vstack([np.eye(3), -np.eye(3)]) * 2.4
    for corners_A in (tetrahedron_A, octahedron_A):
        frame = snapshot(["Al"] + ["Cl"] * len(corners_A), np.vstack([[[0, 0, 0]], corners_A]), 15.0)
        (variance,) = angle_variances_deg2(shells(frame, CUTOFFS_A)).values()
        assert variance == pytest.approx(0.0, abs=1e-9)
    bent_A = octahedron_A.copy()
    bent_A[0] = 2.4 * np.array([np.cos(np.radians(10)), np.sin(np.radians(10)), 0])  # towards +y
    frame = snapshot(["Al"] + ["Cl"] * 6, np.vstack([[[0, 0, 0]], bent_A]), 15.0)
    # Two of the twelve angles become 80° and 100°; the two towards ±z stay.
    assert angle_variances_deg2(shells(frame, CUTOFFS_A)) == {0: pytest.approx(2 * 100 / 11)}


def test_fragments_are_named_by_their_atoms():
    frame = snapshot(*joined(chain(2), chain(1, start_A=(0, 15, 0))), 40.0)
    bonds = shells(frame, CUTOFFS_A)
    first, second, third = frame.atoms_of("Al")
    found = fragments_of(links_of(bonds), frame.atoms_of("Al"))
    assert {tuple(fragment.metals) for fragment in found} == {(first, second), (third,)}


def test_a_sulfate_that_loses_an_oxygen_is_broken():
    corners_A = np.array([[1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]]) * 1.473 / np.sqrt(3)
    roles = roles_of({"Li": 1, "Zr": 4, "S": 6, "O": -2, "Cl": -1}, mobile_ion="Li")
    positions_A = np.vstack([[[0, 0, 0]], corners_A, [[8, 8, 8]], corners_A + 8])
    symbols = ["S", "O", "O", "O", "O"] * 2
    observed, member = observe_polyanions(snapshot(symbols, positions_A, 16.0), roles)
    assert (observed["whole", "SO4"], observed["broken", "SO4"]) == (1.0, 0.0)
    assert member.all()
    positions_A[9] += [1.0, -1.0, -1.0]
    observed, member = observe_polyanions(snapshot(symbols, positions_A, 16.0), roles)
    assert (observed["whole", "SO4"], observed["broken", "SO4"]) == (0.5, 1.0)
    assert member.sum() == 9


def test_every_hydrogen_of_a_hydroxide_needs_its_oxygen():
    roles = roles_of({"Li": 1, "H": 1, "Zr": 4, "O": -2, "Cl": -1}, mobile_ion="Li")
    positions_A = [[0, 0, 0], [0.97, 0, 0], [5, 5, 5], [6.6, 5, 5]]
    observed, member = observe_polyanions(snapshot(["O", "H", "O", "H"], positions_A, 15.0), roles)
    assert observed["whole", "OH"] == 0.5
    assert member.tolist() == [True, True, False, False]
