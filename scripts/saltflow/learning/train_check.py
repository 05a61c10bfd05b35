"""What mace-torch 0.3.16 gets wrong without a word, asserted after every training: in the saved model and in its log.

Each failure is a sentence that names the potential, the generation and the member, and says what to do.
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
# Of the force error at the start of the training: mace prints hundredths of meV/Å, and float32 differs in summation.
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
class Asked:
    """What a training was asked for.

    subject: the potential, generation and member. isolated_atoms_eV: atomic number → energy in eV.
    training: the section `learning.training`. frames: number of training frames. batch: frames per step.
    resumed_epoch: the epoch of the checkpoint from which the last attempt had to go on; 0 without one.
    """

    subject: str
    isolated_atoms_eV: Mapping[int, float]
    training: Mapping
    frames: int
    batch: int
    resumed_epoch: int

    def refuse(self, sentence: str) -> NoReturn:
        """Raises: SaltflowError: with the sentence, after the subject."""
        raise SaltflowError(f"{self.subject}: {sentence}")


def check_foundation(foundation: torch.nn.Module, asked: Asked) -> None:
    """Make sure that a foundation can teach what it is asked for, before anything is trained.

    Raises:
        SaltflowError: it has several heads, or does not know an element.
    """
    heads = list(getattr(foundation, "heads", HEADS))
    if len(heads) > 1:
        asked.refuse(
            f"the foundation has the heads {', '.join(heads)}, of which mace would take one unasked; write one into a "
            "file of its own (mace_select_head --head_name …) and pin that in the table of potentials."
        )
    known = {int(number) for number in foundation.atomic_numbers}
    if missing := [chemical_symbols[number] for number in asked.isolated_atoms_eV if number not in known]:
        asked.refuse(
            f"the foundation does not know {', '.join(missing)}; start from one that does, or from none (column "
            "foundation of the table of potentials)."
        )


def check_training(
    model: torch.nn.Module,
    said: str,
    asked: Asked,
    *,
    earlier: str,
    foundation: torch.nn.Module | None,
    start_meV_A: float | None,
) -> dict:
    """Assert that the saved model is what was asked for.

    Args:
        model: as it was saved.
        said: mace's log of the attempt that ended the training.
        asked: what should have come out.
        earlier: its log of attempts that were killed.
        foundation: what it started from, if anything, as it is in its file.
        start_meV_A: force error of the foundation on the validation frames.

    Returns:
        what was found, for `train_check.json`.

    Raises:
        SaltflowError: the first thing that is wrong.
    """
    return (
        _check_weights(model, asked)
        | _check_isolated_atoms(model, asked)
        | _check_heads(model, said, asked)
        | _check_data(said, asked)
        | _check_epochs(said, asked)
        | (_check_start(earlier + said, asked, start_meV_A=start_meV_A) if foundation is not None else {})
        | (_check_recipe(model, foundation, asked) if foundation is not None else {})
    )


def _check_weights(model: torch.nn.Module, asked: Asked) -> dict:
    if not all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters()):
        asked.refuse("the training diverged: weights are not finite; lower learning.training.learning_rate.")
    wanted = getattr(torch, asked.training["dtype"])
    if other := sorted({str(each.dtype) for each in model.parameters() if each.dtype != wanted}):
        asked.refuse(
            f"weights are {', '.join(other)} where learning.training.dtype is {asked.training['dtype']}: mace kept the "
            "foundation's precision; set dtype to that."
        )
    return {"dtype": asked.training["dtype"]}


def _check_isolated_atoms(model: torch.nn.Module, asked: Asked) -> dict:
    """Also that the model knows the elements of its frames and no others."""
    numbers = [int(number) for number in model.atomic_numbers]
    if sorted(numbers) != sorted(asked.isolated_atoms_eV):
        shown = [
            ", ".join(chemical_symbols[each] for each in sorted(every)) for every in (numbers, asked.isolated_atoms_eV)
        ]
        asked.refuse(f"the model knows {shown[0]} where its frames hold {shown[1]}; report it with the log.")
    found = dict(zip(numbers, model.atomic_energies_fn.atomic_energies.double().flatten().tolist(), strict=True))
    wanted = asked.isolated_atoms_eV
    if wrong := [number for number in wanted if abs(found[number] - wanted[number]) > E0_TOLERANCE_EV]:
        asked.refuse(
            f"the trained model has other isolated-atom energies than the reference for Z = {wrong}: mace kept those "
            "of the foundation or of a training frame; train from a foundation of the same reference settings, or "
            "from one with more elements."
        )
    return {"isolated_atoms_eV": {str(number): found[number] for number in wanted}}


def _check_heads(model: torch.nn.Module, said: str, asked: Asked) -> dict:
    heads = list(getattr(model, "heads", HEADS))
    if heads != HEADS or HEADS_LINE.findall(said)[-1:] != [str(HEADS)]:
        asked.refuse(f"the trained model has the heads {heads} where {HEADS} were asked for; report it with the log.")
    return {"heads": heads}


def _check_data(said: str, asked: Asked) -> dict:
    """That every label was read, that a batch can be filled, and that the loss weighs as the settings say."""
    counts = dict(part.split(": ") for part in (LABELS_LINE.findall(said) or [""])[-1].split(", ") if part)
    for name in ("energy", "forces", "stress"):
        if int(counts.get(name, 0)) != asked.frames:
            asked.refuse(
                f"mace read {counts.get(name, 0)} labels of {name} from {asked.frames} frames, and fits what is "
                f"missing to nothing; label the frames again, or take the imported set out that lacks REF_{name}."
            )
    batch = int((BATCH_LINE.findall(said) or ["0"])[-1])
    if not 0 < batch == asked.batch <= asked.frames:
        asked.refuse(
            f"mace took batches of {batch} from {asked.frames} frames where {asked.batch} were asked for, and drops a "
            "batch that it cannot fill; lower learning.training.batch_frames."
        )
    weights = ", ".join(
        f"{name}_weight={asked.training[f'{name}_weight']:.3f}" for name in ("energy", "forces", "stress")
    )
    loss = (LOSS_LINE.findall(said) or ["another loss"])[-1]
    if loss != f"WeightedEnergyForcesStressLoss({weights})":
        asked.refuse(f"mace trained with {loss} where ({weights}) was asked for; report it with the log.")
    return {"frames": asked.frames, "batch_frames": batch, "loss": loss}


def _check_epochs(said: str, asked: Asked) -> dict:
    """A checkpoint that cannot be read makes mace begin again at epoch 0, and too few frames train nothing."""
    epochs = [int(number) for number, _ in EPOCH_LINE.findall(said)]
    if not epochs:
        asked.refuse(
            f"mace trained no epoch on {asked.frames} frames in batches of {asked.batch}; raise "
            "learning.training.epochs, or see the log."
        )
    if epochs[0] != asked.resumed_epoch:
        asked.refuse(
            f"the training began at epoch {epochs[0]} where a checkpoint of epoch {asked.resumed_epoch} was to be "
            "continued; delete the folder of its checkpoints and train again."
        )
    if epochs[-1] != asked.training["epochs"] - 1:
        asked.refuse(
            f"the training ended after epoch {epochs[-1]} of {asked.training['epochs']}; train again, it goes on there."
        )
    return {
        "resumed_epoch": asked.resumed_epoch,
        "last_epoch": epochs[-1],
        "saved_epoch": int(SAVED_LINE.findall(said)[-1]),
    }


def _check_start(said: str, asked: Asked, *, start_meV_A: float) -> dict:
    """That the first model of all had the foundation's errors: its weights were really the start."""
    logged = START_LINE.search(said)
    found = float(logged[1]) if logged else np.nan
    if not abs(found - start_meV_A) <= START_TOLERANCE_MEV_A + START_TOLERANCE * start_meV_A:
        asked.refuse(
            f"before the first epoch the model had a force error of {found:.2f} meV/Å on the validation frames where "
            f"the foundation has {start_meV_A:.2f}: its weights were not the start; report it with the log, or choose "
            "another foundation."
        )
    return {"start_force_rmse_meV_A": found, "foundation_force_rmse_meV_A": start_meV_A}


