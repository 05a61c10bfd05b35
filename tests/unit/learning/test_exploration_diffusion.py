"""D in explorations against walkers with known D, and the agreement of two explorations."""

import numpy as np
import pytest
from ase import Atoms
from walkers import HEAVY_U, RULE, brownian_steps

from saltflow.learning.convergence import ended_because
from saltflow.learning.diffusion_agreement import compare_diffusion, format_agreement
from saltflow.learning.exploration_diffusion import measure_diffusion

LICL = {"id": "LiCl", "oxidation_states": {"Li": 1, "Cl": -1}, "mobile_ion": "Li"}
TRANSPORT = {"LiCl": RULE | {"frame": "framework"}}
IONS, FRAMES, DURATION_PS = 12, 200, 20.0
LIMITS = {"max_deviation_sigmas": 2.0, "max_relative_error": 0.25}


def heated(rng, *, D_A2_ps: float, cell: int, kelvin: float = 900.0) -> list[Atoms]:
    """Walkers among heavy chlorine, wrapped into their cell, after two frames of a relaxation."""
    steps = brownian_steps(rng, FRAMES + 2, IONS, D_A2_ps=D_A2_ps)
    walks = np.cumsum(steps, axis=0) + rng.uniform(0, 9, (1, IONS, 3))
    rest = np.broadcast_to(rng.uniform(0, 9, (1, 2, 3)), (FRAMES + 2, 2, 3))
    times_ps = 0.1 * np.arange(-1, FRAMES + 1)
    frames = []
    for time_ps, positions_A in zip(times_ps.round(6).tolist(), np.concatenate([walks, rest], axis=1), strict=True):
        frame = Atoms(f"Li{IONS}Cl2", positions_A, cell=[9.0, 9.5, 10.0], pbc=True)
        frame.set_masses([6.94] * IONS + [HEAVY_U] * 2)
        frame.wrap()
        frame.info = {"composition": "LiCl", "lineage": f"cell{cell}", "temperature_K": kelvin, "time_ps": time_ps}
        frames.append(frame)
    return frames


def measured(frames) -> dict:
    return measure_diffusion(frames, [LICL], transport=TRANSPORT, duration_ps=DURATION_PS)


def exploration(rng, *, D_A2_ps: float, cells: int = 2) -> dict:
    return measured([frame for cell in range(cells) for frame in heated(rng, D_A2_ps=D_A2_ps, cell=cell)])


def test_two_explorations_of_one_potential_differ_by_their_errors():
    """D is that of the walkers, and Δ ln D over its error has a standard deviation of about 1.

    It is 0.7 in 300 runs as short as these, of two cells: with few time blocks the estimated errors are a third too
    large.
    """
    rng = np.random.default_rng(3)
    rows = [exploration(rng, D_A2_ps=1.5)["LiCl"]["900"] for _ in range(34)]
    rows = [row for row in rows if row["status"] == "ok"][:28]
    assert len(rows) == 28
    logarithms = np.log([row["D_cm2_s"] for row in rows])
    errors = np.array([row["relative_error"] for row in rows])
    sigmas = np.diff(logarithms)[::2] / np.hypot(errors[::2], errors[1::2])
    assert 0.45 < np.std(sigmas) < 1.2
    assert np.exp(logarithms.mean()) == pytest.approx(1.5e-4, rel=3 * errors.mean() / np.sqrt(28) + 0.01)
    assert errors.mean() < LIMITS["max_relative_error"]


def test_diffusion_three_times_as_fast_differs():
    rng = np.random.default_rng(4)
    before, same, faster = (exploration(rng, D_A2_ps=D) for D in (1.5, 1.5, 4.5))
    agreeing, differing = (compare_diffusion(before, now, packed=["LiCl"], **LIMITS) for now in (same, faster))
    assert (agreeing["holds"], differing["holds"]) == (True, False)
    assert agreeing["value"] <= 2 < differing["value"]
    assert format_agreement(agreeing) == "D in the last two explorations agrees within 2 errors at 1 of 1 state points"
    assert "differs at 1 of 1 state points, most for LiCl at 900 K (" in format_agreement(differing)


