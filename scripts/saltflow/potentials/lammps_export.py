"""A released potential for LAMMPS: the TorchScript file that its `pair_style mace` reads.

usage: python -m saltflow.potentials.lammps_export results/potentials/base/released.model --out base-lammps.pt

mace-torch's own converter does the work (`mace_create_lammps_model`); docs/run-in-lammps.md says how to run the result.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import atomic_write, read_json
from saltflow.campaign.dispersion_switch import CUTOFF_A, NONE
from saltflow.potentials.trusted_model import trusted_hash

SUFFIX = "-lammps.pt"  # of what the converter writes beside a model


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks for; returns the exit code."""
    chosen = _parser().parse_args(arguments)
    out = chosen.out or chosen.model.with_name(f"{chosen.model.stem}{SUFFIX}")
    try:
        pinned = trusted_hash(chosen.model, given=chosen.sha256)
        head, symbols = export_lammps(chosen.model, out, sha256=pinned, dtype=chosen.dtype, head=chosen.head)
    except SaltflowError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Written to {out} ({chosen.dtype}{f', head {head}' if head else ''}). In the input of LAMMPS:")
    print("pair_style mace no_domain_decomposition")
    print(f"pair_coeff * * {out.name} ELEMENTS   # of the atom types in order, out of {' '.join(symbols)}")
    print(_missing_dispersion(chosen.model, out), end="")
    return 0


def _missing_dispersion(model: Path, out: Path) -> str:
    """What LAMMPS has to add to a potential that did not learn dispersion, where its release record says so."""
    record = model.with_suffix(".json")
    release = read_json(record) if record.is_file() else {}
    if release.get("dispersion") != NONE:
        return ""
    return (
        f"The labels have no dispersion, nor has {out.name}. For D3(BJ), instead of the above (not tried here):\n"
        f"pair_style hybrid/overlay mace no_domain_decomposition dispersion/d3 bj "
        f"{release['reference']['functional'].lower()} {CUTOFF_A} {CUTOFF_A}\n"
        f"pair_coeff * * mace {out.name} ELEMENTS\n"
        "pair_coeff * * dispersion/d3 ELEMENTS\n"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m saltflow.potentials.lammps_export", description=__doc__.split("\n", 1)[0]
    )
    parser.add_argument("model", type=Path, help="a model file, such as results/potentials/NAME/released.model")
    parser.add_argument("--sha256", help="of the model file; by default that of the release record beside it")
    parser.add_argument("--out", type=Path, help=f"file to write (default: the model's name with {SUFFIX})")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float64")
    parser.add_argument("--head", help="of a model with several (default: the first, which saltflow itself runs)")
    return parser


def export_lammps(
    model: Path, out: Path, *, sha256: str, dtype: str, head: str | None = None
) -> tuple[str | None, list[str]]:
    """Convert a model with mace-torch's own converter, in a process of its own.

    Args:
        model: the file.
        out: TorchScript to write.
        sha256: what the content of the model must hash to.
        dtype: float32 or float64, of the result.
        head: which one to take out of a model with several; None for the first.

    Returns:
        the head, None where the model has none to choose, and the symbols of the elements that it knows.

    Raises:
        SaltflowError: the model is not the one that is pinned, has no such head, or the converter failed.
    """
    from ase.data import chemical_symbols

    from saltflow.potentials.mace import load_model

    loaded = load_model(model, sha256=sha256, device="cpu", dtype=dtype)
    chosen = _choose_head(model, list(getattr(loaded, "heads", None) or [None]), head)
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / "exported.model"
        link.symlink_to(model.resolve())
        _convert(link, dtype=dtype, head=chosen)
        with atomic_write(out) as temporary:
            shutil.copyfile(link.with_name(link.name + SUFFIX), temporary)
    return chosen, [chemical_symbols[int(number)] for number in loaded.atomic_numbers]


def _choose_head(model: Path, heads: list[str | None], head: str | None) -> str | None:
    if head is not None and head not in heads:
        known = ", ".join(str(each) for each in heads)
        raise SaltflowError(f"{model} has no head '{head}'; its heads are {known}.")
    return heads[0] if head is None else head


def _convert(model: Path, *, dtype: str, head: str | None) -> None:
    command = [sys.executable, "-m", "mace.cli.create_lammps_model", str(model), "--dtype", dtype]
    command += ["--head", head] if head is not None else []  # asked for on the terminal otherwise
    # A GPU is not needed, and one that others use may have no room.
    quiet = os.environ | {"CUDA_VISIBLE_DEVICES": "", "PYTHONWARNINGS": "ignore"}
    run = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=quiet, check=False)
    if run.returncode != 0 or not model.with_name(model.name + SUFFIX).is_file():
        last = (run.stderr.strip() or run.stdout.strip() or "no message").splitlines()[-1]
        raise SaltflowError(f"mace-torch could not convert the model for LAMMPS: {last}")
