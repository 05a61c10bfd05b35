"""symmetrix-xl gives the numbers of the model for a batch of cells; where it cannot, mace goes on, and it is said why.

Its algorithm that needs no compiler runs here, on a CPU; on a GPU the same calls reach compiled code.
"""

from functools import partial

import pytest
import torch
from mace_models import bound, make_model, rock_salt, unlike_cells

from saltflow.base.errors import SaltflowError
from saltflow.potentials import compilers
from saltflow.potentials.compilers import LOOPS, Compiler, fastest
from saltflow.potentials.mace import Committee
from saltflow.potentials.symmetrix_xl import NAME, SymmetrixMACE, is_installed

pytestmark = pytest.mark.skipif(not is_installed("cpu"), reason=f"{NAME} is not installed")
UNCOMPILED = Compiler(NAME, partial(SymmetrixMACE, algorithm="non-compiled"))


def committee(model, *, dtype="float64", compiler=UNCOMPILED):
    made = Committee([model], device="cpu", dtype=dtype)
    made.compiler, made.compiled, made.evaluated_by = compiler, None, compiler.name
    return made


def evaluated(by, cells):
    potential, *where = bound(by, cells)
    return potential.evaluate(*where)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-5), ("float32", 1e-4)])
def test_a_batch_of_cells_has_the_numbers_of_mace(dtype, tolerance):
    model = make_model(seed=3, hidden="8x0e + 8x1o", max_ell=3, correlation=3, pair_repulsion=False)
    model = model.to(getattr(torch, dtype))
    streamed, plain = committee(model, dtype=dtype), Committee([model], device="cpu", dtype=dtype, compiled=False)
    found, expected = evaluated(streamed, unlike_cells()), evaluated(plain, unlike_cells())
    assert streamed.evaluated_by == NAME
    for name in ("energies", "forces", "stresses"):
        numbers = getattr(expected, name)
        torch.testing.assert_close(getattr(found, name), numbers, rtol=0, atol=tolerance * float(numbers.abs().max()))


def test_a_kept_list_serves_atoms_that_move_and_a_cell_that_grows():
    model = make_model(seed=3, hidden="8x0e", max_ell=3, correlation=3)
    cells = [rock_salt(repeats=(1, 2, 2), rattle_A=0.1), rock_salt(repeats=(1, 1, 2), rattle_A=0.1)]
    by = committee(model)
    potential, positions, boxes = bound(by, cells)
    potential.evaluate(positions, boxes)
    assert by.evaluated_by == NAME
    listed = potential.pairs.first
    moved, grown = positions + 0.05, boxes * 1.003
    moved[::3] += 0.07
    found = potential.evaluate(moved, grown)
    assert potential.pairs.first is listed
    plain, *_ = bound(Committee([model], device="cpu", dtype="float64", compiled=False), cells)
    expected = plain.evaluate(moved, grown)
    torch.testing.assert_close(found.forces, expected.forces, rtol=0, atol=1e-5 * float(expected.forces.abs().max()))
    torch.testing.assert_close(found.stresses, expected.stresses, rtol=1e-4, atol=1e-8)


def test_atoms_on_top_of_each_other_spoil_only_their_cell():
    cells = [rock_salt(repeats=(1, 1, 2), rattle_A=0.1), rock_salt(repeats=(1, 1, 2), rattle_A=0.1)]
    cells[1].positions[1] = cells[1].positions[0]
    by = committee(make_model(seed=3, hidden="8x0e", max_ell=3, correlation=3))
    found = evaluated(by, cells)
    assert by.evaluated_by == NAME
    assert found.energies.isnan().tolist() == [False, True]
    assert found.forces[:4].isfinite().all()


def test_a_model_that_it_refuses_stays_with_mace():
    model = make_model(seed=3)  # l_max 2
    by = committee(model)
    found = evaluated(by, unlike_cells())
    assert by.evaluated_by.startswith(f"mace, as {NAME} cannot take the model (")
    plain = Committee([model], device="cpu", dtype="float64", compiled=False)
    assert torch.equal(found.forces, evaluated(plain, unlike_cells()).forces)
    with pytest.raises(SaltflowError, match=f"{NAME} cannot evaluate the model"):
        SymmetrixMACE(model, dtype="float64", algorithm="non-compiled")


def test_what_is_fastest_depends_on_the_device_and_on_the_length_of_the_run(monkeypatch):
    covered, uncovered = [make_model(seed=3)], [make_model(seed=3, correlation=4)]
    assert fastest(covered, device="cpu", for_long_runs=True) is LOOPS
    assert fastest(uncovered, device="cpu", for_long_runs=True) is None
    assert fastest(covered, device="cuda", for_long_runs=True) is None  # the build for CUDA is not there
    monkeypatch.setattr(compilers.symmetrix_xl, "is_installed", lambda device: True)
    assert fastest(covered, device="cuda", for_long_runs=True).name.startswith(NAME)
    assert fastest(covered, device="cuda", for_long_runs=False) is None
