"""mace's own training program on a few frames labelled by tight binding: killed, resumed, diverged, refused."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from killed_training import killed_after, log_of, losses
from reference_cases import GFN1, lithium_chloride

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import read_json, sha256_of_file, write_json
from saltflow.labels.frames import read_frames, write_frames
from saltflow.labels.reference.labelling import label_frames, label_isolated_atoms
from saltflow.learning.assessment.predictions import predict
from saltflow.learning.foundations import Foundation, checked_foundation
from saltflow.learning.prediction_errors import errors
from saltflow.learning.training import train_member
from saltflow.potentials.mace import load_checked_committee, load_committee

ROOT = Path(__file__).resolve().parents[3]
MODEL = {
    "cutoff_A": 3.5,
    "channels": 4,
    "max_L": 0,
    "max_ell": 1,
    "correlation": 1,
    "interactions": 1,
    "radial_basis": 4,
    "radial_width": 8,
}
TRAINING = {
    "valid_fraction": 0.2,
    "epochs": 60,
    "batch_frames": 4,
    "learning_rate": 0.02,
    "forces_weight": 100.0,
    "energy_weight": 1.0,
    "stress_weight": 1.0,
    "dtype": "float64",
    "recipe": "naive",
}
PRODUCT = {"potential": "licl", "generation": 0, "member": 1}
SUBJECT = "potential licl, generation 0, member 1"
EPOCH = re.compile(r"Epoch (\d+):.*loss=\s*(\S+),.*RMSE_F=\s*(\S+) meV")
TRAIN_FROM_FILES = """
import json, sys
from pathlib import Path
from saltflow.labels.frames import read_frames
from saltflow.learning.training import train_member
folder = Path(sys.argv[1])
choices = json.loads((folder / "choices.json").read_text())
train_member(read_frames(folder / "train.extxyz"), read_frames(folder / "valid.extxyz"), foundation=None,
             product={"potential": "killed"}, workdir=folder / "work", model_path=folder / "member.model",
             check_path=folder / "check.json", **choices)
