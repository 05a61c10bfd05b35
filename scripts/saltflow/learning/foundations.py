"""What a potential starts from: its file, pinned by a hash, and how much of what it knew is left afterwards."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from ase import Atoms

from saltflow.base.provenance import check_hash, digest, pinned_hash, sha256_of_file
from saltflow.labels.frames import read_frames, write_frames
from saltflow.learning.pseudolabels import Structures, check_known, labelled, load_teacher, read_structures
from saltflow.learning.train_check import Asked, check_foundation
from saltflow.materials.frame_info import FrameInfo
from saltflow.potentials.mace import Committee, load_committee

REMEMBERED_FRAMES = 20  # of the foundation's held-out frames, to see what was forgotten


@dataclass(frozen=True)
class Foundation:
    """What a training starts from.

    path: of the model file, whose hash was checked (`pinned_foundation`).
    train, heldout: labelled frames that it was trained on, to be replayed, and that it never saw, to find out what was
        forgotten; empty where they are not at hand.
    structures: that it labels itself; `train` and `heldout` are then theirs, without labels.
    """

    path: Path
    train: Sequence[Atoms]
    heldout: Sequence[Atoms]
    structures: Structures | None = None


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


def started_from(
    foundation: Mapping, files: Mapping, *, training: Mapping, elements: Collection[str]
) -> Foundation | None:
    """What a training starts from; None for from scratch.

    Args:
        foundation: as in `pinned_foundation`.
        files: paths of the model (foundation), of its release record (foundation_release), of labelled frames that
            it was trained on (replayed) and of others (forgetting); what is not there is missing or empty.
        training: the section `learning.training`; with replay_structures these are read instead of frames.
        elements: that the potential learns.
    """
    path = pinned_foundation(foundation, path=files.get("foundation"), release=files.get("foundation_release") or None)
    if path is None:
        return None
    if asked := training.get("replay_structures"):
        structures = read_structures(asked, elements=elements)
        return Foundation(path, structures.train, structures.heldout, structures)
    train, heldout = (read_frames(files.get(name)) if files.get(name) else [] for name in ("replayed", "forgetting"))
    return Foundation(path, train=train, heldout=heldout)


class Start:
    """A foundation at the start of a training: what it says before, and what a model has forgotten after.

    Args:
        foundation: what to start from.
        valid: labelled frames of the potential's own.
        asked: what the training is asked for.
        device: cpu or cuda.

    model: as it is in its file. force_rmse_meV_A: of it on `valid`.

    Raises:
        SaltflowError: it is no model, or cannot teach what it is asked for.
    """

    def __init__(self, foundation: Foundation, valid: Sequence[Atoms], asked: Asked, *, device: str):
        self.foundation, self.valid, self.asked, self.device = foundation, valid, asked, device
        self.sha256 = sha256_of_file(foundation.path)
        try:
            self.model = torch.load(foundation.path, map_location="cpu", weights_only=False)
        except Exception as problem:  # whatever a pickle of something else raises
            asked.refuse(
                f"the foundation {foundation.path} cannot be read as a model of MACE ({problem}); fetch it again."
            )
        check_foundation(self.model, asked)
        if foundation.structures:
            check_known(foundation.structures, [int(number) for number in self.model.atomic_numbers])
        self.force_rmse_meV_A = error_of(valid, self._committee(foundation.path))["force_rmse_meV_A"]

    def with_labels(self, replayed: Sequence[Atoms], folder: Path) -> list[Atoms]:
        """Frames to replay with the foundation's labels where they have none.

        These stay in `folder` for a training that was killed: the same prediction may differ in its last digits on
        another processor, and mace finds its checkpoint by the hash of what it learns.
        """
        if not self.foundation.structures:
            return list(replayed)
        drawn = [FrameInfo.of(frame).as_dict() for frame in replayed]
        made_from = [self.sha256, self.foundation.structures.sha256, dict(self.asked.isolated_atoms_eV)]
        path = folder / f"pseudolabels-{digest([*made_from, self.foundation.structures.dispersion, drawn])}.extxyz"
        if not path.exists():
            write_frames(path, labelled(replayed, self._before))
        return read_frames(path)

    def compared_with(self, saved: Path, *, replayed_frames: int) -> dict:
        """What `train_check.json` says of a foundation and of what a model saved after it has forgotten."""
        structures, after = self.foundation.structures, self._committee(saved)
        forgotten = forgetting(self.foundation.heldout, before=self._before, after=after, most=REMEMBERED_FRAMES)
        return {
            "foundation_sha256": self.sha256,
            "replayed_frames": replayed_frames,
            "pseudolabels": self._said_of(structures) if structures else None,
            "forgetting_check": forgotten,
        }

    def _said_of(self, structures: Structures) -> dict:
        return {
            "sha256": structures.sha256,
            "structures": len(structures.train),
            "heldout": len(structures.heldout),
            "left_out": structures.left_out,
            "dispersion": structures.dispersion,
            "beside_labels": error_of(self.valid, self._before),
        }

    @cached_property
    def _before(self) -> Committee:
        """The foundation; where it labels structures, as it does that."""
        if not (structures := self.foundation.structures):
            return self._committee(self.foundation.path)
        return load_teacher(
            self.foundation.path,
            sha256=self.sha256,
            isolated_atoms_eV=self.asked.isolated_atoms_eV,
            dispersion=structures.dispersion,
            device=self.device,
        )

    def _committee(self, path: Path) -> Committee:
        dtype = self.asked.training["dtype"]
        return load_committee([path], sha256=[sha256_of_file(path)], device=self.device, dtype=dtype)


def error_of(frames: Sequence[Atoms], committee: Committee) -> dict:
    """Errors of the first model of a committee on labelled frames.

    Returns:
        force_rmse_meV_A over components, energy_rmse_meV_atom over frames (no offset is removed).
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


def forgetting(frames: Sequence[Atoms], *, before: Committee, after: Committee, most: int) -> dict | None:
    """Errors on held-out frames of the foundation's own, before and after the training on others.

    Args:
        frames: that neither was trained on, labelled, or structures that `before` labels; those with elements that the
            fine-tuned model does not know are left out, and `most` of the others, evenly spread, are predicted.

    Returns:
        frames, of (how many there were), before, after (`error_of`); None where no frame can be predicted.
    """
    known = [frame for frame in frames if set(frame.numbers.tolist()) <= set(after.table.zs)]
    chosen = [known[index] for index in np.unique(np.linspace(0, len(known) - 1, min(most, len(known))).astype(int))]
    if not chosen:
        return None
    if FrameInfo.partial(chosen[0]).reference_energy_eV is None:
        chosen = labelled(chosen, before)
    return {
        "frames": len(chosen),
        "of": len(frames),
        "before": error_of(chosen, before),
        "after": error_of(chosen, after),
    }
