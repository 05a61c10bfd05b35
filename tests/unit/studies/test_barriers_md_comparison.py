"""Hops of whole trajectories, with a framework that drifts and an origin of its own, by the names of the graph."""

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import make_supercell
from walkers import trajectory_of

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import write_json
from saltflow.studies.barriers.barrier_ranking import md_of
from saltflow.studies.barriers.hop_classes import find_hops
from saltflow.studies.barriers.md_comparison import (
    activation_energy,
    compare_with_md,
    graph_of,
    map_state_point,
    supercell_of,
)
from saltflow.studies.mobile_sites import find_sites
from saltflow.trajectory.h5md import H5MDWriter

CRYSTAL = Atoms("LiCl", scaled_positions=[[0, 0, 0], [0.5, 0.5, 0.5]], cell=[4.0, 4.0, 5.0], pbc=True)
SUPERCELL = np.array([[2, 1, 0], [-1, 2, 0], [0, 0, 2]])
FITTED = {"composition": "LiCl", "fits": {"D_cm2_s": {"status": "ok", "Ea_eV": {"value": 0.3, "error": 0.02}}}}
FRAMES, EXPANSION, INTERVAL_PS = 500, 1.02, 0.1


def run_of(moves, *, origin=(1.3, -0.7, 9.1), drift_A=3.0, noise_A=0.1, melts=False):
    """Trajectory of a supercell that has expanded; moves are (ion, frame, step in units of the unit cell)."""
    random = np.random.default_rng(4)
    cell = make_supercell(CRYSTAL, SUPERCELL)
    unit_A = CRYSTAL.cell.array * EXPANSION
    path = np.repeat(cell.positions[None] * EXPANSION, FRAMES, axis=0) + np.asarray(origin)
    ions = np.flatnonzero(cell.symbols == "Li")
    for ion, frame, step in moves:
        along = np.clip((np.arange(FRAMES) - frame) / 4, 0, 1)
        path[:, ions[ion]] += along[:, None] * (np.asarray(step, float) @ unit_A)
    path += random.normal(scale=noise_A, size=path.shape)
    path += drift_A * np.linspace(0, 1, FRAMES)[:, None, None]
    if melts:
        path[:, cell.symbols == "Cl"] += random.normal(scale=2.5, size=(int(sum(cell.symbols == "Cl")), 3))
    cells = np.repeat((SUPERCELL @ unit_A)[None], FRAMES, axis=0)
    masses = np.where(cell.symbols == "Li", 6.94, 35.45)
    return trajectory_of(path, cell.get_chemical_symbols(), masses, cells_A=cells)


def graph():
    sites = find_sites(CRYSTAL, "Li", voids=False)
    return sites, find_hops(sites, r_max_A=5.5)


def test_hops_are_counted_over_replicas_by_class_and_missed_ones_told():
    sites, classes = graph()
    assert [round(each.length_A, 2) for each in classes] == [4.0, 5.0]
    runs = [
        run_of([(0, 100, [1, 0, 0]), (3, 200, [0, -1, 0]), (5, 300, [0, 0, 1])]),
        run_of([(0, 100, [1, 0, 0]), (2, 400, [1, 1, 0])], origin=(0, 0, 0)),
    ]
    point = map_state_point(runs, sites, classes, temperature_K=600.0)
    assert (point["hops"], point["concerted"]) == (5, 0)
    assert point["classes"] == {"h1": {"hops": 3, "concerted": 0}, "h2": {"hops": 1, "concerted": 0}}
    assert point["missed"] == [{"sites": [0, 0], "length_A": 5.66, "hops": 1, "concerted": 0}]
    assert point["ion_ps"] == pytest.approx(2 * 10 * (FRAMES - 1) * INTERVAL_PS)


def test_the_supercell_is_found_though_it_has_expanded():
    sites, _ = graph()
    assert supercell_of(run_of([]), sites).tolist() == SUPERCELL.tolist()


