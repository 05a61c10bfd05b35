"""Two crystals in contact: strains by hand, pymatgen's known faults, adhesion in closed form, what is refused."""

import json

import numpy as np
import pytest
from ase.build import bulk
from ase.spacegroup import crystal
from ase.units import GPa
from interface_models import SALT, SETTINGS, Pairs, cut_energy_J_m2, rock_salt
from matscipy.neighbours import neighbour_list
from pymatgen.analysis.interfaces.coherent_interfaces import CoherentInterfaceBuilder
from pymatgen.io.ase import AseAtomsAdaptor

from saltflow.base.errors import InputError, SaltflowError
from saltflow.studies.interfaces.coherent_interfaces import find_contacts, is_chiral
from saltflow.studies.interfaces.contact_scan import scan_contact
from saltflow.studies.interfaces.crystal_slabs import conventional, thickness_A
from saltflow.studies.interfaces.interface_study import study_interface
from saltflow.studies.interfaces.interphase import interphase_thickness
from saltflow.studies.interfaces.plane_stiffness import cheapest_share, plane_stiffness_GPa
from saltflow.studies.interfaces.reactions import Solid
from saltflow.studies.interfaces.surface_energies import OK
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation
from saltflow.studies.relaxation.relaxed_cells import relax_cells
from saltflow.trajectory.memory import Trajectory

ASKED = {
    "millers": ((1, 0, 0), (1, 0, 0)),
    "share": 0.5,
    "most_strain": 0.05,
    "most_area_A2": 100.0,
    "thickness_A": 8.0,
}
CONTACT = SETTINGS | {
    "glass": False, "millers": [[1, 0, 0], [1, 0, 0]], "share": 0.5, "strain": 0.05, "area_A2": 60.0, "shifts": 2,
    "steps": 500,
}  # fmt: skip


def contacts_of(lower, upper, **changes):
    return find_contacts(conventional(lower), conventional(upper), **(ASKED | changes))


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_two_fcc_lattices_share_their_mismatch_as_stated(share):
    lower_A, upper_A = 4.00, 4.12
    match, contacts = contacts_of(bulk("Al", a=lower_A), bulk("Ag", a=upper_A), share=share)
    shared_A = lower_A + share * (upper_A - lower_A)
    assert match.mismatch == pytest.approx(lower_A / upper_A - 1)
    assert match.lower_strain == pytest.approx(shared_A / lower_A - 1)
    assert match.upper_strain == pytest.approx(shared_A / upper_A - 1)
    assert match.area_A2 == pytest.approx(shared_A**2 / 2)
    (contact,) = contacts  # pymatgen lists four, all alike
    for slab, edge_A in ((contact.lower, lower_A), (contact.upper, upper_A)):
        found = np.unique(neighbour_list("d", slab, 3.2).round(6))
        between_planes_A = np.sqrt((shared_A / 2) ** 2 + (edge_A / 2) ** 2)
        expected = np.unique(np.round([shared_A / 2**0.5, between_planes_A], 6))
        assert found == pytest.approx(expected)
        assert slab.cell[0, 1:] == pytest.approx([0, 0], abs=1e-9)


def test_the_stiffness_of_a_plane_is_that_of_the_sum_over_pairs():
    """C11 + C12 of pairs at rest: Σ φ'' (x⁴ + x² y²) / 2V r⁴, where no pair pulls on another."""
    pairs = Pairs(SALT)
    (rest,) = relax_cells([conventional(rock_salt())], BatchedEvaluation(pairs), force_eV_A=1e-4, steps=300)
    salt = rest.atoms
    first, second, distances_A, (x, y, _) = (
        each.T if each.ndim > 1 else each for each in neighbour_list("ijdD", salt, 6.0)
    )
    numbers, step = (salt.numbers[first], salt.numbers[second]), 1e-4
    slopes = [pairs.pair_eV(*numbers, distances_A + off)[1] for off in (-step, 0, step)]
    curvatures = (slopes[2] - slopes[0]) / (2 * step)
    weights = (curvatures - slopes[1] / distances_A) / distances_A**2
    expected = (weights * (x**4 + x**2 * y**2)).sum() / 2 / salt.get_volume() / GPa
    expected += 0.5 * (slopes[1] / distances_A * x**2).sum() / salt.get_volume() / GPa  # 0 at rest
    found = plane_stiffness_GPa(salt, (1, 0, 0), BatchedEvaluation(pairs))
    assert found == pytest.approx(expected, rel=0.01)
    assert plane_stiffness_GPa(salt, (0, 1, 0), BatchedEvaluation(pairs)) == pytest.approx(found)
    assert plane_stiffness_GPa(salt, (1, 1, 1), BatchedEvaluation(pairs)) != pytest.approx(found, rel=0.01)


