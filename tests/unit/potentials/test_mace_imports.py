"""Importing mace without what only its training uses."""

import subprocess
import sys

import pytest
from mace_models import make_model, rock_salt
from torch import save
from workplaces import ENVIRONMENT, ROOT

from saltflow.base.provenance import sha256_of_file

INFERENCE = """
import sys
from ase.io import read
from saltflow.potentials.mace import load_committee
committee = load_committee([sys.argv[1]], sha256=[sys.argv[2]], device="cpu", dtype="float64")
if sys.argv[4] == "mace":
    committee.compiled = []
bound, positions, cells = committee.on_frame(read(sys.argv[3]))
assert float(bound.evaluate(positions, cells).forces.abs().max()) > 0
waiting = {"torchmetrics", "pandas", "matplotlib", "scipy.signal._peak_finding", "torch._dynamo.convert_frame"}
print("imported:", *sorted(waiting & set(sys.modules)))
"""
USE = """
import saltflow.potentials.mace_imports
import mace.modules, mace.tools, scipy.signal, sys, torch, torch._dynamo
assert "torchmetrics" not in sys.modules
assert isinstance(mace.tools.train, type(lambda: None)) and mace.tools.train.__module__ == "mace.tools.train"
assert mace.tools.to_numpy(torch.ones(1)) == 1 and not hasattr(mace.tools, "no_such_name")
assert scipy.signal.find_peaks([1, 2, 1])[0] == [1]
assert torch._dynamo.explain(torch.sin)(torch.ones(1)).graph_count == 1
"""


def output_of(program: str, *arguments: object) -> str:
    command = [sys.executable, "-W", "ignore", "-c", program, *map(str, arguments)]
    return subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT, env=ENVIRONMENT
    ).stdout.strip()


@pytest.mark.parametrize("evaluated_by", ["loops", "mace"])
def test_forces_need_nothing_of_the_training(tmp_path, evaluated_by):
    model, frame = tmp_path / "one.model", tmp_path / "frame.extxyz"
    save(make_model(seed=1), model)
    rock_salt().write(frame)
    assert output_of(INFERENCE, model, sha256_of_file(model), frame, evaluated_by).splitlines()[-1] == "imported:"


def test_what_waits_is_there_when_it_is_used():
    output_of(USE)
