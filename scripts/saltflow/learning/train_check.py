"""Check a training by mace-torch 0.3.16 for its silent errors, in the saved model and in the log.

Each failure is a sentence with potential, generation, member and remedy.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import torch
from ase.data import chemical_symbols

from saltflow.base.errors import SaltflowError
from saltflow.learning.recipes import is_frozen
from saltflow.potentials.mace import started_from_foundation

E0_TOLERANCE_EV = 1e-3
# Of the force error before the first epoch: mace prints hundredths of meV/Å, and float32 sums differ.
START_TOLERANCE, START_TOLERANCE_MEV_A = 2e-3, 0.02
HEADS = ["Default"]
EPOCH_LINE = re.compile(r"Epoch (\d+):.*loss=\s*([^\s,]+)")
START_LINE = re.compile(r"Initial:.*RMSE_F=\s*(\S+) meV")
SAVED_LINE = re.compile(r"Loaded Stage one model from epoch (\d+)")
LOSS_LINE = re.compile(r"WeightedEnergyForcesStressLoss\(.*\)")
LABELS_LINE = re.compile(r"Total Training set \[(.*)\]")
HEADS_LINE = re.compile(r"Using heads: (\[.*\])")
BATCH_LINE = re.compile(r"Batch size: (\d+)")


@dataclass(frozen=True)
class TrainingRequest:
    """What a training must do.

    subject: potential, generation and member. isolated_atoms_eV: atomic number → energy in eV.
    training: the section `learning.training`. frames: number of training frames. batch: frames per step.
    resumed_epoch: epoch with which the last attempt must begin; 0 without a checkpoint.
    """

    subject: str
    isolated_atoms_eV: Mapping[int, float]
    training: Mapping
    frames: int
    batch: int
    resumed_epoch: int

    def fail(self, sentence: str) -> NoReturn:
        """Raise a SaltflowError with the sentence after the subject."""
        raise SaltflowError(f"{self.subject}: {sentence}")


def check_foundation(foundation: torch.nn.Module, request: TrainingRequest) -> None:
    """Make sure that a foundation fits a training, before it starts.

    Raises:
        SaltflowError: it has several heads, or lacks an element.
    """
    heads = list(getattr(foundation, "heads", HEADS))
    if len(heads) > 1:
        request.fail(
            f"the foundation has the heads {', '.join(heads)}, of which mace would silently take one; write one into "
            "its own file (mace_select_head --head_name …) and pin that in potentials.tsv."
        )
    known = {int(number) for number in foundation.atomic_numbers}
    if missing := [chemical_symbols[number] for number in request.isolated_atoms_eV if number not in known]:
        request.fail(
            f"the foundation does not know {', '.join(missing)}; start from one that does, or from none (column "
            "foundation of potentials.tsv)."
        )


def check_training(
    model: torch.nn.Module,
    log: str,
    request: TrainingRequest,
    *,
    earlier: str,
    foundation: torch.nn.Module | None,
    start_meV_A: float | None,
) -> dict:
    """Make sure that the saved model is the requested one.

    Args:
        model: as saved.
        log: of mace, of the attempt that ended the training.
        request: of the training.
        earlier: log of killed attempts.
        foundation: as in its file, if there is one.
        start_meV_A: force error of the foundation on the validation frames.

    Returns:
        the findings, for `train_check.json`.

    Raises:
        SaltflowError: the first error.
    """
    return (
        _check_weights(model, request)
        | _check_isolated_atoms(model, request)
        | _check_heads(model, log, request)
        | _check_data(log, request)
        | _check_epochs(log, request)
        | (_check_start(earlier + log, request, start_meV_A=start_meV_A) if foundation is not None else {})
        | (_check_recipe(model, foundation, request) if foundation is not None else {})
    )


def _check_weights(model: torch.nn.Module, request: TrainingRequest) -> dict:
    if not all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters()):
        request.fail("the training diverged: weights are not finite; lower learning.training.learning_rate.")
    wanted = getattr(torch, request.training["dtype"])
    if other := sorted({str(each.dtype) for each in model.parameters() if each.dtype != wanted}):
        request.fail(
            f"weights are {', '.join(other)} instead of {request.training['dtype']} (learning.training.dtype): mace "
            "kept the foundation's precision; set dtype to that."
        )
    return {"dtype": request.training["dtype"]}


def _check_isolated_atoms(model: torch.nn.Module, request: TrainingRequest) -> dict:
    """Elements of the model are those of its frames; their energies are those of the reference."""
    numbers = [int(number) for number in model.atomic_numbers]
    if sorted(numbers) != sorted(request.isolated_atoms_eV):
        shown = [
            ", ".join(chemical_symbols[each] for each in sorted(every))
            for every in (numbers, request.isolated_atoms_eV)
        ]
        request.fail(f"the model knows {shown[0]} where its frames hold {shown[1]}; report it with the log.")
    found = dict(zip(numbers, model.atomic_energies_fn.atomic_energies.double().flatten().tolist(), strict=True))
    wanted = request.isolated_atoms_eV
    if wrong := [number for number in wanted if abs(found[number] - wanted[number]) > E0_TOLERANCE_EV]:
        request.fail(
            f"the trained model has other isolated-atom energies than the reference for Z = {wrong}: mace kept those "
            "of the foundation or of a training frame; report it with the log."
        )
    return {"isolated_atoms_eV": {str(number): found[number] for number in wanted}}


def _check_heads(model: torch.nn.Module, log: str, request: TrainingRequest) -> dict:
    heads = list(getattr(model, "heads", HEADS))
    if heads != HEADS or HEADS_LINE.findall(log)[-1:] != [str(HEADS)]:
        request.fail(f"the trained model has the heads {heads} instead of {HEADS}; report it with the log.")
    return {"heads": heads}


def _check_data(log: str, request: TrainingRequest) -> dict:
    """Every label was read, batches can be filled, and the weights of the loss are those of the settings."""
    counts = dict(part.split(": ") for part in (LABELS_LINE.findall(log) or [""])[-1].split(", ") if part)
    for name in ("energy", "forces", "stress"):
        if int(counts.get(name, 0)) != request.frames:
            request.fail(
                f"mace read {counts.get(name, 0)} labels of {name} from {request.frames} frames, and ignores "
                f"missing ones; label the frames again, or remove the imported set that lacks REF_{name}."
            )
    batch = int((BATCH_LINE.findall(log) or ["0"])[-1])
    if not 0 < batch == request.batch <= request.frames:
        request.fail(
            f"mace took batches of {batch} from {request.frames} frames instead of {request.batch}, and drops a "
            "batch that it cannot fill; lower learning.training.batch_frames."
        )
    weights = ", ".join(
        f"{name}_weight={request.training[f'{name}_weight']:.3f}" for name in ("energy", "forces", "stress")
    )
    loss = (LOSS_LINE.findall(log) or ["another loss"])[-1]
    if loss != f"WeightedEnergyForcesStressLoss({weights})":
        request.fail(f"mace trained with {loss} instead of ({weights}); report it with the log.")
    return {"frames": request.frames, "batch_frames": batch, "loss": loss}


def _check_epochs(log: str, request: TrainingRequest) -> dict:
    """The training began with the epoch after its checkpoint and reached its last epoch."""
    epochs = [int(number) for number, _ in EPOCH_LINE.findall(log)]
    wanted = list(range(request.resumed_epoch, request.training["epochs"]))
    if not epochs and wanted:
        request.fail(
            f"mace trained no epoch on {request.frames} frames in batches of {request.batch}; raise "
            "learning.training.epochs, or see the log."
        )
    if epochs[:1] != wanted[:1]:
        request.fail(
            f"the training began at epoch {epochs[0]} where epoch {request.resumed_epoch} was to be the next; delete "
            "the folder of its checkpoint and train again."
        )
    if epochs[-1:] != wanted[-1:]:
        request.fail(
            f"the training ended after epoch {epochs[-1]} of {request.training['epochs']}; train again to resume it."
        )
    return {"last_epoch": request.training["epochs"] - 1, "saved_epoch": int(SAVED_LINE.findall(log)[-1])}


def _check_start(log: str, request: TrainingRequest, *, start_meV_A: float) -> dict:
    """The training started from the weights of the foundation, since it had its errors."""
    logged = START_LINE.search(log)
    found = float(logged[1]) if logged else np.nan
    if not abs(found - start_meV_A) <= START_TOLERANCE_MEV_A + START_TOLERANCE * start_meV_A:
        request.fail(
            f"before the first epoch the model had a force error of {found:.2f} meV/Å on the validation frames where "
            f"the foundation has {start_meV_A:.2f}: its weights were not the start; report it with the log, or choose "
            "another foundation."
        )
    return {"start_force_rmse_meV_A": found, "foundation_force_rmse_meV_A": start_meV_A}


def _check_recipe(model: torch.nn.Module, foundation: torch.nn.Module, request: TrainingRequest) -> dict:
    """Frozen weights are unchanged to the last bit; others are not."""
    before = dict(started_from_foundation(model, foundation).named_parameters())
    after = dict(model.named_parameters())
    if before.keys() != after.keys():
        request.fail("the saved model has other layers than the foundation; report it with the log.")
    moved = {name: _change(before[name], after[name]) for name in after}
    if wrong := [name for name, change in moved.items() if change > 0 and is_frozen(name, request.training)]:
        request.fail(
            f"frozen weights of the recipe {request.training['recipe']} changed ({wrong[0]}, {len(wrong)} in all); "
            "use another learning.training.recipe."
        )
    if not any(moved.values()):
        request.fail("no weight was trained; raise learning.training.learning_rate or epochs.")
    parts = sorted({name.split(".")[0] for name in moved})
    return {
        "recipe": request.training["recipe"],
        "largest_change": {
            part: max(change for name, change in moved.items() if name.split(".")[0] == part) for part in parts
        },
    }


def _change(before: torch.Tensor, after: torch.Tensor) -> float:
    """Largest change of a weight, relative to the largest weight of its tensor."""
    difference = (after.detach() - before.detach()).abs().amax() if after.numel() else torch.zeros(())
    return (
        float(difference / before.detach().abs().amax().clamp_min(torch.finfo(before.dtype).tiny))
        if difference
        else 0.0
    )
