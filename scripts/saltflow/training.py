"""Training one MACE model: the only module that knows mace's training program.

The program is run as a process of its own, always from the original foundation. What mace-torch is known to
get silently wrong is checked afterwards in the saved model and the log, and fails in a sentence.
"""

import logging
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.data import atomic_numbers

from saltflow.bound_child import bound_command
from saltflow.dataset import write_frames
from saltflow.errors import SaltflowError
from saltflow.provenance import atomic_write, check_hash, digest, pinned_hash, sha256_of_file, write_json

log = logging.getLogger(__name__)
E0_TOLERANCE_EV = 1e-3
# Left alone, mace deletes the last checkpoint before it writes the next: a kill in between would lose all epochs.
FLAGS = ("--ema", "--restart_latest", "--save_cpu", "--keep_checkpoints")
EPOCH_LINE = re.compile(r"Epoch (\d+):.*loss=\s*([^\s,]+)")
CHECKPOINT = re.compile(r"_epoch-(\d+)\.pt$")
SAVED_LINE = re.compile(r"Loaded Stage one model from epoch (\d+)")


def train_member(
    train: Sequence[Atoms],
    valid: Sequence[Atoms],
    *,
    isolated_atoms_eV: Mapping[str, float],
    foundation: Path | None,
    model: Mapping,
    training: Mapping,
    device: str,
    seed: int,
    bootstrap: bool,
    workdir: Path,
    model_path: Path,
    check_path: Path,
) -> None:
    """Train one member of a committee and check what came out.

    Args:
        train, valid: labelled frames (REF_energy, REF_forces, REF_stress).
        isolated_atoms_eV: symbol → energy of the isolated atom by the same reference.
        foundation: a model file to start from, or None to start from scratch.
        model: the section `learning.model`; used only from scratch.
        training: the section `learning.training`.
        device: cpu or cuda.
        seed: of initial weights, shuffling and bootstrap.
        bootstrap: train on a resample (with replacement) of the frames; the spread of such members measures
            how much the data determine the model.
        workdir: folder of checkpoints; the same data continue from the last epoch found there.
        model_path, check_path: where the model and its `train_check.json` are written.

    Raises:
        SaltflowError: no frames, training failed, or the saved model is not what was asked for.
    """
    if not train or not valid:
        raise SaltflowError(
            f"There are {len(train)} training and {len(valid)} validation frames; label more (learning.seeds.cells)."
        )
    frames = _resampled(train, seed) if bootstrap else list(train)
    workdir.mkdir(parents=True, exist_ok=True)
    write_frames(workdir / "train.extxyz", frames)
    write_frames(workdir / "valid.extxyz", valid)
    elements = sorted({symbol for frame in [*train, *valid] for symbol in frame.symbols}, key=atomic_numbers.get)
    energies = {atomic_numbers[symbol]: isolated_atoms_eV[symbol] for symbol in elements}
    batch = min(training["batch_frames"], len(frames))
    name = _name(workdir, energies, foundation=foundation, model=model, training=training, seed=seed)
    log_path = workdir / f"{name}.log"
    arguments = [
        *_general_arguments(name, workdir, energies, training=training, device=device, batch=batch, seed=seed),
        *(_foundation_arguments(foundation) if foundation else _model_arguments(model)),
    ]
    _drop_unreadable_checkpoints(workdir / "checkpoints")
    _run_mace(arguments, log_path, checkpoints=workdir / "checkpoints", epochs=training["epochs"])
    saved = workdir / f"{name}.model"
    check = _check(saved, log_path, energies=energies, frames=len(frames), batch=batch, foundation=foundation)
    with atomic_write(model_path) as temporary:
        shutil.copyfile(saved, temporary)
    write_json(check_path, check | {"sha256": sha256_of_file(model_path), "seed": seed, "bootstrap": bootstrap})


def pinned_foundation(foundation: Mapping, *, path: str | None, release: str | None) -> Path | None:
    """The model file to start from, after its hash was found to be the pinned one; None for from scratch.

    Args:
        foundation: kind (none, file or potential) and, for a file, its sha256.
        path: of the model file.
        release: of the record that pins a foundation trained by this workflow.

    Raises:
        SaltflowError: the file is missing or its hash differs.
    """
    if foundation["kind"] == "none":
        return None
    check_hash(path, pinned=pinned_hash(foundation, release=release))
    return Path(path)


def _resampled(frames: Sequence[Atoms], seed: int) -> list[Atoms]:
    chosen = np.random.default_rng(seed).integers(len(frames), size=len(frames))
    return [frames[index] for index in chosen]


def _name(
    workdir: Path,
    energies: Mapping[int, float],
    *,
    foundation: Path | None,
    model: Mapping,
    training: Mapping,
    seed: int,
) -> str:
    """The name by which mace finds its checkpoints: another for whatever makes another model."""
    data = [sha256_of_file(workdir / f"{part}.extxyz") for part in ("train", "valid")]
    start = sha256_of_file(foundation) if foundation else dict(model)
    return "member-" + digest([data, dict(energies), start, dict(training), seed])


