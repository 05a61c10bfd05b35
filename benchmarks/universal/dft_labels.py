"""Labels by DFT of small melts and glasses of one composition, kept beside this file, so that all is measured on them.

Cells of 21 atoms are packed, molten by the shipped distilled model and cooled in steps; the last frame of each step is
labelled by Quantum ESPRESSO. Each label is on the disk the moment it is known, so that the command goes on where it was
stopped. The settings and the isolated atoms stand in dft_labels.json. A universal potential may take the place of DFT:
its labels stay in work/.

usage: python benchmarks/universal/dft_labels.py --pseudopotentials FOLDER [--cells 0 6 1 7 …]
       python benchmarks/universal/dft_labels.py --truth sevennet-l3i5
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from ase import Atoms  # noqa: E402

from saltflow.base.provenance import read_json, write_json  # noqa: E402
from saltflow.campaign.config_files import read_configuration  # noqa: E402
from saltflow.campaign.loading import load_campaign  # noqa: E402
from saltflow.campaign.potentials_table import read_potentials  # noqa: E402
from saltflow.campaign.settings.references import Reference, read_reference  # noqa: E402
from saltflow.labels.frames import read_cell, read_frames, write_frames  # noqa: E402
from saltflow.labels.reference.isolated_atoms import isolated_atom_energy_eV  # noqa: E402
from saltflow.labels.reference.ledger import label_chunk  # noqa: E402
from saltflow.labels.reference.store import LabelStore  # noqa: E402
from saltflow.learning.sampling import drive_cells, pack_cells  # noqa: E402
from saltflow.materials.frame_info import MELT, FrameInfo  # noqa: E402
from saltflow.potentials.mace import Committee, load_committee  # noqa: E402

HERE = Path(__file__).parent
WORK = HERE / "work"
LICENCE = "CC0-1.0"
DEMO = ROOT / "config/presets/demo/potentials.tsv"
COMPOSITION = "LiAlCl2.5O0.75"
OF_A_RUN = {"run_status": None, "run_end_ps": None, "requested_ps": None, "force_std_eV_A": None}
TEST_CELLS, POOL_CELLS = 6, 38
SIZE = {"cells": TEST_CELLS + POOL_CELLS, "heldout_cells": TEST_CELLS, "atoms": 21}
DENSITY_SCALES = (0.8, 0.95, 1.1)  # as the presets foundation and universal
COOLING_K, STEP_PS = (1200, 900, 600, 300), 1.0
OF_TEST_K = ((1200, 600), (900, 300))  # of the test cells in turn; more independent cells say more than more frames
FASTER = {"with_O_or_F": 2.0}  # time step in fs, as the presets that use this model
DFT = "pbe-d3-qe-draft"
CHANGES = {
    "density_cutoff_Ry": 240.0,  # norm-conserving
    "kpoint_spacing_per_A": 10.0,  # Γ
    "smearing_temperature_K": 1000.0,
    "pseudopotentials": "PseudoDojo 0.4 PBE standard",
    "isolated_atom_box_A": 8.0,
}
MAX_FORCE_EV_A = 60.0
SEED = 11


def distilled() -> tuple[Path, str]:
    """The shipped distilled model and its SHA-256."""
    (row,) = read_potentials(DEMO, references=[]).values()
    return Path(row.foundation), row.foundation_sha256


def load_distilled() -> Committee:
    """The shipped distilled model."""
    path, sha256 = distilled()
    return load_committee([path], sha256=[sha256], device="cpu", dtype="float32")


def cooled_frames(cells: Sequence[Atoms], model: Committee, dynamics: dict) -> list[list[Atoms]]:
    """For each cell the last frame at each temperature of `COOLING_K`, from melt to glass."""
    frames: list[list[Atoms]] = [[] for _ in cells]
    for temperature_K in COOLING_K:
        with tempfile.TemporaryDirectory() as folder:
            driven = drive_cells(
                cells,
                model,
                temperatures_K=[temperature_K],
                duration_ps=STEP_PS,
                stride_fs=1000 * STEP_PS,
                dynamics=dynamics,
                checkpoint_ps=10.0,
                seed=SEED + temperature_K,
                workdir=Path(folder),
                origin=MELT,
            )
        last = [frame for frame in driven if FrameInfo.of(frame).run_status]
        if ended := [FrameInfo.of(each).lineage for each in last if FrameInfo.of(each).run_status != "ok"]:
            raise SystemExit(f"At {temperature_K} K these runs ended early: {', '.join(ended)}.")
        cells = [FrameInfo.of(each.copy()).set(**OF_A_RUN) for each in last]
        for own, frame in zip(frames, cells, strict=True):
            own.append(frame)
    return frames


def make_frames(cells: Sequence[int]) -> None:
    """Write the frames of those cells that have none, one file each: work/cells/{cell}-{temperature}K.extxyz."""
    missing = [cell for cell in cells if not files_of(cell)]
    if not missing:
        return
    configuration = read_configuration([])
    packed = pack_cells(
        [load_campaign(configuration).compositions[COMPOSITION]],
        size=SIZE,
        density_scales=DENSITY_SCALES,
        packing=configuration["cells"],
        seed=SEED,
        lineage="dft-labels",
    )
    dynamics = configuration["dynamics"] | {"timestep_fs": configuration["dynamics"]["timestep_fs"] | FASTER}
    cooled = cooled_frames([packed[cell] for cell in missing], load_distilled(), dynamics)
    for cell, frames in zip(missing, cooled, strict=True):
        wanted_K = COOLING_K if cell >= TEST_CELLS else OF_TEST_K[cell % len(OF_TEST_K)]
        for frame in frames:
            temperature_K = FrameInfo.of(frame).temperature_K
            if temperature_K in wanted_K:
                write_frames(WORK / f"cells/{cell}-{temperature_K:g}K.extxyz", [frame])


def files_of(cell: int) -> list[Path]:
    """Files of the frames of a cell."""
    return sorted((WORK / "cells").glob(f"{cell}-*.extxyz"))


def in_turn(cells: Sequence[Sequence[Path]]) -> list[Path]:
    """One frame of every cell, at temperatures in turn, then a second one …: few labels are of many cells."""
    turned = [[*paths[turn % len(paths) :], *paths[: turn % len(paths)]] for turn, paths in enumerate(cells) if paths]
    return [path for several in zip_longest(*turned) for path in several if path]


@dataclass(frozen=True)
class Truth:
    """What labels the frames, and where its labels are: DFT's beside this file, others in work/."""

    name: str
    reference: Reference

    @property
    def folder(self) -> Path:
        """Of the labels and of the isolated atoms."""
        return HERE if self.name == DFT else self.work

    @property
    def work(self) -> Path:
        """Folder of what is not kept."""
        return WORK / self.name

    @property
    def store(self) -> LabelStore:
        """Every label the moment it is known."""
        return LabelStore(self.work / "store", self.reference, protocol=1)

    @property
    def settings(self) -> dict:
        """What changes a label, and the name of the reference."""
        return {"name": self.name, **self.reference.identity()}

    def check_settings(self) -> None:
        """Stop where the labels that are there have other settings."""
        path = self.folder / "dft_labels.json"
        if path.is_file() and read_json(path)["reference"] != self.settings:
            raise SystemExit(f"The labels beside {path} have other settings; move them away or take those of the file.")

    def label(self, cells: Sequence[int]) -> None:
        """Label the frames of those cells: by DFT one after another, by a potential, which starts slowly, at once."""
        known = {_key(frame) for frame in self.frames()}
        asked = [[path for path in files_of(cell) if _key(read_cell(path)) not in known] for cell in cells]
        paths = in_turn(asked)
        if self.name != DFT and paths:
            together = self.work / "cells" / f"{'-'.join(map(str, cells))}.extxyz"
            write_frames(together, [frame for path in paths for frame in read_frames(path)])
            paths = [together]
        for path in paths:
            done = self.work / f"labelled/{path.name}"
            if not done.is_file():
                label_chunk(
                    path,
                    done,
                    done.with_suffix(".tsv"),
                    self.reference,
                    reference_name=self.name,
                    max_force_eV_A=MAX_FORCE_EV_A,
                    store=self.store,
                    workdir=self.work,
                )
            joined = {_key(frame): frame for frame in [*self.frames(), *read_frames(done)]}
            write_frames(self.folder / "dft_labels.extxyz", [joined[key] for key in sorted(joined)])
            print(f"{time.strftime('%H:%M:%S')} {path.stem}: {len(joined)} labels", flush=True)

    def describe(self) -> None:
        """Write licence and settings of the labels, and the isolated atoms as they become known."""
        path, settings = self.folder / "dft_labels.json", self.settings
        energies = self.isolated_atoms_eV() if path.is_file() else {}
        about = {"licence": LICENCE, "composition": COMPOSITION, "reference": settings, "isolated_atoms_eV": energies}
        for symbol in sorted(load_campaign(read_configuration([])).compositions[COMPOSITION].amounts):
            if symbol not in energies:
                energies[symbol] = isolated_atom_energy_eV(symbol, self.reference, store=self.store, workdir=self.work)
                write_json(path, about)

    def frames(self, split: str | None = None) -> list[Atoms]:
        """The labelled frames, of the pool (train) or the test (heldout) where that is asked for."""
        path = self.folder / "dft_labels.extxyz"
        frames = read_frames(path) if path.is_file() else []
        return [frame for frame in frames if split in (None, FrameInfo.of(frame).split)]

    def isolated_atoms_eV(self) -> dict[str, float]:
        """Symbol → energy of the isolated atom."""
        return read_json(self.folder / "dft_labels.json")["isolated_atoms_eV"]


def truth_of(name: str, pseudopotentials: str = ".") -> Truth:
    """DFT at the settings of this file, or another reference as it is shipped."""
    reference = read_reference(read_configuration([])["references"], name)
    changes = CHANGES | {"pseudopotential_path": str(Path(pseudopotentials).resolve())}
    return Truth(name, reference.model_copy(update=changes) if name == DFT else reference)


def _key(frame: Atoms) -> tuple[str, float]:
    info = FrameInfo.of(frame)
    return info.lineage, info.temperature_K


def main() -> None:
    """Label the cells that were asked for, then the isolated atoms."""
    every = range(SIZE["cells"])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--truth", default=DFT, help="the reference that labels")
    parser.add_argument("--pseudopotentials", default=".", help="folder of norm-conserving UPF files for PBE")
    parser.add_argument("--cells", type=int, nargs="*", choices=every, default=list(every))
    arguments = parser.parse_args()
    truth = truth_of(arguments.truth, arguments.pseudopotentials)
    truth.check_settings()
    make_frames(arguments.cells)
    truth.work.mkdir(parents=True, exist_ok=True)
    truth.label(arguments.cells)
    truth.describe()


if __name__ == "__main__":
    main()
