"""Batches that the memory does not hold, on springs whose device has room for so many atoms."""

import logging

import numpy as np
import pytest
import torch
from mace_models import rock_salt
from md_cases import SmallMemory, run_springs

from saltflow.base.errors import SaltflowError
from saltflow.dynamics.batch_chunks import ChunkedPotential, ran_out_of_memory
from saltflow.potentials.protocol import stack

ATOMS = 24


@pytest.fixture(scope="module")
def roomy(tmp_path_factory):
    """Outcomes of three replicas where all fit."""
    return run_springs(tmp_path_factory.mktemp("roomy"), SmallMemory(room=10_000)).finish()


def assert_same(outcomes, expected):
    for mine, theirs in zip(outcomes, expected, strict=True):
        np.testing.assert_allclose(mine.atoms.positions, theirs.atoms.positions, atol=1e-9)
        assert (mine.status, mine.steps) == ("ok", 30)


@pytest.mark.parametrize(
    ("room", "tried", "chunks"),
    [(5, [1, 2, 4, 5], [5]), (4, [1, 2, 4, 5], [4, 1]), (3, [1, 2, 4], [2, 2, 1]), (1, [1, 2], [1] * 5)],
)
def test_a_short_trial_finds_how_many_cells_fit(tmp_path, room, tried, chunks):
    potential = SmallMemory(room=room * ATOMS)
    run_springs(tmp_path, potential, cells=5)
    assert potential.requests == tried + chunks


def test_forces_in_chunks_move_the_replicas_as_those_of_the_whole(tmp_path, roomy, caplog):
    with caplog.at_level(logging.INFO):
        assert_same(run_springs(tmp_path, SmallMemory(room=2 * ATOMS)).finish(), roomy)
    assert "2 of 3 cells fit into the memory" in caplog.text


def test_running_out_of_memory_on_the_way_splits_the_batch_and_goes_on(tmp_path, roomy, caplog):
    potential = SmallMemory(room=10_000)
    under_way = run_springs(tmp_path, potential, segment_steps=10)
    under_way._run_segment()
    under_way._write_checkpoint()
    potential.room, potential.requests = ATOMS + 1, []
    assert_same(under_way.finish(), roomy)
    assert potential.requests[:5] == [3, 1, 1, 1, 1]
    assert max(potential.requests[1:]) == 1
    assert "out of memory with 72 atoms at once" in caplog.text


def test_a_resumed_run_keeps_its_chunks_and_its_bits(tmp_path):
    whole = run_springs(tmp_path / "whole", SmallMemory(room=2 * ATOMS)).finish()
    first = run_springs(tmp_path / "chunks", SmallMemory(room=2 * ATOMS), segment_steps=10)
    first._run_segment()
    first._write_checkpoint()
    potential = SmallMemory(room=10_000)
    resumed = run_springs(tmp_path / "chunks", potential, segment_steps=10).finish()
    assert set(potential.requests) == {1, 2}
    for mine, theirs in zip(resumed, whole, strict=True):
        np.testing.assert_array_equal(mine.atoms.positions, theirs.atoms.positions)


def test_a_cell_that_does_not_fit_alone_is_a_sentence(tmp_path):
    sentence = "A cell of 24 atoms does not fit into the memory of the cpu by itself; take a device with more memory"
    with pytest.raises(SaltflowError, match=sentence):
        run_springs(tmp_path / "start", SmallMemory(room=ATOMS - 1))
    potential = SmallMemory(room=10_000)
    under_way = run_springs(tmp_path / "later", potential, cells=2)
    potential.room = ATOMS - 1
    with pytest.raises(SaltflowError, match=sentence):
        under_way.finish()


def test_other_errors_are_raised(tmp_path):
    class Broken(SmallMemory):
        def evaluate(self, positions, cells, *, isolate=True):
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes"):
        run_springs(tmp_path, Broken(room=10_000))
    assert not ran_out_of_memory(RuntimeError("shapes"))


def test_torch_s_own_out_of_memory_error_is_recognised():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(10**15)
    assert ran_out_of_memory(caught.value)

    @torch.jit.script
    def scripted(number: int) -> torch.Tensor:
        return torch.empty([number])

    with pytest.raises(RuntimeError) as caught:
        scripted(10**15)
    assert ran_out_of_memory(caught.value)


def test_a_real_potential_in_chunks_is_the_whole(committee):
    """Cells of different size, two and one in a piece, with neighbours listed where they were listed before."""
    cells = [rock_salt(repeats=repeats, rattle_A=0.1) for repeats in ((1, 2, 2), (1, 1, 2), (2, 2, 2))]
    numbers, system, positions, boxes = stack(cells)
    positions, boxes = torch.as_tensor(positions), torch.as_tensor(boxes)
    whole = committee.on(numbers, system).evaluate(positions, boxes)
    chunks = ChunkedPotential(committee, numbers, system, max_atoms=12)
    parts = chunks.evaluate(positions, boxes)
    for name in ("energies", "forces", "stresses"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), atol=1e-10)
    again = ChunkedPotential(committee, numbers, system, max_atoms=12)
    again.list_neighbours(*chunks.listed_at)
    moved = positions + 0.02
    np.testing.assert_array_equal(again.evaluate(moved, boxes).forces, chunks.evaluate(moved, boxes).forces)


@pytest.mark.parametrize(
    "text",
    [
        "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 139.72 GiB",
        "CUDA error: out of memory\nCompile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
        "cusolver error: CUSOLVER_STATUS_INTERNAL_ERROR, when calling `cusolverDnCreate(handle)`",
        "cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling `cusolverDnXsyevBatched(...)`",
        "Failed to allocate 1073741824 bytes on device 'cuda:0'",
        'Kokkos failed to allocate memory for label "phi".  Allocation using MemorySpace named "Cuda" failed with the '
        "following error:  Cuda memory space failed to allocate 20.5 GiB (cudaMalloc gave an error)",
    ],
)
def test_texts_of_libraries_without_memory_are_recognised(text):
    assert ran_out_of_memory(RuntimeError(f"The following operation failed in the TorchScript interpreter.\n{text}"))


@pytest.mark.parametrize("text", ["CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm`", "device-side assert"])
def test_other_texts_of_libraries_are_no_lack_of_memory(text):
    assert not ran_out_of_memory(RuntimeError(text))