def test_a_melt_and_another_crystal_are_refused():
    sites, classes = graph()
    with pytest.raises(SaltflowError, match="it melted, or is another"):
        map_state_point([run_of([], melts=True)], sites, classes, temperature_K=600.0)
    double = find_sites(CRYSTAL.repeat((3, 1, 1)), "Li", voids=False)
    with pytest.raises(SaltflowError, match="is no supercell of the crystal of 6"):
        supercell_of(run_of([]), double)


def test_classes_have_the_names_of_the_record_or_are_refused():
    rows = [{"multiplicity": len(each.members), "length_A": each.length_A + 0.03} for each in graph()[1]]
    record = {"mechanism": "vacancy", "hops": rows}
    _, classes = graph_of(CRYSTAL, "Li", record)
    assert [each.name for each in classes] == ["h1", "h2"]
    rows[1]["length_A"] += 0.5
    with pytest.raises(SaltflowError, match="relaxes so far"):
        graph_of(CRYSTAL, "Li", record)
    with pytest.raises(SaltflowError, match="mapped for vacancies"):
        graph_of(CRYSTAL, "Li", record | {"mechanism": "interstitial"})
    with pytest.raises(SaltflowError, match="no model"):
        graph_of(CRYSTAL, "Li", {"hops": [], "status": "no model"})


def test_an_activation_energy_that_was_not_fitted_says_why():
    assert activation_energy(FITTED) == {"value": 0.3, "error": 0.02, "status": "ok"}
    absent = {"fits": {"D_cm2_s": {"status": "too few diffusive temperatures"}}}
    assert activation_energy(absent) == {"value": None, "error": None, "status": "too few diffusive temperatures"}


def products_of(folder, temperatures_K, *, replicas):
    """Files of MD as the workflow writes them: one hop of the first class in every replica."""
    points, trajectories = [], []
    for kelvin in temperatures_K:
        for number in range(replicas):
            run = run_of([(number, 100, [1, 0, 0])])
            trajectories.append(str(folder / f"{kelvin}-{number}.h5md"))
            with H5MDWriter(trajectories[-1], Atoms(run.symbols, pbc=True), metadata={}) as writer:
                for frame, positions_A in enumerate(run.positions_A):
                    clock = {"step": frame, "time_ps": INTERVAL_PS * frame}
                    writer.append_positions(**clock, positions_A=positions_A, cell_A=run.cells_A[frame])
        statuses = ["ok"] * (replicas - 1) + ["gas"]  # of the last replica nothing counts
        points.append(str(folder / f"{kelvin}.json"))
        write_json(points[-1], {"temperature_K": kelvin, "replicas": [{"status": each} for each in statuses]})
    return {"points": points, "trajectories": trajectories, "arrhenius": FITTED}


def test_a_crystal_is_compared_with_md_at_all_temperatures(tmp_path):
    ase.io.write(tmp_path / "crystal.vasp", CRYSTAL)
    made = products_of(tmp_path, [900.0, 700.0], replicas=3)
    rows = [{"multiplicity": len(each.members), "length_A": each.length_A} for each in graph()[1]]
    record = {"mechanism": "vacancy", "hops": rows}
    found = compare_with_md(str(tmp_path / "crystal.vasp"), record, **made, mobile="Li", seed=1)
    assert [(point["temperature_K"], point["hops"]) for point in found["points"]] == [(700.0, 2), (900.0, 2)]
    assert [point["classes"]["h1"]["hops"] for point in found["points"]] == [2, 2]
    row = {"Ea_MD_eV": "0.3000", "Ea_MD_err_eV": "0.0200", "MD_status": "ok"}
    assert md_of(found) == row | {"MD_hops": "4", "MD_concerted": "0", "MD_missed": "0"}
    absent = compare_with_md(str(tmp_path / "crystal.vasp"), {"hops": [], "status": "no"}, **made, mobile="Li", seed=1)
    assert (absent["status"], absent["points"], md_of(absent)["MD_status"]) == ("no", [], "no")
    assert set(md_of(None).values()) == {""}
