"""The checkpoint of a training that cannot be read; the words for how a training ran."""

import pytest
import torch

from saltflow.learning.training_checkpoint import continuity, read_checkpoint

HERE = {"device": "cpu", "processor": "Xeon", "threads": 2, "python": "3.11.2", "versions": {"torch": "2.13.0"}}


@pytest.mark.parametrize("kept_bytes", [0, 10, 600])
def test_a_checkpoint_that_was_cut_off_is_deleted(tmp_path, kept_bytes):
    path = tmp_path / "member_run-1.pt"
    torch.save({"epoch": 3, "weights": torch.zeros(100)}, path)
    assert read_checkpoint(path)["epoch"] == 3
    path.write_bytes(path.read_bytes()[:kept_bytes])
    assert read_checkpoint(path) is None
    assert not path.exists()


@pytest.mark.parametrize(
    ("changes", "training", "resumed_epochs"),
    [
        ([{}], "uninterrupted", []),
        ([{}, {"epoch": 3}, {"epoch": 9}], "resumed, exact", [3, 9]),
        ([{}, {"epoch": 3, "threads": 4}], "resumed, differs", [3]),
        ([{}, {"epoch": 3, "versions": {"torch": "2.14.0"}}, {"epoch": 4}], "resumed, differs", [3, 4]),
        ([{"device": "cuda"}, {"epoch": 3, "device": "cuda"}], "resumed, differs", [3]),
        ([{"device": "cuda"}], "uninterrupted", []),
    ],
)
def test_a_resumed_training_is_exact_where_all_attempts_ran_alike_on_the_cpu(changes, training, resumed_epochs):
    attempts = [{"epoch": 0, **HERE, **each} for each in changes]
    assert continuity(attempts) == {"training": training, "resumed_epochs": resumed_epochs}
