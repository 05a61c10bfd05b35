"""Labelled sets in and out, without Snakemake.

python -m saltflow.labels.dataset import OUTCAR vasprun.xml --reference pbe-d3-vasp --composition LiAlCl4 --out mine.extxyz
python -m saltflow.labels.dataset deduplicate mine.extxyz --out unique.extxyz
python -m saltflow.labels.dataset export results/potentials/base/generation0/dataset/train.extxyz --out train.aselmdb
"""

import argparse
import sys
from pathlib import Path

import yaml
from ase import Atoms

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import sha256_of_file
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.settings.references import read_reference
from saltflow.labels.dataset.duplicates import unique
from saltflow.labels.dataset.exporting import export
from saltflow.labels.dataset.importing import import_set
from saltflow.labels.frames import read_frames, write_frames
from saltflow.materials.frame_info import FrameInfo


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks for; returns the exit code."""
    chosen = _parser().parse_args(arguments)
    try:
        chosen.command(chosen)
    except SaltflowError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m saltflow.labels.dataset", description=__doc__.split("\n", 1)[0])
    commands = parser.add_subparsers(required=True)
    taking = commands.add_parser("import", help="check a labelled set and bring it into saltflow's form")
    taking.add_argument("--reference", required=True, help="the reference of the settings that it was labelled with")
    taking.add_argument("--composition", required=True, help="the id that reports give to frames that name none")
    taking.add_argument("--settings", nargs="*", default=[], help="YAML with what differs in `references` and `labels`")
    taking.set_defaults(command=_import)
    giving = commands.add_parser("export", help="write labelled frames as extended XYZ or as LMDB (.aselmdb)")
    giving.set_defaults(command=_export)
    sifting = commands.add_parser("deduplicate", help="leave out frames that repeat an earlier one")
    sifting.add_argument("--tolerance", type=float, default=0.01, help="Å that an atom may be off (default: 0.01)")
    sifting.set_defaults(command=_deduplicate)
    for command in (taking, giving, sifting):
        command.add_argument("files", nargs="+", help="labelled sets, joined in this order")
        command.add_argument("--out", required=True, type=Path)
    return parser


def _import(chosen: argparse.Namespace) -> None:
    settings = read_configuration(chosen.settings, sweep=Path())
    reference = read_reference(settings["references"], chosen.reference)
    limit = settings["labels"]["max_force_eV_A"]
    frames = [
        frame
        for path in chosen.files
        for frame in import_set(
            Path(path),
            reference,
            reference_name=chosen.reference,
            composition=chosen.composition,
            max_force_eV_A=limit,
        )
    ]
    write_frames(chosen.out, frames)
    entry = {"path": str(chosen.out), "sha256": sha256_of_file(chosen.out)}
    entry |= {"reference": chosen.reference, "composition": chosen.composition}
    print(f"{len(frames)} frames in {chosen.out}. For labels.imported of the potential in overrides.yaml:")
    print(yaml.safe_dump([entry], sort_keys=False), end="")


def _export(chosen: argparse.Namespace) -> None:
    frames = _read(chosen.files)
    export(chosen.out, frames)
    print(f"{len(frames)} frames in {chosen.out}.")


def _deduplicate(chosen: argparse.Namespace) -> None:
    frames = _read(chosen.files)
    kept = unique(frames, tolerance_A=chosen.tolerance)
    export(chosen.out, [frames[index] for index in kept])
    print(f"{len(kept)} of {len(frames)} frames in {chosen.out}; {len(frames) - len(kept)} repeated another.")


def _read(paths: list[str]) -> list:
    frames = []
    for path in paths:
        if not Path(path).is_file():
            raise SaltflowError(f"{path} is not there.")
        found = read_frames(path)
        if bare := sum(not _is_labelled(frame) for frame in found):
            raise SaltflowError(
                f"{path}: {bare} of {len(found)} frames have no labels; bring them in by `import` first."
            )
        frames += found
    return frames


def _is_labelled(frame: Atoms) -> bool:
    info = FrameInfo.partial(frame)
    return info.reference_energy_eV is not None and info.reference_forces_eV_A is not None


if __name__ == "__main__":
    sys.exit(main())