def test_the_stiffer_crystal_is_strained_less(tmp_path):
    shares = np.linspace(0, 1, 101)
    costs = 30.0 * shares**2 + 10.0 * (1 - shares) ** 2
    assert cheapest_share(30.0, 10.0) == shares[costs.argmin()] == 0.25
    with pytest.raises(SaltflowError, match="^A strain of one of the planes gains energy"):
        cheapest_share(-1.0, 10.0)
    bonds = SALT | {("Cl", "Na"): (4.0, 2.56), ("Na", "Na"): (0.02, 3.6), ("Li", "Na"): (0.02, 3.6)}
    crystals = [rock_salt(), rock_salt(5.05, name="NaCl")]
    record = study_interface(crystals, Pairs(bonds), settings=CONTACT | {"share": None, "shifts": 1}, folder=tmp_path)
    match = record["match"]
    assert match["lower_share"] > 2 / 3
    assert abs(match["upper_strain"]) < abs(match["lower_strain"]) / 2


def test_a_5_by_4_match_of_rotated_squares_is_found():
    """√5 × √5 of the one square lies on 2 × 2 of the other."""
    match, _ = contacts_of(rock_salt(5.0), rock_salt(5.0 * 5**0.5 / 2 * 1.01, name="NaCl"))
    assert match.area_A2 == pytest.approx(5 * 12.5 * 1.005**2, rel=1e-4)
    assert match.mismatch == pytest.approx(1 / 1.01 - 1)
    record = match.record()
    assert abs(np.linalg.det(record["lower_supercell"])) == pytest.approx(5)
    assert abs(np.linalg.det(record["upper_supercell"])) == pytest.approx(4)


def test_faces_that_are_each_others_reverse_are_both_there():
    """Of polar rock salt each crystal has a face of Li and one of Cl; pymatgen merges them by symmetry."""
    plane, salt = (1, 1, 1), AseAtomsAdaptor.get_structure(conventional(rock_salt()))
    theirs = CoherentInterfaceBuilder(salt, salt, plane, plane)
    assert len(theirs.terminations) == 1
    _, contacts = contacts_of(rock_salt(), rock_salt(), millers=(plane, plane))
    touching = {
        (
            each.lower.symbols[each.lower.positions[:, 2].argmax()],
            each.upper.symbols[each.upper.positions[:, 2].argmin()],
        )
        for each in contacts
    }
    assert len(contacts) == 4
    assert touching == {("Li", "Li"), ("Li", "Cl"), ("Cl", "Li"), ("Cl", "Cl")}


def test_a_shift_by_a_step_of_the_lower_crystal_changes_nothing():
    _, (contact,) = contacts_of(rock_salt(), rock_salt(5.1))
    shifts = ((0, 0), (1, 0), (0, 1), (-1, 2), (0.5, 0))
    energies = [Pairs(SALT).of(contact.stacked(gap_A=2.5, shift=shift, vacuum_A=10))[0] for shift in shifts]
    assert energies[1:4] == pytest.approx([energies[0]] * 3, abs=1e-8)
    assert abs(energies[4] - energies[0]) > 0.01


def test_a_stack_has_its_gap_and_its_vacuum():
    _, (contact,) = contacts_of(bulk("Al"), bulk("Al"))
    stack = contact.stacked(gap_A=1.7, shift=(0.5, 0), vacuum_A=11)
    below, above = stack.positions[: len(contact.lower), 2], stack.positions[len(contact.lower) :, 2]
    assert above.min() - below.max() == pytest.approx(1.7)
    assert stack.cell[2, 2] - thickness_A(stack) == pytest.approx(11)
    assert [each.cell[2, 2] - thickness_A(each) for each in contact.alone(vacuum_A=11)] == pytest.approx([11, 11])


def test_a_crystal_on_itself_holds_with_twice_its_surface_energy(tmp_path):
    """Work of adhesion 2γ: as cut in closed form, relaxed by the surface energies of the same potential."""
    evaluation = BatchedEvaluation(Pairs(SALT))
    (rest,) = relax_cells([conventional(rock_salt())], evaluation, force_eV_A=1e-4, steps=300)
    edge_A = rest.atoms.cell[0, 0]
    bonds = {pair: (depth, length * 5.0 / edge_A) for pair, (depth, length) in SALT.items()}
    scaled = Pairs(bonds)
    record = study_interface([rock_salt(5.0), rock_salt(5.0)], scaled, settings=CONTACT, folder=tmp_path)
    assert json.dumps(record)
    (row,) = record["contacts"]
    assert (row["status"], row["gap_A"]) == (OK, 2.5)  # half the edge, which is on the grid
    assert row["work_J_m2"] == pytest.approx(2 * cut_energy_J_m2(rock_salt(5.0), scaled, (1, 0, 0)), rel=0.01)
    assert record["relaxed"]["status"] == OK
    assert 0.9 * row["work_J_m2"] < record["relaxed"]["work_J_m2"] < row["work_J_m2"]  # the free faces relax
    again = Pairs(bonds)
    assert study_interface([rock_salt(5.0)] * 2, again, settings=CONTACT, folder=tmp_path) == record
    assert again.evaluations == 0


def test_a_gap_that_is_not_within_the_scan_is_said(tmp_path):
    _, (contact,) = contacts_of(bulk("Al"), bulk("Al"))
    apart = Pairs({("Al", "Al"): (0.1, 5.6)})
    found = scan_contact(contact, BatchedEvaluation(apart), settings=CONTACT, path=tmp_path / "scan.json")
    assert found["status"] == "gap at the end of the scan"


