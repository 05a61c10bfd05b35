"""What the labels of a potential training_environments: the environments of its training frames, and how far held-out ones are off.

Features of an element are measured in standard deviations of that element's training environments. The distance of an
environment is that to the nearest training environment of its element; held-out frames are of lineages of their own, so
that theirs is the distance of what is alike but was not learnt.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import atomic_write
from saltflow.learning.domain.descriptors import by_cell, drawn, environments
from saltflow.materials.frame_info import FrameInfo
from saltflow.potentials.mace import Committee

# A feature that training environments hardly vary in, relative to the others, weighs no more than this allows.
LEAST_RELATIVE_SCALE = 1e-3
ROWS = 256  # environments whose distances to all others are in memory at once


@dataclass(frozen=True)
class Cell:
    """A held-out lineage: its composition and, element → (atoms,), the distances of its environments."""

    lineage: str
    composition: str
    distances: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class TrainingEnvironments:
    """The training environments of a potential, and the distances of held-out ones from them.

    features: element → (environments, features), in standard deviations, single precision.
    mean, scale: element → (features,) by which features are brought there.
    heldout: every held-out lineage.
    facts: frames and where they are from; see `gather`.
    """

    features: Mapping[str, np.ndarray]
    mean: Mapping[str, np.ndarray]
    scale: Mapping[str, np.ndarray]
    heldout: Sequence[Cell]
    facts: Mapping

    def distances(self, found: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Distances to the nearest training environment; infinite for an element that no training frame has.

        Args:
            found: element → (atoms, features), of `environments`.

        Returns:
            element → (atoms,), in standard deviations.
        """
        return {
            symbol: self._nearest(symbol, rows) if symbol in self.features else np.full(len(rows), np.inf)
            for symbol, rows in found.items()
        }

    def _nearest(self, symbol: str, rows: np.ndarray) -> np.ndarray:
        known = self.features[symbol].astype(float)
        squares = np.square(known).sum(1)
        asked = (rows - self.mean[symbol]) / self.scale[symbol]
        nearest = [
            (np.square(part).sum(1)[:, None] + squares - 2 * part @ known.T).min(1)
            for part in np.split(asked, range(ROWS, len(asked), ROWS))
        ]
        return np.sqrt(np.concatenate(nearest).clip(0))


def gather(
    training: Mapping[str, Sequence[Atoms]],
    heldout: Sequence[Atoms],
    committee: Committee,
    *,
    environments_per_element: int,
    seed: int,
) -> TrainingEnvironments:
    """The environments that the labels of a potential training_environments it.

    Args:
        training: potential → the training frames that it learned from, its own and those of the potentials that it
            descends from; of the latter, frames with an element that it does not know are left out.
        heldout: labelled frames that were never trained on, with `lineage` and `composition`.
        committee: of the potential.
        environments_per_element: more of an element are thinned, at random; the distances of held-out environments
            are from the same ones, so that they remain the threshold.
        seed: of the draw.

    Returns:
        the environments. Their facts: frames (potential → how many are read), left_out (how many frames have elements
        that the potential does not know), environments (element → how many are kept), of (element → out of how many).

    Raises:
        SaltflowError: there are no training frames, or none is held out.
    """
    known = {name: [each for each in frames if _is_known(each, committee)] for name, frames in training.items()}
    frames = [frame for ours in known.values() for frame in ours]
    if not frames or not heldout:
        raise SaltflowError(
            "There are no labelled frames to compare a replica with; see the ledger of labels for why they failed, or "
            "raise learning.initial_structures.cells and learning.initial_structures.heldout_cells."
        )
    chosen = drawn(frames, most=environments_per_element, random=np.random.default_rng(seed))
    rows = environments(frames, committee, chosen=chosen)
    scales = {symbol: _scale(ours) for symbol, ours in rows.items()}
    means = {symbol: ours.mean(0) for symbol, ours in rows.items()}
    features = {symbol: ((ours - means[symbol]) / scales[symbol]).astype(np.float32) for symbol, ours in rows.items()}
    facts = {
        "frames": {name: len(ours) for name, ours in known.items()},
        "left_out": sum(map(len, training.values())) - len(frames),
        "environments": {symbol: len(ours) for symbol, ours in rows.items()},
        "of": {symbol: int(sum((frame.symbols == symbol).sum() for frame in frames)) for symbol in rows},
    }
    untested = TrainingEnvironments(features, means, scales, (), facts)
    distances = untested.distances(environments(heldout, committee))
    return TrainingEnvironments(features, means, scales, _cells(distances, heldout), facts)


def _is_known(frame: Atoms, committee: Committee) -> bool:
    return bool(np.isin(frame.numbers, committee.table.zs).all())


def _scale(rows: np.ndarray) -> np.ndarray:
    deviations = rows.std(0)
    return np.maximum(deviations, max(LEAST_RELATIVE_SCALE * np.sqrt(np.square(deviations).mean()), 1e-12))


def _cells(distances: Mapping[str, np.ndarray], frames: Sequence[Atoms]) -> list[Cell]:
    names = [(info.lineage, info.composition) for info in map(FrameInfo.of, frames)]
    return [Cell(*name, ours) for name, ours in by_cell(distances, frames, names).items()]


def write_training_environments(training_environments: TrainingEnvironments, path: str | os.PathLike) -> None:
    """Write the environments as one NumPy archive, atomically."""
    arrays = {}
    for symbol in training_environments.features:
        arrays |= {
            f"{kind}/{symbol}": getattr(training_environments, kind)[symbol] for kind in ("features", "mean", "scale")
        }
    for number, cell in enumerate(training_environments.heldout):
        arrays |= {f"heldout/{number}/{symbol}": values for symbol, values in cell.distances.items()}
    said = {
        "facts": training_environments.facts,
        "cells": [[cell.lineage, cell.composition] for cell in training_environments.heldout],
    }
    with atomic_write(path) as temporary:
        np.savez(temporary, said=np.array(json.dumps(said)), **arrays)


def read_training_environments(path: str | os.PathLike) -> TrainingEnvironments:
    """Read what `write_training_environments` wrote."""
    with np.load(path) as archive:
        said, arrays = json.loads(str(archive["said"])), {name: archive[name] for name in archive.files}
    cells = [Cell(*names, _under(arrays, f"heldout/{number}")) for number, names in enumerate(said["cells"])]
    return TrainingEnvironments(*(_under(arrays, kind) for kind in ("features", "mean", "scale")), cells, said["facts"])


def _under(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.rpartition("/")[2]: array for name, array in arrays.items() if name.rpartition("/")[0] == prefix}
