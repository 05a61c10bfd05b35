"""Model files are judged by their bytes: nothing is unpickled, and torch is not imported."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from saltflow.base.errors import SaltflowError
from saltflow.potentials.model_files import check_model_file, elements_of

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"


def truncated(model: Path) -> bytes:
    return model.read_bytes()[: model.stat().st_size // 2]


REFUSED = {
    "empty": (lambda model: b"", r"is empty; fetch it again"),
    "page": (lambda model: b"\n<!DOCTYPE html>\n<html>404</html>", "is a web page, so its download failed; fetch"),
    "truncated": (truncated, "is truncated; fetch it again"),
    "card": (lambda model: b'{\n  "name": "zero-shot diep-r2scan"\n}', "is the card of a universal potential, which"),
    "text": (lambda model: b"version https://git-lfs.github.com/spec/v1\n", "is no file of torch; fetch it again"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_model_is_refused(model_paths, tmp_path: Path, name: str):
    make, sentence = REFUSED[name]
    path = tmp_path / "foundation.model"
    path.write_bytes(make(Path(model_paths[0])))
    with pytest.raises(SaltflowError, match=rf"foundation\.model {sentence}"):
        check_model_file(path)
    assert elements_of(path) is None


def test_the_elements_of_a_model_are_read_without_torch(model_paths):
    assert elements_of(model_paths[0]) == {"Li", "Cl", "Zr"}
    program = "import sys; from saltflow.potentials.model_files import check_model_file, elements_of; "
    program += "check_model_file(sys.argv[1]); print(len(elements_of(sys.argv[1])), 'torch' in sys.modules)"
    command = [sys.executable, "-c", program, str(model_paths[0])]
    run = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(SCRIPTS)}, capture_output=True, text=True)
    assert run.stdout.split() == ["3", "False"], run.stderr


def test_another_file_of_torch_does_not_tell_its_elements(tmp_path: Path):
    torch.save({"weights": torch.arange(3)}, tmp_path / "weights.pt")
    torch.save({"atomic_numbers": torch.tensor([3, 3])}, tmp_path / "twice.pt")
    for name in ("weights.pt", "twice.pt"):
        check_model_file(tmp_path / name)
        assert elements_of(tmp_path / name) is None