def _general_arguments(
    name: str, workdir: Path, energies: Mapping[int, float], *, training: Mapping, device: str, batch: int, seed: int
) -> list[str]:
    options = {
        "name": name,
        "work_dir": workdir,
        "model_dir": workdir,
        "log_dir": workdir / "logs",
        "checkpoints_dir": workdir / "checkpoints",
        "results_dir": workdir / "results",
        "train_file": workdir / "train.extxyz",
        "valid_file": workdir / "valid.extxyz",
        "E0s": str(dict(energies)),
        "energy_key": "REF_energy",
        "forces_key": "REF_forces",
        "stress_key": "REF_stress",
        "loss": "stress",
        "energy_weight": training["energy_weight"],
        "forces_weight": training["forces_weight"],
        "stress_weight": training["stress_weight"],
        "batch_size": batch,
        "valid_batch_size": batch,
        "max_num_epochs": training["epochs"],
        "patience": training["epochs"],
        "lr": training["learning_rate"],
        "scheduler": "ExponentialLR",
        "lr_scheduler_gamma": 0.05 ** (1 / training["epochs"]),
        "ema_decay": 0.99,
        "clip_grad": 10.0,
        "default_dtype": training["dtype"],
        "device": device,
        "seed": seed,
        "num_workers": 0,
        "plot": False,
        "error_table": "PerAtomRMSEstressvirials",
    }
    return [*(f"--{key}={value}" for key, value in options.items()), *FLAGS]


def _model_arguments(model: Mapping) -> list[str]:
    options = {
        "model": "ScaleShiftMACE",
        "scaling": "rms_forces_scaling",
        "r_max": model["cutoff_A"],
        "num_channels": model["channels"],
        "max_L": model["max_L"],
        "max_ell": model["max_ell"],
        "correlation": model["correlation"],
        "num_interactions": model["interactions"],
        "num_radial_basis": model["radial_basis"],
        "radial_MLP": str([model["radial_width"]] * 3),
    }
    return [*(f"--{key}={value}" for key, value in options.items()), "--pair_repulsion"]


def _foundation_arguments(foundation: Path) -> list[str]:
    return [f"--foundation_model={foundation}", "--multiheads_finetuning=False"]


def _drop_unreadable_checkpoints(folder: Path) -> None:
    """A checkpoint cut off by a kill makes mace start again from epoch 0 without a word; the one before it serves."""
    for path in folder.glob("*.pt"):
        try:
            torch.load(path, map_location="cpu", weights_only=False)
        except Exception:
            log.warning("checkpoint %s cannot be read and is dropped", path.name)
            path.unlink()


def _drop_old_checkpoints(folder: Path, *, epoch: int) -> None:
    """Keep the newest checkpoint from before `epoch`, which is whole, and what is being written since."""
    found = {int(match[1]): path for path in folder.glob("*.pt") if (match := CHECKPOINT.search(path.name))}
    for old in sorted(number for number in found if number < epoch)[:-1]:
        found[old].unlink()


def _run_mace(arguments: Sequence[str], log_path: Path, *, checkpoints: Path, epochs: int) -> None:
    command = bound_command("mace.cli.run_train", arguments)
    # Line by line, so that the log of a killed job holds every epoch that was trained.
    with (
        log_path.open("a", buffering=1) as record,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process,
    ):
        try:
            for line in process.stdout:
                record.write(line)
                if match := EPOCH_LINE.search(line):
                    _drop_old_checkpoints(checkpoints, epoch=int(match[1]))
                    if int(match[1]) % max(1, epochs // 10) == 0:
                        log.info("epoch %s of %d · validation loss %s", match[1], epochs, match[2])
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        tail = log_path.read_text().strip().splitlines()[-1]
        raise SaltflowError(f"mace's training stopped with exit code {process.returncode}: {tail} (see {log_path}).")


def _check(
    saved: Path, log_path: Path, *, energies: Mapping[int, float], frames: int, batch: int, foundation: Path | None
) -> dict:
    """Assert in the saved model and the log what mace does not check itself.

    Raises:
        SaltflowError: the E0s or heads of the model are not those asked for, its weights are not finite, or no
            epoch was trained.
    """
    model = torch.load(saved, map_location="cpu", weights_only=False)
    if not all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters()):
        raise SaltflowError("The training diverged: weights are not finite; lower learning.training.learning_rate.")
    numbers = [int(number) for number in model.atomic_numbers]
    found = dict(zip(numbers, model.atomic_energies_fn.atomic_energies.double().flatten().tolist(), strict=True))
    wrong = [number for number in energies if abs(found.get(number, np.inf) - energies[number]) > E0_TOLERANCE_EV]
    if wrong:
        raise SaltflowError(
            f"The trained model has other isolated-atom energies than the reference for Z = {wrong}: mace kept the "
            "foundation's; give the foundation's reference the same settings or train from another foundation."
        )
    heads = list(getattr(model, "heads", ["Default"]))
    if len(heads) != 1:
        raise SaltflowError(f"The trained model has the heads {heads} where one was asked for; report it with the log.")
    said = log_path.read_text()
    epochs = [int(match[1]) for match in EPOCH_LINE.finditer(said)]
    if not epochs:
        raise SaltflowError(f"mace trained no epoch on {frames} frames in batches of {batch}; see {log_path}.")
    return {
        "isolated_atoms_eV": {str(number): found[number] for number in energies},
        "heads": heads,
        "frames": frames,
        "batch_frames": batch,
        "last_epoch": max(epochs),
        "saved_epoch": int(SAVED_LINE.findall(said)[-1]),
        "foundation_sha256": sha256_of_file(foundation) if foundation else None,
    }
