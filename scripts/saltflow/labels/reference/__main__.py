"""References from the command line.

usage: python -m saltflow.labels.reference check [--reference pbe-d3] [--configfile my-sweep/config.yaml] [--cores 8]
                                     [--limit-s 120]

Run it where jobs run, before anything else: exit code 0 when everything is as it should be.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from saltflow.base.errors import SaltflowError
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.settings import load_settings
from saltflow.labels.reference.label import Label, Processes
from saltflow.labels.reference.method_check import check_reference, table


def main(arguments: list[str] | None = None) -> int:
    """Check a reference; returns the exit code."""
    chosen = _parser().parse_args(arguments)
    try:
        return _check(chosen)
    except SaltflowError as error:
        print(error, file=sys.stderr)
        return 1


def _check(chosen: argparse.Namespace) -> int:
    settings = load_settings(read_configuration(chosen.configfile))
    references = settings.references
    if chosen.reference not in references:
        raise SaltflowError(f"'{chosen.reference}' is not a reference; name one of {', '.join(references)}.")
    reference = references[chosen.reference]
    processes = Processes.on(chosen.cores, threads_per_rank=settings.execution.labelling.threads_per_rank)
    print(
        f"{chosen.reference}: LiCl, 8 frames of 2 atoms by {reference.code} on {processes.ranks} × "
        f"{processes.threads} cores …",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        rows, label = check_reference(
            reference, workdir=Path(folder), limit_s=chosen.limit_s, processes=processes, on_frame=_tell
        )
    print(f"\n{label.details['code']}, settings {reference.digest()}\n\n{table(rows)}\n")
    wrong = [row.quantity for row in rows if not row.right]
    if wrong:
        print(f"{len(wrong)} of {len(rows)} are not as they should be: docs/references.md says what to look for.")
        return 1
    print("Everything is as it should be.")
    return 0


def _tell(name: str, label: Label) -> None:
    print(f"  {name}: {label.seconds:.1f} s", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m saltflow.labels.reference", description=__doc__.split("\n", 1)[0])
    commands = parser.add_subparsers(required=True)
    check = commands.add_parser("check", help="compare a reference with known answers on this machine")
    check.add_argument("--reference", default="pbe-d3", help="name under references (default: pbe-d3)")
    check.add_argument("--configfile", nargs="*", default=[], help="as for snakemake")
    check.add_argument("--cores", type=_cores, default=1, help="MPI ranks × threads of a command with {ranks} (1)")
    check.add_argument("--limit-s", type=float, default=120.0, help="seconds that the median frame may take")
    return parser


def _cores(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of cores; give 1 or more")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
