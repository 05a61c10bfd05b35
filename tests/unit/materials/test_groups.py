"""Groups of atoms: found as placed, across the boundary, told from networks, and refused when they exchange."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.geometry import find_mic
from springs import rotation

from saltflow.base.errors import InputError
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.loading import load_campaign
from saltflow.materials.cells import pack_cell, read_crystal
from saltflow.materials.compositions import Composition
from saltflow.materials.groups import AtomGroup, find_groups, impose_shapes, make_whole, persistent_groups
from saltflow.materials.groups.group_report import describe_groups
from saltflow.materials.groups.shapes import mean_shape
from saltflow.materials.ions.polyanions import POLYANIONS
from saltflow.trajectory.h5md import H5MDWriter
from saltflow.trajectory.memory import Trajectory

ROOT = Path(__file__).resolve().parents[3]
EDGE_A = 16.0
STATES = {"Li": 1, "Zr": 4, "S": 6, "P": 5, "B": 3, "N": 5, "C": 4, "O": -2, "Cl": -1, "H": 1, "F": -1}


def composition(formula, **states):
    elements = Atoms(formula).symbols.formula.count()
    return Composition.from_identity({
        "id": formula, "formula": formula, "host": "", "salt": "", "mobile_ion": "Li",
        "oxidation_states": {name: STATES[name] for name in elements} | states, "start": "none", "density_g_cm3": None,
    })  # fmt: skip


def template(name):
    return next(polyanion for polyanion in POLYANIONS if polyanion.name == name).atoms()


def octahedron(bond_A=2.45):
    places = bond_A * np.vstack([np.zeros(3), np.eye(3), -np.eye(3)])
    return Atoms("ZrCl6", places)


def scattered(units, *, seed=1):
    """Units in random orientations far apart, wrapped into the cell; Li in between."""
    random = np.random.default_rng(seed)
    sites = [[x, y, z] for x in (0, 8) for y in (0, 8) for z in (0, 8)]
    cell = Atoms(cell=np.eye(3) * EDGE_A, pbc=True)
    for unit, site in zip(units, sites, strict=False):
        turned = unit.copy()
        turned.positions = turned.positions @ rotation(random) + site
        cell += turned
    cell += Atoms("Li2", [[4, 4, 4], [12, 12, 12.0]])
    cell.wrap()
    return cell


def members(groups):
    return {(group.kind, tuple(sorted(group.atoms))) for group in groups}


@pytest.mark.parametrize("name", ["SO4", "PO4", "NO3", "CO3", "BH4", "PS4", "OH", "BF4"])
def test_polyanions_are_found_whole_across_the_boundary(name):
    states = {"H": -1} if name == "BH4" else {"S": -2} if name == "PS4" else {}
    unit = template(name)
    cell = scattered([unit] * 3)
    what = composition(str((Atoms("Li") + unit).symbols.formula), **states)
    groups = find_groups(cell, what, wanted=["polyanions"])
    size = len(unit)
    assert members(groups) == {(name, tuple(range(size * k, size * (k + 1)))) for k in range(3)}
    assert all(cell.symbols[group.atoms[0]] == unit.symbols[0] for group in groups)
    assert find_groups(cell, what, wanted=[name]) == groups


def test_all_polyanions_of_a_packed_cell_are_found():
    sulphate = Composition.from_identity({
        "id": "sulphate", "formula": "LiZrS0.5O2Cl4", "host": "ZrCl4", "salt": "0.5 Li2SO4", "mobile_ion": "Li",
        "oxidation_states": {"Li": 1, "Zr": 4, "S": 6, "O": -2, "Cl": -1}, "start": "pack", "density_g_cm3": 2.05,
    })  # fmt: skip
    cell = pack_cell(
        sulphate, formula_units=8, density_g_cm3=2.05, seed=3, min_separation_factor=0.8, min_separations_A={}
    )
    unit = cell.arrays["unit"].copy()
    cell.wrap()
    expected = {("SO4", tuple(np.flatnonzero(unit == number))) for number in range(4)}
    assert members(find_groups(cell, sulphate, wanted=["polyanions"])) == expected


def test_fragments_are_groups_and_networks_are_not():
    alone = scattered([octahedron(), octahedron(), template("SO4")])
    what = composition("LiZrCl6SO4")
    assert {kind for kind, _ in members(find_groups(alone, what, wanted=["fragments"]))} == {"ZrCl6"}
    assert members(find_groups(alone, what, wanted=["ZrCl6", "SO4"])) == {
        ("ZrCl6", tuple(range(7))), ("ZrCl6", tuple(range(7, 14))), ("SO4", tuple(range(14, 19))),
    }  # fmt: skip
    bridge = Atoms("Zr2Cl", [[0, 0, 0], [4.9, 0, 0], [2.45, 0, 0]])  # two metals share an anion
    assert find_groups(scattered([bridge]), composition("LiZrCl"), wanted=["fragments"]) == []
    assert members(find_groups(scattered([bridge]), composition("LiZrCl"), wanted=["Zr2Cl"])) == {("Zr2Cl", (0, 1, 2))}
    chain = Atoms("ZrClZrClLi", [[x, 5, 5] for x in (0, 2.45, 4.9, 7.35)] + [[2, 1, 1]], cell=[9.8, 10, 10], pbc=True)
    assert find_groups(chain, composition("LiZrCl"), wanted=["Zr2Cl2", "fragments"]) == []


def test_oxygens_of_sulphate_are_no_ligands_of_the_metal():
    """A Zr bonded to an O of SO4 is no fragment of that O, and SO4 stays SO4."""
    sulphate = template("SO4")
    metal = Atoms("Zr", [sulphate.positions[1] * (1 + 2.1 / 1.473)])
    cell = scattered([sulphate + metal])
    assert members(find_groups(cell, composition("LiZrSO4"), wanted=["polyanions", "fragments"])) == {
        ("SO4", (0, 1, 2, 3, 4))
    }


def test_a_formula_of_other_elements_is_a_sentence():
    with pytest.raises(InputError, match="constraints.groups names PS4, but the composition has no P"):
        find_groups(scattered([template("SO4")]), composition("LiSO4"), wanted=["PS4"])


def test_groups_are_made_whole():
    cell = scattered([octahedron()])
    whole = make_whole(cell.positions[:7], cell.cell.array)
    assert np.abs(cell.positions[1:7] - cell.positions[0]).max() > 8
    np.testing.assert_allclose(np.linalg.norm(whole[1:] - whole[0], axis=1), 2.45)


def test_mean_shape_is_free_of_thermal_noise_and_keeps_the_last_orientation():
    random = np.random.default_rng(0)
    unit = template("SO4")
    masses = unit.get_masses()
    frames = np.array([unit.positions @ rotation(random) + random.normal(size=3) for _ in range(400)])
    turned = frames[-1] - masses @ frames[-1] / masses.sum()
    noisy = frames + random.normal(scale=0.05, size=frames.shape)
    shape = mean_shape(noisy, masses)
    assert np.abs(masses @ shape).max() < 1e-9
    assert np.abs(shape - turned).max() < 0.12  # the last frame alone is off by its own noise
    lengths = np.linalg.norm(shape[1:] - shape[0], axis=1)
    np.testing.assert_allclose(lengths, 1.473, atol=0.012)


def test_bent_only_by_noise_is_made_straight():
    random = np.random.default_rng(1)
    rod = np.array([[-1.2, 0, 0], [0, 0, 0], [1.2, 0, 0]])
    shape = mean_shape(rod + random.normal(scale=0.02, size=(50, 3, 3)), np.array([16.0, 12.0, 16.0]))
    assert np.linalg.svd(shape)[1][1] < 1e-12


def test_imposed_shapes_stay_where_they_are():
    cell = scattered([template("SO4"), octahedron()])
    groups = [AtomGroup("SO4", tuple(range(5))), AtomGroup("ZrCl6", tuple(range(5, 12)))]
    random = np.random.default_rng(2)
    frames = cell.positions + random.normal(scale=0.03, size=(300, len(cell), 3))
    frames[-1] = cell.positions
    imposed = impose_shapes(cell, groups, frames)
    np.testing.assert_array_equal(imposed.positions[12:], cell.positions[12:])
    fractional = (imposed.positions - cell.positions) / EDGE_A
    assert np.abs(fractional - np.round(fractional)).max() * EDGE_A < 0.03
    assert np.ptp(imposed.positions[:5], axis=0).max() < 3.5  # in one piece


# ── persistence ────────────────────────────────────────────────────────────────────────────────


def run_of(frames, symbols):
    return Trajectory(
        positions_A=np.array(frames),
        cells_A=np.broadcast_to(np.eye(3) * EDGE_A, (len(frames), 3, 3)).copy(),
        times_ps=0.1 * np.arange(len(frames)),
        symbols=tuple(symbols),
        masses_u=Atoms(symbols).get_masses(),
    )


def sulphate_frames(frames=100):
    cell = scattered([template("SO4")] * 4)
    noise = np.random.default_rng(5).normal(scale=0.03, size=(frames, len(cell), 3))
    return cell, cell.positions + noise


def leave(frames, cell, atom, looks):
    """Take a ligand 2.5 Å away from its centre, outwards, in some frames."""
    outwards = find_mic(cell.positions[atom] - cell.positions[atom - atom % 5], cell.cell, pbc=True)[0]
    frames[looks, atom] += 2.5 * outwards / np.linalg.norm(outwards)


def persistent(frames, cell, **choices):
    chosen = {"wanted": ["SO4"], "max_exchanged_fraction": 0.3} | choices
    return persistent_groups(run_of(frames, cell.get_chemical_symbols()), composition("LiSO4"), **chosen)


def test_groups_that_stay_are_kept_and_their_lifetime_is_a_bound():
    cell, frames = sulphate_frames()
    found = persistent(frames, cell)
    assert [group["atoms"] for group in found["groups"]] == [list(range(5 * k, 5 * k + 5)) for k in range(4)]
    kind = found["kinds"]["SO4"]
    assert (kind["found"], kind["kept"], kind["exchanged"], kind["status"]) == (4, 4, 0, "ok")
    assert kind["lifetime_is_bound"]
    assert kind["bond_lifetime_ps"] == pytest.approx(16 * 9.9 / 3)


def test_a_group_that_loses_a_ligand_is_not_frozen():
    cell, frames = sulphate_frames()
    leave(frames, cell, 7, slice(60, None))
    found = persistent(frames, cell)
    assert [group["atoms"][0] for group in found["groups"]] == [0, 10, 15]
    kind = found["kinds"]["SO4"]
    assert (kind["kept"], kind["exchanged"], kind["bonds_broken"], kind["status"]) == (3, 1, 1, "ok")
    assert kind["bond_lifetime_ps"] == pytest.approx(15 * 9.9 + 6.0)
    refused = persistent(frames, cell, max_exchanged_fraction=0.1)
    assert (refused["groups"], refused["kinds"]["SO4"]["status"]) == ([], "exchanges atoms")


def test_a_bond_that_is_long_for_a_moment_only_vibrates():
    cell, frames = sulphate_frames()
    leave(frames, cell, 7, 40)
    assert persistent(frames, cell)["kinds"]["SO4"]["exchanged"] == 0


def test_lifetime_is_that_of_an_exponential_decay():
    """Bonds break at random with 1/τ = 1/50 ps: the estimate is within three errors, τ/√breaks."""
    random = np.random.default_rng(7)
    cell, frames = sulphate_frames(400)
    away = random.exponential(scale=50.0, size=16)
    for bond, gone_ps in zip([index for index in range(20) if index % 5], away, strict=True):
        leave(frames, cell, bond, slice(int(gone_ps / 0.1) + 1, None))
    kind = persistent(frames, cell)["kinds"]["SO4"]
    broken = kind["bonds_broken"]
    assert broken == (away < 39.8).sum()
    assert abs(kind["bond_lifetime_ps"] - 50) < 3 * 50 / np.sqrt(broken)


def test_the_report_states_which_groups_are_refused_and_why(tmp_path):
    cell, frames = sulphate_frames()
    for atom in (1, 6, 11):
        leave(frames, cell, atom, slice(30, None))
    paths = [tmp_path / f"replica{number}.h5md" for number in (1, 2)]
    for path in paths:
        with H5MDWriter(path, cell, metadata={}) as writer:
            for step, positions_A in enumerate(frames):
                writer.append_positions(step=step, time_ps=0.1 * step, positions_A=positions_A, cell_A=cell.cell.array)
    choices = {"composition": composition("LiSO4"), "max_exchanged_fraction": 0.1}
    found = describe_groups(paths, statuses=["ok", "gas"], wanted=["SO4"], **choices)
    assert [replica["status"] for replica in found["replicas"]] == ["groups exchange atoms", "gas"]
    assert found["sentences"][0].startswith("replica 1: SO4 is refused: 3 of 4 groups exchange atoms; bond lifetime")
    none = describe_groups(paths[:1], statuses=["ok"], wanted=["fragments"], **choices)
    assert none["replicas"][0]["status"] == "no groups"


# ── the worked example ─────────────────────────────────────────────────────────────────────────


def test_the_worked_example_can_be_planned_and_its_crystal_has_its_polyanions():
    campaign = load_campaign(read_configuration([ROOT / "config/presets/coupling/config.yaml"]))
    assert campaign.constrained == ["0.5Li2SO4-ZrCl4", "LiBH4-crystal"]
    assert len(campaign.composition("LiBH4-crystal").frozen_modes) == 7
    row = campaign.composition("LiBH4-crystal").row
    crystal = read_crystal(row.start, row, atoms=96)
    groups = find_groups(crystal, row, wanted=campaign.composition("LiBH4-crystal").group_settings["groups"])
    assert len(groups) == len(crystal) / 6
    assert all(len(group.atoms) == 5 for group in groups)


def test_temperatures_to_freeze_at_must_be_swept():
    configuration = read_configuration([ROOT / "config/presets/coupling/config.yaml"])
    configuration["constraints"]["temperatures_K"] = [400, 450]
    with pytest.raises(InputError, match="constraints.temperatures_K holds 450, which sweep.temperatures_K does not"):
        load_campaign(configuration)
