"""The training environments of a potential, and the distances of held-out environments from them.

Features of an element are scaled by their standard deviations over its training environments. The distance of an
environment is that to the nearest training environment of its element. Held-out frames have lineages of their own, so
their distances set the in-domain threshold.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zipfile import BadZipFile

import numpy as np
from ase import Atoms

from saltflow.base.errors import DamagedProductError, SaltflowError
from saltflow.base.provenance import atomic_write
from saltflow.learning.domain.environments import by_cell, draw_atoms, environments
from saltflow.materials.frame_info import FrameInfo
from saltflow.potentials.mace import Committee

# Lower bound of the scale of a feature that hardly varies, relative to the others.
LEAST_RELATIVE_SCALE = 1e-3
ROWS = 256  # environments whose distances to all others are in memory at once


@dataclass(frozen=True)
class HeldOutCell:
    """A held-out lineage: its composition and, element → (atoms,), the distances of its environments."""

    lineage: str
    composition: str
    distances: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class TrainingEnvironments:
    """The training environments of a potential, with the distances of held-out ones.

    features: element → (environments, features), in standard deviations, single precision.
    mean, scale: element → (features,) that standardise the features.
    heldout: every held-out lineage.
    facts: counts; see `gather`.
    """

    features: Mapping[str, np.ndarray]
    mean: Mapping[str, np.ndarray]
    scale: Mapping[str, np.ndarray]
    heldout: Sequence[HeldOutCell]
    facts: Mapping

    def distances(self, found: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Distances to the nearest training environment; infinite for an element without training environments.

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
        standardised = (rows - self.mean[symbol]) / self.scale[symbol]
        nearest = [
            (np.square(part).sum(1)[:, None] + squares - 2 * part @ known.T).min(1)
            for part in np.split(standardised, range(ROWS, len(standardised), ROWS))
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
    """The training environments of a potential.

    Args:
        training: potential → training frames: its own and those of the potentials that it descends from, of which
            frames with unknown elements are left out.
        heldout: labelled frames that were never trained on, with lineage and composition.
        committee: of the potential.
        environments_per_element: more of an element are thinned at random.
        seed: of the thinning.

    Returns:
        the environments. Their facts: frames (potential → number of frames), excluded_frames (those with unknown
        elements), environments (element → number kept), of (element → number before thinning).

    Raises:
        SaltflowError: there are no training or no held-out frames.
    """
    known = {name: [each for each in frames if _is_known(each, committee)] for name, frames in training.items()}
    frames = [frame for members in known.values() for frame in members]
    if not frames or not heldout:
        raise SaltflowError(
            "There are no labelled frames for the domain; see the ledger of labels for why they failed, or raise "
            "learning.initial_structures.cells and learning.initial_structures.heldout_cells."
        )
    chosen = draw_atoms(frames, most=environments_per_element, random=np.random.default_rng(seed))
    rows = environments(frames, committee, chosen=chosen)
    scales = {symbol: _scale(values) for symbol, values in rows.items()}
    means = {symbol: values.mean(0) for symbol, values in rows.items()}
    features = {
        symbol: ((values - means[symbol]) / scales[symbol]).astype(np.float32) for symbol, values in rows.items()
    }
    facts = {
        "frames": {name: len(members) for name, members in known.items()},
        "excluded_frames": sum(map(len, training.values())) - len(frames),
        "environments": {symbol: len(values) for symbol, values in rows.items()},
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


def _cells(distances: Mapping[str, np.ndarray], frames: Sequence[Atoms]) -> list[HeldOutCell]:
    names = [(info.lineage, info.composition) for info in map(FrameInfo.of, frames)]
    return [HeldOutCell(*name, values) for name, values in by_cell(distances, frames, names).items()]


def write_training_environments(environments: TrainingEnvironments, path: str | os.PathLike) -> None:
    """Write the environments as one NumPy archive, atomically."""
    arrays = {}
    for symbol in environments.features:
        arrays |= {f"{kind}/{symbol}": getattr(environments, kind)[symbol] for kind in ("features", "mean", "scale")}
    for number, cell in enumerate(environments.heldout):
        arrays |= {f"heldout/{number}/{symbol}": values for symbol, values in cell.distances.items()}
    cells = [[cell.lineage, cell.composition] for cell in environments.heldout]
    header = json.dumps({"facts": environments.facts, "cells": cells})
    with atomic_write(path) as temporary:
        np.savez(temporary, header=np.array(header), **arrays)


def read_training_environments(path: str | os.PathLike) -> TrainingEnvironments:
    """Read the archive of `write_training_environments`.

    Raises:
        DamagedProductError: the file holds something else.
    """
    try:
        with np.load(path) as archive:
            header, arrays = json.loads(str(archive["header"])), {name: archive[name] for name in archive.files}
    except (ValueError, EOFError, KeyError, BadZipFile) as error:
        raise DamagedProductError(path, error) from error
    cells = [HeldOutCell(*names, _under(arrays, f"heldout/{number}")) for number, names in enumerate(header["cells"])]
    features, mean, scale = (_under(arrays, kind) for kind in ("features", "mean", "scale"))
    return TrainingEnvironments(features, mean, scale, cells, header["facts"])


def _under(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.rpartition("/")[2]: array for name, array in arrays.items() if name.rpartition("/")[0] == prefix}
