"""The cheap ranking: straight lines, the hops that they choose, and what is said of those left out."""

import numpy as np
import pytest
from barrier_models import LATTICE_A, BARRIERS_eV, Washboard, crystal
from barrier_studies import study

from saltflow.studies.barriers.hop_barriers import HopBarrier
from saltflow.studies.barriers.hop_choice import next_hops, rank_correlation
from saltflow.studies.barriers.hop_classes import find_hops
from saltflow.studies.barriers.straight_lines import straight_lines_eV
from saltflow.studies.mobile_sites import find_sites
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation


@pytest.fixture(scope="module")
def sites():
    return find_sites(crystal(), "Li", voids=False)


@pytest.fixture(scope="module")
def hops(sites):
    """Along a and b (h1), c (h2), a + b (h3), a + c and b + c (h4); on the space diagonal Cl is in the way."""
    return find_hops(sites, r_max_A=6.5)


def barrier(hop, highest_eV, *, status="ok"):
    return HopBarrier(hop, status, *([highest_eV] * 2 if status == "ok" else []), straight_line_eV=highest_eV)


def test_a_straight_line_over_a_washboard_is_its_barrier(sites, hops):
    energies = straight_lines_eV(sites, hops, BatchedEvaluation(Washboard()), repeats=(2, 2, 2), images=5)
    along_a, _, along_c = BARRIERS_eV
    assert energies == pytest.approx([along_a, along_c, 2 * along_a, along_a + along_c], abs=1e-6)
    bent = straight_lines_eV(sites, hops[:1], BatchedEvaluation(Washboard(bend_A=0.8)), repeats=(2, 2, 2), images=5)
    beside_the_valley = along_a * (1 - np.cos(2 * np.pi * 0.8 / LATTICE_A[1])) / 2
    assert bent[0] == pytest.approx(along_a + beside_the_valley, abs=1e-6)


def test_the_cheapest_and_those_that_percolation_needs_are_computed(sites, hops):
    cheap_eV = dict(zip(("h1", "h2", "h3", "h4"), (0.3, 0.5, 0.6, 0.8), strict=True))

    def names(cheapest, known=()):
        known = {each.hop.name: each for each in known}
        return [hop.name for hop in next_hops(sites, hops, cheap_eV, known, cheapest=cheapest)]

    assert names(None) == ["h1", "h2", "h3", "h4"]
    assert names(1) == ["h1", "h2"]
    assert names(3) == ["h1", "h2", "h3"]
    whole = [barrier(hops[0], 0.3), barrier(hops[1], 0.5)]
    assert names(1, whole) == []
    # One that has no barrier is replaced: without h2 only h4 leads along c.
    assert names(1, [whole[0], barrier(hops[1], 0.5, status="not converged")]) == ["h4"]
    # One whose straight line is below the barriers that are known may lower the threshold.
    assert names(1, [whole[0], barrier(hops[1], 0.9)]) == ["h4"]


def test_what_is_left_out_says_so_and_is_computed_when_it_is_wanted(tmp_path):
    few = study(tmp_path, r_max_A=6.5, cheapest=1)
    assert [hop["status"] for hop in few["hops"]] == [
        "ok", "ok", "not computed: straight line 0.60 eV", "not computed: straight line 0.80 eV",
    ]  # fmt: skip
    assert few["percolation"]["3D"]["barrier_eV"] == pytest.approx(0.5, abs=1e-3)
    assert "2 of 4 hops were not computed, so that percolation barriers are upper bounds" in few["note"]
    assert few["rank_correlation"] is None
    three = study(tmp_path, r_max_A=6.5, cheapest=3)
    assert three["hops"][:2] == few["hops"][:2]
    assert not three["hops"][2]["status"].startswith("not computed")
    assert 0 < three["evaluations"] < few["evaluations"] + 300 * 5


def test_ranks_are_compared_where_four_hops_have_a_barrier(hops):
    pairs = [(0.3, 0.2), (0.5, 0.4), (0.6, 0.3), (0.8, 0.5)]
    both = [
        HopBarrier(hop, "ok", highest_eV, highest_eV, straight_line_eV=cheap_eV)
        for hop, (cheap_eV, highest_eV) in zip(hops, pairs, strict=True)
    ]
    assert rank_correlation(both) == {"spearman": pytest.approx(0.8), "hops": 4}
    assert rank_correlation(both[:3]) is None
