"""Any ASE calculator drives dynamics through a child process: its own numbers, cell by cell, and what fails with it."""

import logging

import numpy as np
import pytest
import torch
from ase.calculators import emt
from reference_cases import EMT, UNIVERSAL, copper_gold, lithium_chloride, shipped, strained

from saltflow.base.errors import SaltflowError
from saltflow.campaign.settings.references import UniversalReference
from saltflow.dynamics.progress import Conditions
from saltflow.dynamics.runner import MDRun
from saltflow.dynamics.schedule import Stage
from saltflow.potentials.d3 import Dispersion
from saltflow.potentials.kept_pairs import renew_lists
from saltflow.potentials.protocol import stack
from saltflow.potentials.universal.driver import UniversalDriver

MOVES_ATOMS_OUT = np.array([7.0, -9.0, 3.0])


@pytest.fixture
def driver():
    """EMT as a driver; its process ends with the test."""
    driver = UniversalDriver(EMT)
    yield driver
    driver.close()


def misbehaving(calculator: str, **keys: object) -> UniversalDriver:
    return UniversalDriver(UniversalReference(**EMT.model_dump() | {"calculator": calculator} | keys))


def evaluate(driver, cells):
    numbers, system, positions, boxes = stack(cells)
    return driver.on(numbers, system).evaluate(torch.as_tensor(positions), torch.as_tensor(boxes))


def test_the_numbers_of_each_cell_are_those_of_the_calculator(driver):
    cells = [copper_gold(), strained(copper_gold(), 0.02 * np.eye(3))]
    cells[1].positions += MOVES_ATOMS_OUT
    found = evaluate(driver, cells)
    for index, cell in enumerate(cells):
        cell.calc = emt.EMT()
        assert float(found.energies[index]) == pytest.approx(cell.get_potential_energy(), abs=1e-6)
        np.testing.assert_allclose(found.forces[4 * index : 4 * index + 4], cell.get_forces(), atol=1e-6)
        np.testing.assert_allclose(found.stresses[index], cell.get_stress(voigt=False), atol=1e-6)
    assert not found.force_std.any()
    assert driver.evaluated_by == f"ase {EMT.version}"


def test_a_run_that_is_killed_equals_one_that_is_not(driver, tmp_path):
    def run(folder, steps):
        schedule = [Stage(each, each, steps=6, start_K=(300.0,), end_K=(300.0,)) for each in ("npt", "nvt")]
        conditions = Conditions(1.0, "nose-hoover", 50.0, 500.0, 0.05, 0.0, 10.0, steps / 1000)
        return MDRun([copper_gold()], schedule, driver, conditions=conditions, seeds=[1], workdir=folder)

    whole = run(tmp_path / "whole", 100).finish()[0].atoms
    first = run(tmp_path / "killed", 5)
    first._run_segment()
    first._write_checkpoint()
    driver.close()
    resumed = run(tmp_path / "killed", 100).finish()[0].atoms
    np.testing.assert_array_equal(resumed.positions, whole.positions)
    np.testing.assert_array_equal(resumed.cell.array, whole.cell.array)


def test_a_cell_that_has_blown_up_leaves_the_others_alone(driver, caplog):
    odd = misbehaving("odd_calculators.Undefined")
    fine, wide, lost = copper_gold(), strained(copper_gold(), 0.08 * np.eye(3)), copper_gold()
    lost.positions[0, 0] = np.nan
    with caplog.at_level(logging.WARNING):
        found = evaluate(odd, [fine, wide, lost])
    odd.close()
    assert found.energies.isfinite().tolist() == [True, False, False]
    assert found.forces.isfinite().all(-1).tolist() == [True] * 4 + [False] * 8
    assert "EMT of ASE fails on a cell: FloatingPointError: the descriptors overflow" in caplog.text


def test_dispersion_is_added_to_the_numbers_of_the_calculator(driver):
    with_d3 = UniversalDriver(EMT, dispersion="D3(BJ) of PBE")
    numbers, system, positions, boxes = (torch.as_tensor(each) for each in stack([copper_gold()]))
    bound = Dispersion("PBE", device="cpu", dtype=torch.float64).on(numbers.numpy(), system, [0, 4])
    renew_lists([bound.pairs], positions, boxes, torch.ones(1, dtype=torch.bool))
    added = bound.evaluate(positions, boxes)
    alone, both = evaluate(driver, [copper_gold()]), evaluate(with_d3, [copper_gold()])
    with_d3.close()
    for own, total, more in zip((alone.energies, alone.forces), (both.energies, both.forces), added, strict=False):
        torch.testing.assert_close(total - own, more)
        assert more.abs().max() > 1e-3


@pytest.mark.parametrize(
    ("calculator", "expected"),
    [
        ("odd_calculators.WithoutStress", "EMT of ASE: odd_calculators.WithoutStress gives no stress"),
        ("odd_calculators.FetchingLate", "EMT of ASE wants to fetch something from 192.0.2.1"),
        ("odd_calculators.Failing", "EMT of ASE cannot evaluate AuCu3: ZeroDivisionError: there is no list"),
        (
            "odd_calculators.Dying",
            "EMT of ASE: its process ended with exit code 3 with a cell of 4 atoms; take",
        ),
        ("odd_calculators.Sleeping", "EMT of ASE: no answer within 2 s for 4 atoms; raise frame_timeout_s"),
    ],
)
def test_a_calculator_that_cannot_drive_is_a_sentence(calculator, expected):
    driver = misbehaving(calculator, frame_timeout_s=2.0)
    with pytest.raises(SaltflowError) as refused:
        evaluate(driver, [copper_gold()])
    driver.close()
    assert str(refused.value).startswith(expected)


def test_an_element_that_it_has_not_learned_is_refused_by_name(driver):
    with pytest.raises(SaltflowError, match="salt: EMT of ASE has not learned Cl, Li; choose another foundation"):
        driver.check_elements(lithium_chloride().numbers, composition="salt")
    driver.check_elements(copper_gold().numbers, composition="alloy")


@pytest.mark.parametrize("name", UNIVERSAL)
def test_a_shipped_potential_is_the_same_to_the_last_bit_after_a_new_start(name):
    driver, frame = UniversalDriver(shipped(name)), lithium_chloride(rattle_A=0.1)
    first = evaluate(driver, [frame])
    others = [evaluate(driver, [lithium_chloride(rattle_A=0.2)]) for _ in range(3)]
    again = evaluate(driver, [frame])
    driver.close()
    anew = evaluate(driver, [frame])
    driver.close()
    assert not torch.equal(first.forces, others[0].forces)
    for other in (again, anew):
        assert torch.equal(first.energies, other.energies)
        assert torch.equal(first.forces, other.forces)
        assert torch.equal(first.stresses, other.stresses)
