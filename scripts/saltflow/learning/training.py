"""Train one MACE model: the adapter of mace's training program.

The program runs in a process of its own, always from the original foundation. Its known silent errors are checked
afterwards (`train_check`).
"""

import logging
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.data import atomic_numbers

from saltflow.base.child_process import bound_command
from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import copy_file, digest, sha256_of_file, title, write_json
from saltflow.labels.frames import write_frames
from saltflow.learning.foundations import Foundation, FoundationBaseline
from saltflow.learning.recipes import draw_replayed, recipe_arguments
from saltflow.learning.train_check import EPOCH_LINE, TrainingRequest, check_training
from saltflow.learning.training_checkpoint import continuity, read_checkpoint
from saltflow.materials.frame_info import FrameInfo

log = logging.getLogger(__name__)
FLAGS = ("--ema", "--save_cpu")


def train_member(
    train: Sequence[Atoms],
    valid: Sequence[Atoms],
    *,
    product: Mapping[str, object],
    isolated_atoms_eV: Mapping[str, float],
    foundation: Foundation | None,
    model: Mapping,
    training: Mapping,
    device: str,
    seed: int,
    bootstrap: bool,
    workdir: Path,
    model_path: Path,
    check_path: Path,
) -> None:
    """Train one member of a committee and check the result.

    Args:
        train, valid: labelled frames.
        product: of `provenance.identity`: the potential, generation and member.
        isolated_atoms_eV: symbol → energy of the isolated atom by the same reference.
        foundation: of the training, or None for a training from scratch.
        model: the section `learning.model`, for a training from scratch.
        training: the section `learning.training`.
        device: cpu or cuda.
        seed: of initial weights, shuffling, bootstrap and replayed frames.
        bootstrap: train on a resample (with replacement) of the frames; the disagreement of such members measures how
            well the data determine the model.
        workdir: folder of checkpoints; the same data resume at the last epoch in it.
        model_path, check_path: of the model and its `train_check.json`.

    Raises:
        SaltflowError: no frames, a failed training, or a saved model that is not the requested one.
    """
    subject = title(product)
    if not train or not valid:
        raise SaltflowError(
            f"{subject}: there are {len(train)} training and {len(valid)} validation frames; label more "
            "(learning.initial_structures.cells)."
        )
    frames = _resampled(train, seed) if bootstrap else list(train)
    known = foundation.train if foundation and training["recipe"] == "replay" else []
    again = draw_replayed(known, frames=len(frames), training=training, seed=seed)
    elements = {symbol for frame in [*train, *known, *valid] for symbol in frame.symbols}
    request = TrainingRequest(
        subject=subject,
        isolated_atoms_eV={
            atomic_numbers[each]: isolated_atoms_eV[each] for each in sorted(elements, key=atomic_numbers.get)
        },
        training=training,
        frames=len(frames) + len(again),
        batch=min(training["batch_frames"], len(frames) + len(again)),
        resumed_epoch=0,
    )
    workdir.mkdir(parents=True, exist_ok=True)
    baseline = FoundationBaseline(foundation, valid, request, device=device) if foundation else None
    write_frames(workdir / "train.extxyz", [*frames, *(baseline.with_labels(again, workdir) if baseline else [])])
    write_frames(workdir / "valid.extxyz", valid)
    name = _name(workdir, request, baseline=baseline, model=model, seed=seed)
    checkpoint = workdir / "checkpoints" / f"{name}_run-{seed}.pt"
    request = replace(request, resumed_epoch=(read_checkpoint(checkpoint) or {"epoch": 0})["epoch"])
    arguments = [
        *_general_arguments(name, workdir, request, device=device, seed=seed),
        *(_foundation_arguments(baseline.start(workdir), training) if baseline else _model_arguments(model)),
    ]
    log_path = workdir / f"{name}.log"
    earlier = log_path.read_text() if log_path.exists() else ""
    _run_mace(arguments, log_path, epochs=training["epochs"], subject=subject)
    saved = workdir / f"{name}.model"
    check = check_training(
        torch.load(saved, map_location="cpu", weights_only=False),
        log_path.read_text().removeprefix(earlier),
        request,
        earlier=earlier,
        foundation=baseline.model if baseline else None,
        start_meV_A=baseline.force_rmse_meV_A if baseline else None,
    )
    check |= baseline.compared_with(saved, replayed_frames=len(again)) if baseline else {"foundation_sha256": None}
    copy_file(saved, model_path)
    check |= continuity(read_checkpoint(checkpoint)["attempts"])
    made = {"sha256": sha256_of_file(model_path), "seed": seed, "bootstrap": bootstrap}
    write_json(check_path, {**product, **check, **made})


def _resampled(frames: Sequence[Atoms], seed: int) -> list[Atoms]:
    chosen = np.random.default_rng(seed).integers(len(frames), size=len(frames))
    return [frames[index] for index in chosen]


def _name(
    workdir: Path, request: TrainingRequest, *, baseline: FoundationBaseline | None, model: Mapping, seed: int
) -> str:
    """The name of mace's checkpoints, a digest of everything that changes the model."""
    data = [sha256_of_file(workdir / f"{part}.extxyz") for part in ("train", "valid")]
    start: object = baseline.sha256 if baseline else dict(model)
    if baseline and not baseline.is_on_the_reference:
        start = [start, "isolated atoms of the reference"]
    return "member-" + digest([data, dict(request.isolated_atoms_eV), start, dict(request.training), seed])


def _general_arguments(name: str, workdir: Path, request: TrainingRequest, *, device: str, seed: int) -> list[str]:
    training = request.training
    options = {
        "name": name,
        "work_dir": workdir,
        "model_dir": workdir,
        "log_dir": workdir / "logs",
        "checkpoints_dir": workdir / "checkpoints",
        "results_dir": workdir / "results",
        "train_file": workdir / "train.extxyz",
        "valid_file": workdir / "valid.extxyz",
        # Named, because a resample may lack an element.
        "atomic_numbers": str(list(request.isolated_atoms_eV)),
        "E0s": str(dict(request.isolated_atoms_eV)),
        "energy_key": FrameInfo.reference_energy_eV.on_disk,
        "forces_key": FrameInfo.reference_forces_eV_A.on_disk,
        "stress_key": FrameInfo.reference_stress_eV_A3.on_disk,
        "loss": "stress",
        "energy_weight": training["energy_weight"],
        "forces_weight": training["forces_weight"],
        "stress_weight": training["stress_weight"],
        "batch_size": request.batch,
        "valid_batch_size": request.batch,
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


def _foundation_arguments(foundation: Path, training: Mapping) -> list[str]:
    return [f"--foundation_model={foundation}", "--multiheads_finetuning=False", *recipe_arguments(training)]


def _run_mace(arguments: Sequence[str], log_path: Path, *, epochs: int, subject: str) -> None:
    command = bound_command("saltflow.learning.mace_training", arguments)
    # Unbuffered: the log of a killed job holds every epoch, and the reason of a failure is its last line.
    with (
        log_path.open("a", buffering=1) as record,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        ) as process,
    ):
        try:
            for line in process.stdout:
                record.write(line)
                match = EPOCH_LINE.search(line)
                if match and int(match[1]) % max(1, epochs // 10) == 0:
                    log.info("epoch %s of %d · validation loss %s", match[1], epochs, match[2])
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        tail = log_path.read_text().strip().splitlines()[-1]
        raise SaltflowError(
            f"{subject}: mace's training stopped with exit code {process.returncode}: {tail} (see {log_path})."
        )
