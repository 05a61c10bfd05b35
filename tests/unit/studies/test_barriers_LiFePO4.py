"""LiFePO4 by a universal potential: along b lithium passes as easily as it is known to."""

from pathlib import Path

import pytest
from barrier_studies import SETTINGS
from reference_cases import shipped

from saltflow.materials.structure_files import read_structure
from saltflow.potentials.universal.driver import UniversalDriver
from saltflow.studies.barriers.barrier_study import study_barriers

CIF = Path(__file__).parents[3] / "benchmarks/barriers/LiFePO4.cif"
# The unit cell, where every second Li of a row is missing: five images give 0.302 eV there, and ASE's band 0.304 eV.
# In a cell of 112 atoms it is 0.18 eV (docs/barriers.md). One image, on the mirror plane where the saddle is.
SMALL = {"r_max_A": 3.5, "edge_A": 4.6, "images": 1, "end_force_eV_A": 0.1, "band_force_eV_A": 0.1, "jumps": 500}


def test_the_way_along_b_is_low_and_the_only_one(tmp_path):
    driver = UniversalDriver(shipped("chgnet-pbe"))
    record = study_barriers(
        read_structure(CIF), driver, mobile="Li", settings=SETTINGS | SMALL | {"end_steps": 40}, folder=tmp_path
    )
    driver.close()
    (hop,) = record["hops"]
    assert (hop["status"], hop["multiplicity"]) == ("ok", 4)
    assert hop["length_A"] == pytest.approx(6.010 / 2, abs=0.01)
    assert hop["forward_eV"] == pytest.approx(hop["backward_eV"], abs=0.005)
    assert hop["forward_eV"] == pytest.approx(0.302, abs=0.03)
    assert hop["straight_line_eV"] > hop["forward_eV"]
    assert record["percolation"]["1D"]["limiting_hop"] == "h1"
    assert record["percolation"]["2D"] is None