def test_dynamics_of_a_contact_know_the_height_of_the_interface(tmp_path):
    settings = CONTACT | {"duration_ps": 0.05, "width_A": 7.0, "elements": ["Cl"], "steps": 100}
    record = study_interface([rock_salt(), rock_salt(5.1)], Pairs(SALT), settings=settings, folder=tmp_path)
    (found,) = record["dynamics"]
    profiles = json.loads((tmp_path / "300K/profiles.json").read_text())
    middle = found["interface_height_A"]
    assert sum(profiles["elements"]["Li"]["per_nm3"][: int(middle)]) > 0
    assert found["events"] == 0
    assert found["ion_exchange"]["Li"]["status"] == "too few crossings"
    assert found["interphase"]["thickness_A"] == pytest.approx([0.0] * 10, abs=0.6)
    assert (tmp_path / "300K/reactions.svg").stat().st_size > 0


def mixing(widths_A, *, atoms=400, frames=400, seed=1):
    """Two solids whose share is that of a tanh, of a width that changes from frame to frame; both drift."""
    random = np.random.default_rng(seed)
    draw = random.random((frames, atoms))
    offsets_A = np.array(widths_A)[:, None] / 4 * np.log(draw / (1 - draw))  # quantiles of the slope of a tanh
    positions = np.zeros((frames, 2 * atoms, 3))
    places_A = random.uniform(-15, 15, (frames, atoms))
    positions[:, :atoms, 2], positions[:, atoms:, 2] = places_A, random.uniform(-15, 15, (frames, atoms))
    is_below = places_A < offsets_A  # of each place one solid has the share of the tanh
    positions[:, :atoms, 2] = np.where(is_below, places_A, -40.0)
    others_A = positions[:, atoms:, 2]
    draw = random.random((frames, atoms))
    positions[:, atoms:, 2] = np.where(
        others_A > np.array(widths_A)[:, None] / 4 * np.log(draw / (1 - draw)), others_A, 40.0
    )
    drift_A = np.linspace(0, 5, frames)[:, None]
    positions = np.concatenate([positions, np.zeros((frames, 1, 3))], axis=1)
    positions[..., 2] += 50 + drift_A
    return Trajectory(
        positions_A=positions,
        cells_A=np.repeat(np.diag([10.0, 10.0, 100.0])[None], frames, axis=0),
        times_ps=np.arange(frames, dtype=float),
        symbols=("P",) * atoms + ("S",) * atoms + ("Xe",),
        masses_u=np.ones(2 * atoms + 1),
    )


def thickness_of(run):
    solid = Solid(np.array(run.symbols) == "Xe", (35.0, 50.0, 65.0))
    symbols = np.array(run.symbols)
    return interphase_thickness([run], solid, symbols == "P", symbols == "S")


def test_a_planted_interphase_has_its_thickness_and_its_growth():
    steady = thickness_of(mixing(np.full(400, 4.0)))
    assert steady["thickness_A"] == pytest.approx([4.0] * 10, abs=0.35)
    assert steady["status"] == "does not grow"
    times_ps = np.arange(400)
    grown = thickness_of(mixing(np.sqrt(4.0 + 0.1 * times_ps)))
    assert grown["growth_A2_per_ps"] == pytest.approx(0.1, abs=3 * grown["growth_error_A2_per_ps"])
    assert grown["growth_error_A2_per_ps"] < 0.02
    assert grown["status"] == "grows"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"strain": 0.01}, r"^No common lattice within 1 % strain and 60 Å²: the best has -4\.0 % on \d+ Å²; "),
        ({"strain": 0.001, "area_A2": 5.0}, r"^No common lattice within 0\.1 % strain and 5 Å²: nor within 25 %"),
        ({"strain": 0.5}, r"^--strain has to be above 0 and at most 0\.2"),
        ({"share": 1.5}, r"^--share is a fraction of the mismatch, 0 to 1, or stiffness"),
        ({"shifts": 0}, "^--area and --shifts have to be above 0; correct them.$"),
        ({"millers": [[1, 0, 0], [0, 0, 0]]}, r"^--miller 0,0,0 is no plane"),
        ({"thickness_A": 3.0}, r"^A slab of 2\.\d Å is thinner than the cutoff of 6 Å"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(changes, sentence, tmp_path):
    crystals = [bulk("Al", a=4.0), bulk("Al", a=4.0 / 0.96)]
    with pytest.raises(InputError, match=sentence):
        study_interface(
            crystals, Rigid(), settings=CONTACT | {"steps": 1, "force_eV_A": 10.0} | changes, folder=tmp_path
        )


class Rigid(Pairs):
    """Every crystal is at rest."""

    def __init__(self):
        super().__init__({})


def test_a_chiral_crystal_is_told_from_its_mirror_image():
    assert not is_chiral(conventional(rock_salt()))
    selenium = crystal("Se", [(0.22, 0, 1 / 3)], spacegroup=152, cellpar=[4.37, 4.37, 4.95, 90, 90, 120])
    assert is_chiral(selenium)  # chains along a screw axis of three
