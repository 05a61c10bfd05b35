"""Frames of each composition, explored by the product's own code, labelled once by a reference and kept on disk.

Two scouts come first: one potential of all compositions learns displaced packed cells, explores briefly, learns what it
met there, and then makes the trajectories that all measurements share. The selection is measured from there on: each
training starts from what the scouts know, as each generation of the product starts from its foundation.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from ase import Atoms

from saltflow.base.provenance import digest, read_json, sha256_of_file, write_json
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.potentials_table import read_potentials
from saltflow.campaign.settings.references import read_reference
from saltflow.labels.frames import read_frames, write_frames
from saltflow.labels.reference.labelling import label_isolated_atoms
from saltflow.labels.reference.ledger import label_chunk
from saltflow.labels.reference.store import LabelStore
from saltflow.learning.foundations import Foundation
from saltflow.learning.sampling import evenly_spaced, explore, propose_initial_frames
from saltflow.learning.training import train_member
from saltflow.materials.compositions import read_compositions
from saltflow.materials.frame_info import FrameInfo
from saltflow.potentials.mace import Committee, load_checked_committee

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SCOUTING = "gfn1-xtb"
SEED = 7


@dataclass(frozen=True)
class Amounts:
    """How much of everything.

    pool: cells and frames of each that may be chosen; test, calibration and valid: those of the sets that every
        training shares, of other cells. base: cells and frames of each composition of the foundation, and base_test.
    scout_cells, scout_ps, scout_frames: of the brief exploration. duration_ps, stride_fs: of the long one.
    steps: of a fine-tuning, whatever the number of frames. base_steps: of a training from scratch.
    """

    pool: tuple[int, int]
    test: tuple[int, int]
    calibration: tuple[int, int]
    valid: tuple[int, int]
    base: tuple[int, int]
    base_test: tuple[int, int]
    scout_cells: int
    scout_ps: float
    scout_frames: int
    duration_ps: float
    stride_fs: float
    steps: int
    base_steps: int


class Sets(dict[str, list[Atoms]]):
    """Frames by set; those of `unlabelled` get their labels when a set is first asked for."""

    def __init__(self, unlabelled: Mapping[str, list[Atoms]], *, label: Callable[[str, list[Atoms]], list[Atoms]]):
        super().__init__()
        self.unlabelled, self.label = unlabelled, label

    def __missing__(self, part: str) -> list[Atoms]:
        self[part] = self.label(part, self.unlabelled[part])
        return self[part]


class Bench:
    """The shared settings, labels and trainings of the measurements, in one folder.

    Args:
        work: the folder; whatever it holds already is not done again.
        names: compositions of the shipped table, which the scouts learn all at once.
        amounts: how much of everything.
        truth: the reference of all labels but those of the scouts.
        changes: further configuration files, such as where the files of that reference are.
    """

    def __init__(
        self, work: Path, *, names: Sequence[str], amounts: Amounts, truth: str = SCOUTING, changes: Sequence[Path] = ()
    ):
        self.work, self.amounts, self.truth = work, amounts, truth
        (work / truth).mkdir(parents=True, exist_ok=True)
        self.configuration = read_configuration([HERE / "config.yaml", *changes])
        self.learning = self.configuration["learning"]
        potentials = read_potentials(ROOT / "config/potentials.tsv", references=self.configuration["references"])
        table = read_compositions(ROOT / "config/compositions.tsv", potentials=potentials)
        self.compositions = {name: table[name] for name in names}

    def labelled(self, name: str, make: Callable[[], list[Atoms]], *, by: str) -> list[Atoms]:
        """The frames that `make` gives, with labels; those that the reference refused are left out."""
        done, asked = self.work / by / f"{name}.extxyz", self.work / by / f"{name}.unlabelled.extxyz"
        if not done.is_file():
            if not asked.is_file():
                write_frames(asked, make())
            reference, labels = read_reference(self.configuration["references"], by), self.configuration["labels"]
            label_chunk(
                asked,
                done,
                done.with_suffix(".tsv"),
                reference,
                reference_name=by,
                max_force_eV_A=labels["max_force_eV_A"],
                store=LabelStore(self.work / by / "store", reference, protocol=labels["protocol"]),
                workdir=self.work / by / "labels",
            )
        return read_frames(done)

    def label(self, name: str, frames: Sequence[Atoms]) -> list[Atoms]:
        """Those frames with labels, each kept under what it is; those that the reference refused are left out."""
        keys = [digest([each.numbers.tolist(), each.cell.tolist(), each.positions.tolist()]) for each in frames]
        folder = self.work / self.truth / f"pool-{name}"
        folder.mkdir(exist_ok=True)
        paths = [folder / f"{key}.extxyz" for key in keys]
        missing = {key: each for key, path, each in zip(keys, paths, frames, strict=True) if not path.is_file()}
        if missing:
            batch = f"pool-{name}/{digest(sorted(missing))}"
            found = self.labelled(batch, lambda: list(missing.values()), by=self.truth)
            for key, frame in missing.items():
                ours = [each for each in found if np.allclose(each.positions, frame.positions)]
                write_frames(folder / f"{key}.extxyz", ours)
        return [frame for path in paths for frame in read_frames(path)]

    def isolated_atoms_eV(self, frames: Sequence[Atoms], *, by: str) -> dict[str, float]:
        """Symbol → energy of the isolated atom, for the elements of these frames."""
        folder, energies = self.work / by, {}
        for symbol in sorted({symbol for frame in frames for symbol in frame.symbols}):
            path = folder / f"{symbol}.json"
            if not path.is_file():
                reference = read_reference(self.configuration["references"], by)
                write_json(path, label_isolated_atoms({symbol}, reference, workdir=folder / "labels"))
            energies |= read_json(path)
        return energies

    def train(
        self,
        frames: Sequence[Atoms],
        valid: Sequence[Atoms],
        *,
        seed: int,
        steps: int,
        bootstrap: bool = False,
        foundation: Path | None = None,
    ) -> Path:
        """The model file of one training by the product, with `train_check.json` beside it.

        Args:
            steps: number of optimiser steps, so that more frames do not mean a longer training.
            foundation: model file to start from.
        """
        training = dict(self.learning["training"])
        training["epochs"] = max(1, round(steps * training["batch_frames"] / len(frames)))
        start = sha256_of_file(foundation) if foundation else self.learning["model"]
        shown = [[each.info["lineage"], each.info["REF_energy"]] for each in (*frames, *valid)]
        key = digest([shown, len(frames), training, start, seed, bootstrap])
        model, workdir = self.work / f"models/{key}.model", self.work / f"models/{key}.work"
        if not check_of(model).is_file():
            train_member(
                frames,
                valid,
                product={"potential": key},
                isolated_atoms_eV=self.isolated_atoms_eV([*frames, *valid], by=frames[0].info["reference"]),
                foundation=Foundation(foundation, train=[], heldout=[]) if foundation else None,
                model=self.learning["model"],
                training=training,
                device="cpu",
                seed=seed,
                bootstrap=bootstrap,
                workdir=workdir,
                model_path=model,
                check_path=check_of(model),
            )
            shutil.rmtree(workdir)
        return model

    def sets(self, name: str, parts: Mapping[str, tuple[int, int]]) -> Sets:
        """Frames of one composition by set: part → (cells, frames of each); no two parts share a cell.

        All have labels, once they are asked for, but those of the pool, where each is bought on its own.
        """
        path = self.work / f"explored-{name}.extxyz"
        if not path.is_file():
            write_frames(path, self._explored(name, parts))
        frames = {part: [each for each in read_frames(path) if each.info["part"] == part] for part in parts}
        sets = Sets(frames, label=lambda part, ours: self.labelled(f"{part}-{name}", lambda: ours, by=self.truth))
        if "pool" in frames:
            sets["pool"] = frames["pool"]
        return sets

    def _explored(self, name: str, parts: Mapping[str, tuple[int, int]]) -> list[Atoms]:
        explored = self._explore(
            name,
            self.scout,
            cells=sum(cells for cells, _ in parts.values()),
            duration_ps=self.amounts.duration_ps,
            stride_fs=self.amounts.stride_fs,
            generation=2,
        )
        lineages, frames = list(dict.fromkeys(FrameInfo.of(each).lineage for each in explored)), []
        for part, (cells, count) in parts.items():
            for lineage in lineages[:cells]:
                regular = [each for each in without_close_contacts(explored) if FrameInfo.of(each).lineage == lineage]
                for each in evenly_spaced(regular, count=count) if regular else []:
                    each.info["part"] = part
                    frames.append(each)
            lineages = lineages[cells:]
        return frames

    def _explore(
        self, name: str, model: Path, *, cells: int, duration_ps: float, stride_fs: float, generation: int
    ) -> list[Atoms]:
        changes = {"cells": cells, "heldout_cells": 0, "duration_ps": duration_ps, "stride_fs": stride_fs}
        workdir = self.work / f"exploration/{name}-{generation}"
        found = explore(
            [self.compositions[name]],
            load([model], dtype="float32"),
            exploration=self.learning["exploration"] | changes,
            density_scales=self.learning["initial_structures"]["density_scales"],
            packing=self.configuration["cells"],
            dynamics=self.configuration["dynamics"],
            checkpoint_ps=self.configuration["execution"]["checkpoint_ps"],
            potential="bench",
            seed=SEED,
            generation=generation,
            workdir=workdir,
        )
        shutil.rmtree(workdir)
        return found

    @cached_property
    def scout(self) -> Path:
        """The model that explores for all measurements, and from which the ways to choose start."""
        initial = self.labelled("initial_structures", self._initial_frames, by=SCOUTING)
        explored = self.labelled("explored", lambda: self._scouted(self._scout_trained_on(initial)), by=SCOUTING)
        return self._scout_trained_on([*initial, *explored])

    def _scout_trained_on(self, frames: Sequence[Atoms]) -> Path:
        train, valid = (
            [each for each in frames if FrameInfo.of(each).split == split] for split in ("train", "heldout")
        )
        return self.train(train, valid, seed=SEED, steps=self.amounts.base_steps)

    def _initial_frames(self) -> list[Atoms]:
        return propose_initial_frames(
            list(self.compositions.values()),
            None,
            initial_structures=self.learning["initial_structures"],
            packing=self.configuration["cells"],
            dynamics=self.configuration["dynamics"],
            checkpoint_ps=self.configuration["execution"]["checkpoint_ps"],
            potential="bench",
            seed=SEED,
            workdir=self.work / "initial_structures",
        )

    def _scouted(self, model: Path) -> list[Atoms]:
        amounts, frames = self.amounts, []
        for name in self.compositions:
            found = self._explore(
                name, model, cells=amounts.scout_cells, duration_ps=amounts.scout_ps, stride_fs=20.0, generation=1
            )
            frames += evenly_spaced(without_close_contacts(found), count=amounts.scout_frames)
        return frames


def without_close_contacts(frames: Sequence[Atoms]) -> list[Atoms]:
    return [each for each in frames if not FrameInfo.of(each).close_contact]


def check_of(model: Path) -> Path:
    """The train check beside a model file."""
    return model.with_suffix(".json")


def load(models: Sequence[Path], *, dtype: str = "float64") -> Committee:
    """The committee of these model files."""
    return load_checked_committee(models, [check_of(each) for each in models], device="cpu", dtype=dtype)
