"""The foundation of a training: its pinned file, its errors before, and what a fine-tuned model forgot."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from ase import Atoms

from saltflow.base.provenance import check_hash, digest, pinned_hash, sha256_of_file
from saltflow.dynamics.checkpoints import write_checkpoint
from saltflow.labels.frames import read_frames, write_frames
from saltflow.learning.pseudolabels import (
    ReplaySet,
    check_elements,
    label_structures,
    load_teacher,
    read_structures,
    without_labels,
)
from saltflow.learning.train_check import E0_TOLERANCE_EV, TrainingRequest, check_foundation
from saltflow.materials.frame_info import FrameInfo
from saltflow.potentials.mace import Committee, load_committee

FORGETTING_FRAMES = 20  # of the foundation's held-out frames


@dataclass(frozen=True)
class Foundation:
    """The model from which a training starts.

    path: of the model file, with a checked hash (`checked_foundation`).
    train, heldout: labelled frames of its training set, for replay, and held-out ones, for the forgetting check; empty
        where they are not available.
    structures: to be labelled by the foundation; `train` and `heldout` are then theirs, without labels.
    """

    path: Path
    train: Sequence[Atoms]
    heldout: Sequence[Atoms]
    structures: ReplaySet | None = None


def checked_foundation(foundation: Mapping, *, path: str | None, release: str | None) -> Path | None:
    """The model file of a foundation, with the pinned hash; None for a training from scratch.

    Args:
        foundation: kind (none, file or potential) and, for a file, its sha256.
        path: of the model file.
        release: record that pins a foundation of this workflow.

    Raises:
        SaltflowError: the file is missing or its hash differs.
    """
    if foundation["kind"] == "none":
        return None
    check_hash(path, pinned=pinned_hash(foundation, release=release))
    return Path(path)


def read_foundation(
    foundation: Mapping, files: Mapping, *, training: Mapping, elements: Collection[str]
) -> Foundation | None:
    """The foundation of a training; None for a training from scratch.

    Args:
        foundation: as in `checked_foundation`.
        files: paths of the model (foundation), its release record (foundation_release), labelled frames of its training
            set (replayed) and held-out ones (foundation_heldout); missing or empty where there are none.
        training: the section `learning.training`; its replay_structures are read instead of frames. With
            relabelled_dispersion the foundation labels those frames anew, as another reference labelled them.
        elements: of the potential.
    """
    path = checked_foundation(foundation, path=files.get("foundation"), release=files.get("foundation_release") or None)
    if path is None:
        return None
    if settings := training.get("replay_structures"):
        structures = read_structures(settings, elements=elements)
        return Foundation(path, structures.train, structures.heldout, structures)
    train, heldout = (
        read_frames(files.get(name)) if files.get(name) else [] for name in ("replayed", "foundation_heldout")
    )
    if dispersion := training.get("relabelled_dispersion"):
        sha256 = sha256_of_file(files["replayed"])
        structures = without_labels(train, heldout, elements=elements, dispersion=dispersion, sha256=sha256)
        return Foundation(path, structures.train, structures.heldout, structures)
    return Foundation(path, train=train, heldout=heldout)


class FoundationBaseline:
    """The errors and predictions of a foundation before a training, to compare a fine-tuned model with.

    Args:
        foundation: of the training.
        valid: labelled validation frames of the potential.
        request: the training.
        device: cpu or cuda.

    model: as in its file. force_rmse_meV_A: of it on `valid`.

    Raises:
        SaltflowError: the file is no model, or the model does not fit the training.
    """

    def __init__(self, foundation: Foundation, valid: Sequence[Atoms], request: TrainingRequest, *, device: str):
        self.foundation, self.valid, self.request, self.device = foundation, valid, request, device
        self.sha256 = sha256_of_file(foundation.path)
        try:
            self.model = torch.load(foundation.path, map_location="cpu", weights_only=False)
        except Exception as problem:  # a pickle of something else raises anything
            request.fail(
                f"the foundation {foundation.path} cannot be read as a model of MACE ({problem}); fetch it again."
            )
        check_foundation(self.model, request)
        if foundation.structures:
            check_elements(foundation.structures, [int(number) for number in self.model.atomic_numbers])
        self.force_rmse_meV_A = errors_of(valid, self._committee(foundation.path))["force_rmse_meV_A"]

    @property
    def is_on_the_reference(self) -> bool:
        """Whether mace takes the isolated atoms of the reference by itself.

        Where the foundation knows just the elements of the frames, mace keeps those of the foundation.
        """
        energies_eV = self.model.atomic_energies_fn.atomic_energies.double().flatten().tolist()
        known = dict(zip(map(int, self.model.atomic_numbers), energies_eV, strict=True))
        wanted = self.request.isolated_atoms_eV
        return known.keys() != wanted.keys() or all(
            abs(known[each] - wanted[each]) < E0_TOLERANCE_EV for each in wanted
        )

    def start(self, folder: Path) -> Path:
        """The model that mace starts from: the foundation, or a copy with the isolated atoms of the reference, which
        change no force.
        """
        if self.is_on_the_reference:
            return self.foundation.path
        copy = torch.load(self.foundation.path, map_location="cpu", weights_only=False)
        energies_eV = copy.atomic_energies_fn.atomic_energies
        wanted_eV = [self.request.isolated_atoms_eV[int(number)] for number in copy.atomic_numbers]
        energies_eV.copy_(torch.tensor(wanted_eV, dtype=torch.float64).reshape(energies_eV.shape))
        path = folder / "foundation.model"
        write_checkpoint(copy, path)
        return path

    def with_labels(self, replayed: Sequence[Atoms], folder: Path) -> list[Atoms]:
        """Frames to replay, labelled by the foundation where they have no labels.

        The labels stay in `folder` for a resumed training: predictions on another processor differ in their last
        digits, and the checkpoint is found by a hash of the training data.
        """
        if not self.foundation.structures:
            return list(replayed)
        drawn = [FrameInfo.of(frame).as_dict() for frame in replayed]
        made_from = [self.sha256, self.foundation.structures.sha256, dict(self.request.isolated_atoms_eV)]
        path = folder / f"pseudolabels-{digest([*made_from, self.foundation.structures.dispersion, drawn])}.extxyz"
        if not path.exists():
            write_frames(path, label_structures(replayed, self._before))
        return read_frames(path)

    def compared_with(self, saved: Path, *, replayed_frames: int) -> dict:
        """The findings on foundation and forgetting for `train_check.json`."""
        structures, after = self.foundation.structures, self._committee(saved)
        forgotten = forgetting_errors(self.foundation.heldout, before=self._before, after=after, most=FORGETTING_FRAMES)
        return {
            "foundation_sha256": self.sha256,
            "replayed_frames": replayed_frames,
            "pseudolabels": self._described(structures) if structures else None,
            "forgetting_check": forgotten,
        }

    def _described(self, structures: ReplaySet) -> dict:
        return {
            "sha256": structures.sha256,
            "structures": len(structures.train),
            "heldout": len(structures.heldout),
            "excluded": structures.excluded,
            "dispersion": structures.dispersion,
            "errors_on_labels": errors_of(self.valid, self._before),
        }

    @cached_property
    def _before(self) -> Committee:
        """The foundation; on the zero of the reference where it labels structures."""
        if not (structures := self.foundation.structures):
            return self._committee(self.foundation.path)
        return load_teacher(
            self.foundation.path,
            sha256=self.sha256,
            isolated_atoms_eV=self.request.isolated_atoms_eV,
            dispersion=structures.dispersion,
            device=self.device,
        )

    def _committee(self, path: Path) -> Committee:
        dtype = self.request.training["dtype"]
        return load_committee([path], sha256=[sha256_of_file(path)], device=self.device, dtype=dtype)


def errors_of(frames: Sequence[Atoms], committee: Committee) -> dict:
    """Errors of the first model of a committee on labelled frames.

    Returns:
        force_rmse_meV_A over components, energy_rmse_meV_atom over frames, offset included.
    """
    forces, energies = [], []
    for frame in frames:
        potential, *where = committee.on_frame(frame)
        found = potential.evaluate(*where)
        info = FrameInfo.of(frame)
        forces.append((found.forces.cpu().numpy() - info.reference_forces_eV_A).ravel())
        energies.append((float(found.energies[0]) - info.reference_energy_eV) / len(frame))
    return {
        "force_rmse_meV_A": float(1000 * np.sqrt(np.mean(np.concatenate(forces) ** 2))),
        "energy_rmse_meV_atom": float(1000 * np.sqrt(np.mean(np.square(energies)))),
    }


def forgetting_errors(frames: Sequence[Atoms], *, before: Committee, after: Committee, most: int) -> dict | None:
    """Errors on held-out frames of the foundation, before and after the training.

    Args:
        frames: labelled, or structures that `before` labels; those with elements that the fine-tuned model does not
            know are left out.
        before, after: the foundation, and the fine-tuned model.
        most: largest number of frames, evenly spaced.

    Returns:
        frames, of (number of all frames), before, after (`errors_of`); None where no frame can be predicted.
    """
    known = [frame for frame in frames if set(frame.numbers.tolist()) <= set(after.table.zs)]
    chosen = [known[index] for index in np.unique(np.linspace(0, len(known) - 1, min(most, len(known))).astype(int))]
    if not chosen:
        return None
    if FrameInfo.partial(chosen[0]).reference_energy_eV is None:
        chosen = label_structures(chosen, before)
    return {
        "frames": len(chosen),
        "of": len(frames),
        "before": errors_of(chosen, before),
        "after": errors_of(chosen, after),
    }
