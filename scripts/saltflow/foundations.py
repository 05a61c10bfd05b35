"""What a potential starts from: its file, pinned by a hash, and how much of what it knew is left afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms

from saltflow.dataset import read_frames
from saltflow.potentials import Committee
from saltflow.provenance import check_hash, pinned_hash


@dataclass(frozen=True)
class Foundation:
    """What a training starts from.

    path: of the model file, whose hash was checked (`pinned_foundation`).
    train, heldout: labelled frames that it was trained on, to be replayed, and that it never saw, to find out what was
        forgotten; empty where they are not at hand.
    """

    path: Path
    train: Sequence[Atoms]
    heldout: Sequence[Atoms]


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


def started_from(foundation: Mapping, files: Mapping) -> Foundation | None:
    """What a training starts from; None for from scratch.

    Args:
        foundation: as in `pinned_foundation`.
        files: paths of the model (foundation), of its release record (foundation_release), of labelled frames that
            it was trained on (replayed) and of others (remembered); what is not there is missing or empty.
    """
    path = pinned_foundation(foundation, path=files.get("foundation"), release=files.get("foundation_release") or None)
    if path is None:
        return None
    train, heldout = (read_frames(files.get(name)) if files.get(name) else [] for name in ("replayed", "remembered"))
    return Foundation(path, train=train, heldout=heldout)


def error_of(frames: Sequence[Atoms], committee: Committee) -> dict:
    """Errors of the first model of a committee on labelled frames.

    Returns:
        force_rmse_meV_A over components, energy_rmse_meV_atom over frames (no offset is removed).
    """
    forces, energies = [], []
    for frame in frames:
        potential, *where = committee.on_frame(frame)
        found = potential.evaluate(*where)
        forces.append((found.forces.cpu().numpy() - frame.arrays["REF_forces"]).ravel())
        energies.append((float(found.energies[0]) - frame.info["REF_energy"]) / len(frame))
    return {
        "force_rmse_meV_A": float(1000 * np.sqrt(np.mean(np.concatenate(forces) ** 2))),
        "energy_rmse_meV_atom": float(1000 * np.sqrt(np.mean(np.square(energies)))),
    }


def forgetting(frames: Sequence[Atoms], *, before: Committee, after: Committee, most: int) -> dict | None:
    """Errors on held-out frames of the foundation's own, before and after the training on others.

    Args:
        frames: labelled frames that neither was trained on; those with elements that the fine-tuned model does not
            know are left out, and `most` of the others, evenly spread, are predicted.

    Returns:
        frames, of (how many there were), before, after (`error_of`); None where no frame can be predicted.
    """
    known = [frame for frame in frames if set(frame.numbers.tolist()) <= set(after.table.zs)]
    chosen = [known[index] for index in np.unique(np.linspace(0, len(known) - 1, min(most, len(known))).astype(int))]
    if not chosen:
        return None
    return {
        "frames": len(chosen),
        "of": len(frames),
        "before": error_of(chosen, before),
        "after": error_of(chosen, after),
    }
