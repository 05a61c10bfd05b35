"""`saltflow lammps`: a released potential as the TorchScript file that LAMMPS' `pair_style mace` reads.

mace-torch's own converter does the work (`mace_create_lammps_model`).
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from saltflow.base.commands import SentenceCommand
from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import copy_file, read_json
from saltflow.campaign.dispersion_switch import CUTOFF_A, NONE
from saltflow.potentials.trusted_model import trusted_hash

SUFFIX = "-lammps.pt"  # of what the converter writes beside a model


@click.command(cls=SentenceCommand)
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--sha256", help="Of the model file; by default that of the release record beside it.")
@click.option(
    "--out", type=click.Path(path_type=Path), help=f"File to write; by default the model's name with {SUFFIX}."
)
@click.option(
    "--dtype", type=click.Choice(["float32", "float64"]), default="float64", show_default=True, help="Precision."
)
@click.option("--head", help="Head of a model with several heads; by default the first, which saltflow itself runs.")
def command(model: Path, sha256: str | None, out: Path | None, dtype: str, head: str | None) -> None:
    """Convert MODEL, such as results/potentials/NAME/released.model, for LAMMPS.

    Prints the lines for the input of LAMMPS; docs/run-in-lammps.md says how to run it.
    """
    out = out or model.with_name(f"{model.stem}{SUFFIX}")
    pinned = trusted_hash(model, given=sha256)
    chosen, symbols = export_lammps(model, out, sha256=pinned, dtype=dtype, head=head)
    click.echo(f"Written to {out} ({dtype}{f', head {chosen}' if chosen else ''}). In the input of LAMMPS:")
    click.echo("pair_style mace no_domain_decomposition")
    click.echo(f"pair_coeff * * {out.name} ELEMENTS   # of the atom types in order, out of {' '.join(symbols)}")
    click.echo(_missing_dispersion(model, out), nl=False)


def _missing_dispersion(model: Path, out: Path) -> str:
    """Input lines that add D3 to a potential whose labels have no dispersion, by its release record."""
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
        copy_file(link.with_name(link.name + SUFFIX), out)
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
