"""CP2K and Quantum ESPRESSO on two MPI ranks: the label of one, and none left when time is up."""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from reference_cases import DRAFT_PBE, DRAFT_PWSCF, borane, distorted_cell

from saltflow.labels.reference.cp2k_data import data_folder
from saltflow.labels.reference.label import Processes
from saltflow.labels.reference.labelling import label_frames

CODES = {
    "cp2k.psmp": (DRAFT_PBE, distorted_cell()),
    "pw.x": (DRAFT_PWSCF, borane()),
}
PATIENCE_S = 60

pytestmark = pytest.mark.skipif(not shutil.which("mpiexec"), reason="mpiexec is not installed")


@pytest.fixture(params=CODES)
def code(request, tmp_path, monkeypatch):
    """A reference on MPI whose ranks write down their number in a world of how many, its cell, and where they do."""
    program = request.param
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    for name in ("ALLOW_RUN_AS_ROOT", "ALLOW_RUN_AS_ROOT_CONFIRM", "MCA_rmaps_base_oversubscribe"):
        monkeypatch.setenv(f"OMPI_{name}", "1")
    reference, atoms = CODES[program]
    seen = tmp_path / "ranks"
    seen.mkdir()
    counted = tmp_path / program
    counted.write_text(
        f'#!/bin/sh\necho $OMPI_COMM_WORLD_SIZE > "{seen}/$OMPI_COMM_WORLD_RANK-$$"\nexec {program} "$@"\n'
    )
    counted.chmod(0o755)
    arguments = reference.command.split()[1:]
    changes = {"command": " ".join(["mpiexec -np {ranks}", f"'{counted}'", *arguments])}
    if reference.code == "cp2k":  # which looks for them beside the program
        changes["data_path"] = str(data_folder(reference))
    return reference, reference.model_copy(update=changes), atoms, seen


def label(atoms, reference, workdir, ranks):
    workdir.mkdir(exist_ok=True)
    (found,) = label_frames(
        [atoms], reference, max_force_eV_A=50.0, workdir=workdir, processes=Processes(ranks=ranks, threads=1)
    )
    return found


def test_two_ranks_give_the_label_of_one(code, tmp_path):
    alone, together, atoms, seen = code
    expected = label(atoms, alone, tmp_path / "alone", 1)
    found = label(atoms, together, tmp_path / "together", 2)
    assert {each.name.split("-")[0]: each.read_text().strip() for each in seen.iterdir()} == {"0": "2", "1": "2"}
    assert found.energy_eV == pytest.approx(expected.energy_eV, abs=1e-5)
    # The grid of the density is shared out, and the smallest forces are those of its coarseness.
    np.testing.assert_allclose(found.forces_eV_A, expected.forces_eV_A, atol=2e-3)


def test_no_rank_outlives_the_time_limit(code, tmp_path):
    _, together, atoms, seen = code
    slow = together.model_copy(update={"frame_timeout_s": 3.0})
    assert label(atoms.repeat(2), slow, tmp_path / "slow", 2).status == "timeout"
    ranks = [int(each.name.split("-")[1]) for each in seen.iterdir()]
    assert len(ranks) >= 2
    until = time.monotonic() + PATIENCE_S
    while any(map(runs, ranks)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(map(runs, ranks))


def runs(process: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