"""


class Labelled:
    """Training and validation frames with the energies of their isolated atoms."""

    def __init__(self, folder: Path):
        frames = [lithium_chloride(seed=seed, rattle_A=0.15) for seed in range(1, 9)]
        for label in label_frames(frames, GFN1, max_force_eV_A=30.0, workdir=folder):
            frame = frames[label.index]
            frame.info |= {"REF_energy": label.energy_eV, "REF_stress": label.stress_eV_A3}
            frame.set_array("REF_forces", label.forces_eV_A)
        write_frames(folder / "train.extxyz", frames[:6])
        write_frames(folder / "valid.extxyz", frames[6:])
        self.train, self.valid = read_frames(folder / "train.extxyz"), read_frames(folder / "valid.extxyz")
        self.isolated_atoms_eV = label_isolated_atoms(["Li", "Cl"], GFN1, workdir=folder)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory) -> Labelled:
    return Labelled(tmp_path_factory.mktemp("labels"))


class Member:
    """Where one training puts its files."""

    def __init__(self, folder: Path):
        self.work, self.model, self.check_path = folder / "work", folder / "member.model", folder / "check.json"

    def train(self, labelled: Labelled, *, foundation: Path | None = None, bootstrap: bool = False, **changes) -> dict:
        """Train and return the check; changes are of the settings or of the isolated atoms."""
        train_member(
            labelled.train,
            labelled.valid,
            product=PRODUCT,
            isolated_atoms_eV=labelled.isolated_atoms_eV | changes.pop("isolated_atoms_eV", {}),
            foundation=foundation and Foundation(foundation, train=[], heldout=[]),
            model=MODEL,
            training=TRAINING | changes,
            device="cpu",
            seed=1,
            bootstrap=bootstrap,
            workdir=self.work,
            model_path=self.model,
            check_path=self.check_path,
        )
        return read_json(self.check_path)

    def log(self) -> str:
        return log_of(self.work)


def start_and_kill(folder: Path, labelled: Labelled) -> None:
    """Train in a process of its own and kill it with all its children in the middle."""
    write_frames(folder / "train.extxyz", labelled.train)
    write_frames(folder / "valid.extxyz", labelled.valid)
    choices = {"isolated_atoms_eV": labelled.isolated_atoms_eV, "model": MODEL, "training": TRAINING}
    write_json(folder / "choices.json", choices | {"device": "cpu", "seed": 1, "bootstrap": False})
    job = subprocess.Popen(
        [sys.executable, "-c", TRAIN_FROM_FILES, str(folder)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "scripts")},
        start_new_session=True,
    )
    deadline = time.monotonic() + 900
    while "Epoch 10:" not in log_of(folder / "work"):
        assert job.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(job.pid, signal.SIGKILL)
    job.wait()


@pytest.fixture(scope="module")
def whole(tmp_path_factory, labelled) -> tuple[Member, dict]:
    """A member that was trained without interruption, and its check."""
    member = Member(tmp_path_factory.mktemp("whole"))
    return member, member.train(labelled)


@pytest.fixture(scope="module")
def resumed(tmp_path_factory, labelled) -> tuple[Member, dict]:
    """A member whose training was killed three times, once after its last epoch; and its check."""
    folder = tmp_path_factory.mktemp("resumed")
    start_and_kill(folder, labelled)
    member = Member(folder)
    for epoch in (30, 59):
        # What a kill leaves that comes while a checkpoint is written.
        (checkpoint,) = (member.work / "checkpoints").glob("member-*.pt")
        cut_off = checkpoint.read_bytes()[: checkpoint.stat().st_size // 2]
        checkpoint.with_name(f".writing-{epoch}.pt").write_bytes(cut_off)
        with killed_after(epoch, member.work):
            member.train(labelled)
    return member, member.train(labelled)


def test_a_killed_training_ends_with_the_weights_of_an_uninterrupted_one(resumed, whole):
    """To the last bit; the record says at which epochs it was resumed."""
    killed, undisturbed = (torch.load(each.model, weights_only=False).state_dict() for each, _ in (resumed, whole))
    assert all(torch.equal(killed[key], undisturbed[key]) for key in undisturbed)
    assert killed.keys() == undisturbed.keys()
    assert losses(resumed[0].log()) == losses(whole[0].log())
    assert resumed[1]["training"] == "resumed, exact"
    assert [epoch // 10 for epoch in resumed[1]["resumed_epochs"][:2]] == [1, 3]


def test_an_uninterrupted_training_says_so(whole):
    member, check = whole
    assert (check["training"], check["resumed_epochs"], check["last_epoch"]) == ("uninterrupted", [], 59)
    assert epochs(member.log()) == list(range(60))


def epochs(log: str) -> list[int]:
    return [int(match[1]) for match in EPOCH.finditer(log)]


def test_a_resumed_training_repeats_no_finished_epoch(resumed):
    """At most the one whose checkpoint was not yet written when the kill came."""
    again = epochs(resumed[0].log())
    assert sorted(set(again)) == list(range(60))
    assert len(again) - 60 <= 3


def test_one_checkpoint_is_kept(resumed):
    """Each holds the weights and the optimiser; two hundred of them would fill a disk."""
    assert len(list((resumed[0].work / "checkpoints").glob("member-*.pt"))) == 1


def test_the_isolated_atoms_in_the_model_are_those_of_the_reference(resumed, labelled):
    member, check = resumed
    model = torch.load(member.model, weights_only=False)
    energies = model.atomic_energies_fn.atomic_energies.flatten().tolist()
    found = dict(zip(model.atomic_numbers.tolist(), energies, strict=True))
    assert found == pytest.approx({3: labelled.isolated_atoms_eV["Li"], 17: labelled.isolated_atoms_eV["Cl"]}, abs=1e-6)
    assert check["isolated_atoms_eV"] == {str(number): energy for number, energy in found.items()}


def test_the_check_describes_the_model(resumed, labelled):
    member, check = resumed
    assert check["sha256"] == sha256_of_file(member.model)
    assert check["heads"] == ["Default"]
    assert (check["frames"], check["batch_frames"]) == (6, 4)
    assert (check["seed"], check["bootstrap"], check["foundation_sha256"]) == (1, False, None)
    assert check["loss"].endswith("(energy_weight=1.000, forces_weight=100.000, stress_weight=1.000)")


def test_the_saved_model_is_that_of_the_best_epoch_averaged_over_steps(resumed, labelled):
    """Validation errors in the log are those of the averaged weights (EMA); the saved model must reproduce its own."""
    member, check = resumed
    lines = list(EPOCH.finditer(member.log()))
    losses = {int(match[1]): float(match[2]) for match in lines}
    assert losses[check["saved_epoch"]] == min(losses.values())
    logged = {int(match[1]): float(match[3]) for match in lines}[check["saved_epoch"]]
    committee = load_checked_committee([member.model], [member.check_path], device="cpu", dtype="float64")
    found = errors(predict(labelled.valid, committee))["force_rmse_meV_A"]
    assert found == pytest.approx(logged, abs=0.02)


def test_training_lowers_the_error(resumed, labelled):
    member, _ = resumed
    logged = [float(match[3]) for match in EPOCH.finditer(member.log())]
    assert min(logged) < 0.9 * logged[0]


@pytest.fixture(scope="module")
def fine_tuned(tmp_path_factory, resumed, labelled) -> tuple[Member, dict, Path, str]:
    """One epoch with a vanishing learning rate from the model above, on a resample and in the same work folder."""
    foundation = resumed[0].model
    folder = tmp_path_factory.mktemp("fine_tuned")
    shutil.copytree(resumed[0].work, folder / "work")
    (before,) = (folder / "work").glob("member-*.log")
    before.rename(folder / "before.log")
    sha256 = sha256_of_file(foundation)
    member = Member(folder)
    check = member.train(labelled, foundation=foundation, bootstrap=True, epochs=1, learning_rate=1e-12)
    return member, check, foundation, sha256


def test_fine_tuning_starts_from_the_weights_of_the_foundation(fine_tuned, labelled):
    member, check, foundation, sha256 = fine_tuned
    tuned = load_checked_committee([member.model], [member.check_path], device="cpu", dtype="float64")
    start = load_committee([foundation], sha256=[sha256], device="cpu", dtype="float64")
    for now, before in zip(predict(labelled.valid, tuned), predict(labelled.valid, start), strict=True):
        assert now["forces_eV_A"] == pytest.approx(before["forces_eV_A"], abs=1e-6)
        assert now["energy_eV_atom"] == pytest.approx(before["energy_eV_atom"], abs=1e-6)


def test_fine_tuning_leaves_the_foundation_as_it_was(fine_tuned):
    _, check, foundation, sha256 = fine_tuned
    assert sha256_of_file(foundation) == sha256 == check["foundation_sha256"]


def test_checkpoints_of_other_frames_are_not_resumed(fine_tuned, labelled):
    member, check, *_ = fine_tuned
    assert epochs(member.log()) == [0]
    assert check["last_epoch"] == check["saved_epoch"] == 0


def test_a_bootstrapped_member_trains_on_a_resample(fine_tuned, labelled):
    member, check, *_ = fine_tuned
    energies = [frame.info["REF_energy"] for frame in labelled.train]
    trained_on = [frame.info["REF_energy"] for frame in read_frames(member.work / "train.extxyz")]
    assert check["bootstrap"] is True
    assert len(trained_on) == len(energies)
    assert set(trained_on) < set(energies)
    assert len(read_frames(member.work / "valid.extxyz")) == len(labelled.valid)


def test_a_foundation_of_another_reference_takes_its_isolated_atoms(tmp_path, resumed, labelled):
    """mace silently keeps those of a foundation with the same elements, so it is given a copy."""
    shifted = {"Li": labelled.isolated_atoms_eV["Li"] + 1.0}
    check = Member(tmp_path).train(labelled, foundation=resumed[0].model, epochs=1, isolated_atoms_eV=shifted)
    assert check["isolated_atoms_eV"]["3"] == pytest.approx(shifted["Li"])


def test_a_training_that_diverged_is_refused(tmp_path, labelled):
    member = Member(tmp_path)
    with pytest.raises(SaltflowError, match=r"diverged: weights are not finite; lower learning\.training"):
        member.train(labelled, epochs=2, learning_rate=1e30)
    assert not member.model.exists()


def test_a_failure_of_mace_is_reported_with_its_reason(tmp_path, labelled):
    with pytest.raises(
        SaltflowError, match=rf"{SUBJECT}: mace's .*code 2: .*invalid float value: 'fast' \(see .*\.log\)"
    ):
        Member(tmp_path).train(labelled, learning_rate="fast", epochs=1)


def test_a_foundation_that_is_no_model_is_refused_before_anything_runs(tmp_path, labelled):
    broken = tmp_path / "broken.model"
    broken.write_bytes(b"no model")
    with pytest.raises(SaltflowError, match=rf"{SUBJECT}: the foundation .*broken\.model cannot be read as a model"):
        Member(tmp_path).train(labelled, foundation=broken, epochs=1)


@pytest.mark.parametrize("missing", ["train", "valid"])
def test_missing_frames_are_refused_before_anything_runs(tmp_path, labelled, missing):
    empty = Labelled.__new__(Labelled)
    empty.__dict__ |= labelled.__dict__ | {missing: []}
    with pytest.raises(SaltflowError, match=r"there are \d training and \d validation frames; label more"):
        Member(tmp_path).train(empty)
    assert not (tmp_path / "work").exists()


def test_a_foundation_needs_its_hash(tmp_path):
    model = tmp_path / "foundation.model"
    model.write_bytes(b"weights")
    sha256 = sha256_of_file(model)
    (tmp_path / "released.json").write_text(json.dumps({"sha256": sha256}))
    assert checked_foundation({"kind": "none"}, path=None, release=None) is None
    assert checked_foundation({"kind": "file", "sha256": sha256}, path=str(model), release=None) == model
    release = str(tmp_path / "released.json")
    assert checked_foundation({"kind": "potential", "name": "base"}, path=str(model), release=release) == model
    model.write_bytes(b"other weights")
    with pytest.raises(SaltflowError, match="was not loaded"):
        checked_foundation({"kind": "potential", "name": "base"}, path=str(model), release=release)