def test_the_status_states_why_nothing_was_measured():
    rng = np.random.default_rng(5)
    stable = [heated(rng, D_A2_ps=1.5, cell=cell) for cell in range(2)]
    ok = measured([*stable[0], *stable[1]])["LiCl"]["900"]
    assert (ok["status"], ok["cells"]) == ("ok", 2)
    crashed = stable[1][:100]
    crashed[-1].info.pop("time_ps")
    assert measured([*stable[0], *crashed])["LiCl"]["900"]["status"] == "1 cells reached the end, 2 are needed"
    slow = [frame for cell in range(2) for frame in heated(rng, D_A2_ps=0.02, cell=cell)]
    assert measured(slow)["LiCl"]["900"]["status"] == "not diffusive"
    short = measure_diffusion(
        [frame for each in stable for frame in each[:15]], [LICL], transport=TRANSPORT, duration_ps=1.2
    )
    assert "at least 20 are needed" in short["LiCl"]["900"]["status"]
    for frame in (every := [*stable[0], *stable[1]]):
        frame.info = {"composition": "LiCl", "lineage": frame.info["lineage"]}
    assert measured(every) == {"LiCl": {}}, "frames without times"


def row(D: float, error: float = 0.1) -> dict:
    return {"status": "ok", "cells": 2, "D_cm2_s": D, "relative_error": error}


STILL = {"status": "not diffusive", "cells": 2}


@pytest.mark.parametrize(
    ("before", "now", "holds", "text"),
    [
        ({"900": row(1e-5)}, {"900": row(1.2e-5)}, True, "agrees within 2 errors at 1 of 1 state points"),
        (
            {"900": row(1e-5)},
            {"900": row(1.5e-5)},
            False,
            "differs at 1 of 1 state points, most for A at 900 K (2.9 > 2",
        ),
        ({"900": row(1e-5, 0.4)}, {"900": row(1.2e-5, 0.4)}, False, "is not decided"),
        (
            {"600": STILL, "900": row(1e-5)},
            {"600": row(1e-6), "900": row(1e-5)},
            True,
            "at 1 of 2 state points, the others",
        ),
        ({}, {"900": row(1e-5)}, False, "is not decided"),
        ({"900": row(1e-5)}, {}, False, "is not decided"),
    ],
)
def test_agreement_is_decided_only_where_both_are_known(before, now, holds, text):
    """ln 1.2 = 0.182 is 1.3 and ln 1.5 = 0.405 is 2.9 errors of √2 × 0.1."""
    compared = compare_diffusion({"A": before}, {"A": now}, packed=["A"], **LIMITS)
    assert compared["holds"] is holds
    assert text in format_agreement(compared)


def test_every_packed_composition_needs_a_decided_state_point_and_a_crystal_none():
    liquid, crystal = {"900": row(1e-5)}, {"900": STILL}
    both = {"liquid": liquid, "other": crystal}
    assert compare_diffusion(both, both, packed=["liquid"], **LIMITS)["holds"]
    missing = compare_diffusion(both, both, packed=["liquid", "other"], **LIMITS)
    assert not missing["holds"]
    assert format_agreement(missing).endswith(
        "at 1 of 2 state points, the others are not decided, none of them of other"
    )
    alone = compare_diffusion({"other": crystal}, {"other": crystal}, packed=[], **LIMITS)
    assert (alone["holds"], alone["undecided"]) == (False, ["other"])


def test_the_release_states_the_agreement():
    held = {"value": 50.0, "limit": 80.0, "holds": True}
    criteria = {"force_rmse_meV_A": held, "uncertain_fraction": held | {"value": 0.01, "limit": 0.05}}
    assessment = {"generation": 2, "converged": True, "criteria": criteria, "explored": {"A": {}}}
    assert ended_because([assessment]).endswith("uncertain; diffusion was not compared.")
    compared = compare_diffusion({"A": {"900": row(1e-5)}}, {"A": {"900": row(1e-5)}}, packed=["A"], **LIMITS)
    compared_assessment = assessment | {"criteria": criteria | {"diffusion": compared}}
    assert "; D in the last two explorations agrees within 2 errors at 1 of 1 state points." in ended_because(
        [compared_assessment]
    )