def _check_recipe(model: torch.nn.Module, foundation: torch.nn.Module, asked: Asked) -> dict:
    """That frozen weights ended as they began, to the last bit, and the others did not."""
    before = dict(started_from_foundation(model, foundation).named_parameters())
    after = dict(model.named_parameters())
    if before.keys() != after.keys():
        asked.refuse("the saved model has other layers than the foundation; report it with the log.")
    moved = {name: _change(before[name], after[name]) for name in after}
    if wrong := [name for name, change in moved.items() if change > 0 and is_frozen(name, asked.training)]:
        asked.refuse(
            f"weights that the recipe {asked.training['recipe']} keeps have changed ({wrong[0]}, {len(wrong)} in all); "
            "use another learning.training.recipe."
        )
    if not any(moved.values()):
        asked.refuse("no weight was trained; raise learning.training.learning_rate or epochs.")
    parts = sorted({name.split(".")[0] for name in moved})
    return {
        "recipe": asked.training["recipe"],
        "largest_change": {
            part: max(change for name, change in moved.items() if name.split(".")[0] == part) for part in parts
        },
    }


def _change(before: torch.Tensor, after: torch.Tensor) -> float:
    """Largest change of a weight, relative to the largest of its tensor."""
    difference = (after.detach() - before.detach()).abs().amax() if after.numel() else torch.zeros(())
    return (
        float(difference / before.detach().abs().amax().clamp_min(torch.finfo(before.dtype).tiny))
        if difference
        else 0.0
    )
