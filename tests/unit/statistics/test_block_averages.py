import numpy as np
import pytest
from structure_cases import TRICLINIC_A, gas

from saltflow.analysis.structure.entropy import pair_entropy
from saltflow.analysis.structure.rdf import pair_averages
from saltflow.statistics.block_averages import BlockAverages, chosen_frames, estimate_averages, time_blocks

TRIALS = 60
SHORT = {"r_max_A": 5.0, "bin_width_A": 0.5, "frames_per_replica": 10}


def identity(means):
    return means


def test_frames_and_blocks_cover_the_run():
    frames = chosen_frames(1000, 12)
    assert (frames[0], frames[-1], len(frames)) == (0, 999, 12)
    assert sum(map(len, time_blocks(frames))) == 12
    assert len(chosen_frames(3, 12)) == 3


def test_averages_are_over_frames_and_what_a_frame_lacks_is_zero():
    blocks = BlockAverages()
    for replica, values in enumerate([(1.0, 3.0), (8.0,)]):
        blocks.begin(replica=replica)
        for value in values:
            blocks.add({"here": value} | ({"rare": 6.0} if value > 5 else {}))
    found = estimate_averages(blocks, identity)
    assert float(found["here"].value) == pytest.approx(4.0)
    assert float(found["rare"].value) == pytest.approx(2.0)


def sample(rng, *, replicas, between):
    """Five blocks of each replica, of variance 1, and replicas that differ by so much."""
    blocks = BlockAverages()
    for replica, shift in enumerate(rng.normal(0, between, replicas)):
        for _ in range(5):
            blocks.begin(replica=replica)
            blocks.add({"x": shift + rng.normal()})
    return estimate_averages(blocks, identity)["x"]


@pytest.mark.parametrize("replicas", [1, 3])
def test_errors_of_independent_blocks_have_unit_z_scores(replicas):
    rng = np.random.default_rng(1)
    found = [sample(rng, replicas=replicas, between=0.0) for _ in range(1500)]
    z = np.array([float(each.value / each.error) for each in found])
    assert np.mean(np.abs(z) < 1) == pytest.approx(0.68 if replicas == 1 else 0.74, abs=0.04)
    assert np.std(np.clip(z, -4, 4)) == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize("between", [0.45, 3.0])
def test_errors_hold_what_distinguishes_replicas(between):
    rng = np.random.default_rng(2)
    found = [sample(rng, replicas=3, between=between) for _ in range(1500)]
    assert np.mean([abs(each.value) < each.error for each in found]) == pytest.approx(0.68, abs=0.05)
    if between > 1:
        assert np.mean([each.basis == "replicas" for each in found]) > 0.9


def test_a_ratio_carries_the_covariance_of_its_parts():
    rng = np.random.default_rng(3)
    blocks = BlockAverages()
    for _ in range(10):
        blocks.begin(replica=0)
        size = rng.uniform(1, 9)
        blocks.add({"part": 2 * size, "whole": size})
    found = estimate_averages(blocks, lambda means: {"ratio": means["part"] / means["whole"]})["ratio"]
    assert float(found.value) == pytest.approx(2.0)
    assert float(found.error) < 1e-12


@pytest.mark.parametrize("frozen", [False, True])
def test_coordination_numbers_and_entropy_of_gases_scatter_as_their_errors_say(frozen):
    """Frozen replicas have blocks that are all the same: only replicas tell the error then."""
    density_per_A3 = 40 / np.linalg.det(TRICLINIC_A)
    expected = density_per_A3 * 4 / 3 * np.pi * 5.0**3
    deviations, entropies = [], []
    for trial in range(TRIALS):
        runs = [gas(1000 * trial + replica, frames=10, frozen=frozen) for replica in range(3)]
        averages = pair_averages(runs, **SHORT)
        number = estimate_averages(averages.blocks, lambda means: {"N": means["neighbours",][1, 0].sum()})["N"]
        deviations.append(float((number.value - expected) / number.error))
        entropy = pair_entropy(averages)
        entropies.append(float(entropy.value / entropy.error))
    for z in (np.array(deviations), np.array(entropies)):
        assert 0.5 < np.mean(np.abs(z) < 1) < 0.86
        assert 0.75 < np.std(np.clip(z, -4, 4)) < 1.45
