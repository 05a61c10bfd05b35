"""A whole study of a crystal whose barriers are known, stopped and taken up again."""

import json

import numpy as np
import pytest
from ase.units import kB
from barrier_models import LATTICE_A, BARRIERS_eV, Washboard
from barrier_studies import study


def test_a_crystal_gives_its_barriers_thresholds_and_diffusion(tmp_path):
    record = study(tmp_path)
    assert [hop["status"] for hop in record["hops"]] == ["ok", "ok"]
    assert [hop["forward_eV"] for hop in record["hops"]] == pytest.approx([0.3, 0.5], abs=1e-3)
    assert [record["percolation"][key]["barrier_eV"] for key in ("1D", "2D", "3D")] == pytest.approx(
        [0.3, 0.3, 0.5], abs=1e-3
    )
    (row,) = record["diffusion"]
    expected = [
        1e13 * np.exp(-barrier / kB / 500) * edge**2 * 1e-16
        for barrier, edge in zip(BARRIERS_eV, LATTICE_A, strict=True)
    ]
    assert np.diag(row["D_tensor_cm2_s"]) == pytest.approx(expected, rel=0.05)
    assert row["kmc_D_cm2_s"] == pytest.approx(row["D_cm2_s"], abs=4 * row["kmc_error_cm2_s"])
    sigma = 1e27 * 1.602176634e-19 * row["D_cm2_s"] * 1e-4 / (kB * 500)  # S/m
    assert row["sigma_S_cm"] == pytest.approx(sigma / 100, rel=1e-6)
    assert (tmp_path / "profiles.svg").is_file()


def test_hops_that_are_there_are_not_computed_again(tmp_path):
    first = study(tmp_path)
    (tmp_path / "h2.json").unlink()  # as if it had been stopped before
    again = study(tmp_path)
    whole = study(tmp_path, temperatures_K=[700.0])
    assert whole["evaluations"] < again["evaluations"] < first["evaluations"]
    assert json.dumps(again["hops"]) == json.dumps(first["hops"])
    for changes in ({"images": 3}, {"potential_sha256": "of another model"}):
        assert study(tmp_path, **changes)["evaluations"] > whole["evaluations"]


def test_a_path_that_does_not_converge_is_no_barrier(tmp_path):
    record = study(tmp_path, Washboard(bend_A=0.8), band_steps=1)
    assert record["hops"][0]["status"] == "not converged"
    assert record["hops"][0]["forward_eV"] is None
    assert record["percolation"]["2D"] is None
