"""Hops of a trajectory whose every hop was planted: counted exactly, by class, concerted and missed."""

import numpy as np
import pytest
from ase import Atoms

from saltflow.studies.barriers.hop_classes import find_hops
from saltflow.studies.barriers.md_hops import core_radius_A, count_hops, find_md_hops, is_concerted
from saltflow.studies.mobile_sites import find_sites

# Li on two sites of a long cell: 2.5 Å apart along a by turns with 3.5 Å, 4 Å along b, 4.5 Å along c.
CELL_A = np.diag([6.0, 4.0, 4.5])
FRAMES, STAY = 400, 20
REPEATS = np.diag([2, 3, 3])


@pytest.fixture(scope="module")
def graph():
    crystal = Atoms(
        "Li2Cl2",
        scaled_positions=[[0, 0, 0], [2.5 / 6, 0, 0], [0.2, 0.5, 0.5], [0.7, 0.5, 0.5]],
        cell=CELL_A,
        pbc=True,
    )
    sites = find_sites(crystal, "Li", voids=False)
    return sites, find_hops(sites, r_max_A=4.2)


def planted(moves, *, ions=36, noise_A=0.15, transit=4, seed=1):
    """A trajectory in units of the unit cell, with an ion on every site, and hops as (ion, frame, step in Å)."""
    random = np.random.default_rng(seed)
    cells = np.array(list(np.ndindex(2, 3, 3)))
    starts = np.concatenate([cells, cells + [2.5 / 6, 0, 0]]) @ CELL_A
    path = np.repeat(starts[None, :ions], FRAMES, axis=0)
    for ion, frame, step in moves:
        along = np.clip((np.arange(FRAMES) - frame) / transit, 0, 1)
        path[:, ion] += along[:, None] * np.asarray(step, float)
    path += random.normal(scale=noise_A / np.sqrt(3), size=path.shape)
    return path @ np.linalg.inv(CELL_A)


def counted(moves, graph, **choices):
    sites, classes = graph
    hops, nowhere = find_md_hops(planted(moves, **choices), sites, CELL_A, shortest_stay=STAY)
    concerted = is_concerted(hops, sites, REPEATS, neighbour_A=4.2)
    found, missed = count_hops(hops, concerted, sites, classes)
    by_length = {2.5: (0, 0), 3.5: (0, 0), 4.0: (0, 0)}  # two classes, one of each site, have 4 Å
    for each in classes:
        before, now = by_length[round(each.length_A, 1)], found[each.name]
        by_length[round(each.length_A, 1)] = (before[0] + now["hops"], before[1] + now["concerted"])
    return by_length, missed, hops, nowhere


def test_classes_are_those_of_the_cell(graph):
    assert sorted(round(each.length_A, 1) for each in graph[1]) == [2.5, 3.5, 4.0, 4.0]
    assert core_radius_A(graph[0], CELL_A) == pytest.approx(2.5 / 3)


def test_ions_that_only_vibrate_do_not_hop(graph):
    found, missed, hops, nowhere = counted([], graph)
    assert (hops, missed, nowhere) == ([], [], 0.0)
    assert set(found.values()) == {(0, 0)}


def test_every_planted_hop_is_counted_in_its_class_both_ways(graph):
    moves = [
        (0, 50, [2.5, 0, 0]),
        (0, 150, [-2.5, 0, 0]),  # back, after a stay
        (1, 250, [2.5, 0, 0]),
        (18, 300, [3.5, 0, 0]),  # across the border of the cell
        (5, 350, [0, 4, 0]),
        (7, 100, [0, -4, 0]),
    ]
    found, missed, hops, nowhere = counted(moves, graph)
    assert found == {2.5: (3, 0), 3.5: (1, 0), 4.0: (2, 0)}
    assert missed == []
    back_and_forth = [(hop.ion, hop.left <= 53, hop.arrived >= 50) for hop in hops[:1]]
    assert back_and_forth == [(0, True, True)]
    assert 0 < nowhere < len(moves) * 4 / (FRAMES * 36)


def test_a_look_over_the_saddle_is_no_hop(graph):
    moves = [(0, 50, [2.5, 0, 0]), (0, 60, [-2.5, 0, 0])]
    assert counted(moves, graph)[2] == []


def test_neighbours_that_hop_together_are_concerted_and_far_ones_are_not(graph):
    sites, _ = graph
    near, far = 0, 13  # 13: a cell along a and a cell along b and c away
    chain = [(near, 100, [2.5, 0, 0]), (18, 101, [3.5, 0, 0])]  # each takes the place of the next one
    found, _, hops, _ = counted([*chain, (far, 101, [0, 4, 0])], graph)
    assert found == {2.5: (1, 1), 3.5: (1, 1), 4.0: (1, 0)}
    later, _, _, _ = counted([chain[0], (18, 140, [3.5, 0, 0])], graph)
    assert later == {2.5: (1, 0), 3.5: (1, 0), 4.0: (0, 0)}
    assert is_concerted(hops, sites, REPEATS, neighbour_A=30.0) == [True] * 3


def test_a_hop_that_the_graph_has_not_is_told_with_its_length(graph):
    found, missed, _, _ = counted([(3, 200, [0, 0, 4.5])], graph, transit=3)
    assert set(found.values()) == {(0, 0)}
    assert missed == [{"sites": [0, 0], "length_A": 4.5, "hops": 1, "concerted": 0}]


def test_many_random_hops_are_counted_exactly(graph):
    random = np.random.default_rng(3)
    moves, expected = [], {2.5: 0, 3.5: 0, 4.0: 0}
    for ion in range(18):
        for number, frame in enumerate(range(30, 360, 60)):
            if random.random() < 0.5:
                moves.append((ion, frame + ion, [0, 4.0 * random.choice([-1, 1]), 0]))
                expected[4.0] += 1
            elif number % 2 == 0:
                moves += [(ion, frame + ion, [2.5, 0, 0]), (ion, frame + ion + 30, [-2.5, 0, 0])]
                expected[2.5] += 2
    found, missed, hops, _ = counted(moves, graph)
    assert {length: number for length, (number, _) in found.items()} == expected
    assert len(hops) == sum(expected.values())
    assert missed == []
