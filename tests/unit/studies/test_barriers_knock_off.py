"""Knock-offs: their classes by symmetry, their end states, and a crystal in which they are the way."""

import json

import numpy as np
import pytest
from ase.build import bulk
from barrier_models import SaltOfBonds
from barrier_studies import SETTINGS

from saltflow.studies.barriers.barrier_study import study_barriers
from saltflow.studies.barriers.endpoints import end_states
from saltflow.studies.barriers.knock_offs import find_knock_offs, leg_vectors
from saltflow.studies.mobile_sites import find_sites

EDGE_A = SaltOfBonds.edge_A
LEG_A = EDGE_A * 3**0.5 / 4


def salt():
    return bulk("LiCl", "rocksalt", a=EDGE_A)


def test_knock_offs_of_rock_salt_are_the_pairs_of_the_eight_voids_around_an_ion():
    """Of 28 pairs 12 share an edge of the cube of voids, 12 a face, and 4 are collinear."""
    for cell, ions in ((salt(), 1), (bulk("LiCl", "rocksalt", a=EDGE_A, cubic=True), 4)):
        sites = find_sites(cell, "Li", voids=True)
        classes = find_knock_offs(sites, r_max_A=2.5)
        assert [len(each.members) for each in classes] == [12 * ions, 12 * ions, 4 * ions]
        assert [each.length_A for each in classes] == pytest.approx(EDGE_A * np.sqrt([0.25, 0.5, 0.75]))
        for each in classes:
            assert [np.linalg.norm(leg) for leg in leg_vectors(sites, each)] == pytest.approx([LEG_A, LEG_A])


def test_a_knock_off_moves_two_ions_and_ends_as_it_began_elsewhere():
    sites = find_sites(salt(), "Li", voids=True)
    for hop in find_knock_offs(sites, r_max_A=2.5):
        ends = end_states(sites, hop, repeats=(3, 3, 3))
        moved = np.linalg.norm(ends.final.positions - ends.initial.positions, axis=1)
        assert list(np.flatnonzero(moved)) == sorted(ends.ions)
        assert set(ends.initial.symbols[list(ends.ions)]) == {"Li"}
        for state in (ends.initial, ends.final):
            distances = state.get_all_distances(mic=True)
            assert distances[distances > 0].min() == pytest.approx(LEG_A)


def test_the_knock_off_has_its_barrier_where_the_interstitial_alone_cannot_pass(tmp_path):
    records = {}
    for mechanism in ("knock-off", "interstitial"):
        (tmp_path / mechanism).mkdir()
        settings = SETTINGS | {"mechanism": mechanism, "r_max_A": 2.6, "band_steps": 100, "cheapest": 1}
        records[mechanism] = study_barriers(
            salt(), SaltOfBonds(), mobile="Li", settings=settings, folder=tmp_path / mechanism
        )
    collinear = records["knock-off"]["hops"][2]
    assert collinear["status"] == "ok"
    assert collinear["bend_deg"] == pytest.approx(0, abs=1e-3)
    assert collinear["forward_eV"] == pytest.approx(SaltOfBonds.knock_off_eV, abs=2e-3)
    assert collinear["backward_eV"] == pytest.approx(SaltOfBonds.knock_off_eV, abs=2e-3)
    # Alone it breaks all four bonds, and finds no better way.
    (alone,) = records["interstitial"]["hops"]
    assert alone["straight_line_eV"] == pytest.approx(4 * SaltOfBonds.bond_eV + 4 / 3 * SaltOfBonds.height_eV, abs=1e-4)
    assert records["interstitial"]["percolation"]["1D"] is None
    # Carriers are interstitials: their displacement is from void to void.
    graph = json.loads((tmp_path / "knock-off/hop_graph.json").read_text())
    lengths = [np.linalg.norm(edge["vector_A"]) for edge in graph["edges"] if edge["hop"] == "h3"]
    assert lengths == pytest.approx([EDGE_A * 0.75**0.5] * 8)
    assert records["knock-off"]["percolation"]["3D"]["limiting_hop"] == "h3"
    assert records["knock-off"]["diffusion"][0]["D_cm2_s"] > 0
