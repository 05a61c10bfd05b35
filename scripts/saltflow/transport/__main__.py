"""Transport of trajectories from any program, without Snakemake.

usage: python -m saltflow.transport run.h5md --charges Li=1,Cl=-1 --temperature 600

Several trajectories are replicas of one point. Writes transport.json (schema: docs/transport.md), transport.csv with
the columns of the sweep's conductivity.csv, and the figures.
"""

import argparse
import logging
import sys
import tempfile
from pathlib import Path

import yaml

from saltflow.errors import SaltflowError
from saltflow.plotting import plot_conductivity, plot_correlation, plot_transport
from saltflow.provenance import provenance, write_json
from saltflow.summary import tabulate_foreign, write_table
from saltflow.trajectory import TrajectoryFile, open_trajectory
from saltflow.trajectory.foreign import convert, is_ours
from saltflow.transport.analysis import analyse_transport

SETTINGS = Path(__file__).parents[3] / "config" / "config.yaml"


def main(arguments: list[str] | None = None) -> int:
    """Analyse the trajectories named on the command line; returns the exit code."""
    chosen = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("MDAnalysis").setLevel(logging.WARNING)
    try:
        _analyse(chosen)
    except SaltflowError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m saltflow.transport", description=__doc__.split("\n", 1)[0])
    parser.add_argument("trajectories", nargs="+", help="files of one point: H5MD, or anything that MDAnalysis reads")
    parser.add_argument("--charges", required=True, help="formal charges, such as Li=1,Al=3,Cl=-1,O=-2")
    parser.add_argument("--temperature", required=True, type=float, help="K")
    parser.add_argument("--mobile", help="the mobile ion; by default the only alkali metal or silver")
    parser.add_argument("--out", default="transport", help="folder for the results (default: transport)")
    parser.add_argument("--name", help="what the tables and figures call it (default: the first file's name)")
    parser.add_argument("--topology", help="file with the atoms, for formats that hold positions alone")
    parser.add_argument("--species", default="", help="elements of what the file calls atoms, such as 1=Li,2=Cl")
    parser.add_argument("--interval", type=float, help="ps between frames, where the file does not say")
    parser.add_argument("--cell", help="a,b,c,alpha,beta,gamma in Å and degrees, where the file does not say")
    parser.add_argument("--settings", default=SETTINGS, help="YAML whose section `transport` is used")
    return parser


def _analyse(chosen: argparse.Namespace) -> None:
    charges = {symbol: _number("--charges", value) for symbol, value in _pairs("--charges", chosen.charges).items()}
    settings = yaml.safe_load(Path(chosen.settings).read_text())["transport"]
    folder, name = Path(chosen.out), chosen.name or Path(chosen.trajectories[0]).stem
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        runs = [
            _open(path, chosen, Path(scratch) / f"{number}.h5md") for number, path in enumerate(chosen.trajectories)
        ]
        mobile_ion = chosen.mobile or _only_mobile_ion(runs[0].symbols)
        result = analyse_transport(
            runs, charges=charges, mobile_ion=mobile_ion, temperature_K=chosen.temperature, **settings
        )
    inputs = {f"trajectory{number}": path for number, path in enumerate(chosen.trajectories, start=1)}
    result["provenance"] = provenance(settings=settings, inputs=inputs, charges=charges)
    title = f"{name} at {chosen.temperature:g} K"
    plot_transport(result, folder / "transport.svg", title=title)
    plot_conductivity(result, folder / "conductivity.svg", title=title)
    plot_correlation(result, folder / "correlation.svg", title=title)
    write_table(tabulate_foreign(name, result), folder / "transport.csv")
    write_json(folder / "transport.json", result)
    print(f"{title}: {result['status']}; written to {folder}/")


def _open(path: str, chosen: argparse.Namespace, converted: Path) -> TrajectoryFile:
    if Path(path).is_file() and is_ours(path):
        return open_trajectory(path)
    cell = [_number("--cell", part) for part in chosen.cell.split(",")] if chosen.cell else None
    if cell is not None and len(cell) != 6:
        raise SaltflowError(f"--cell needs six numbers, a,b,c,alpha,beta,gamma, not {chosen.cell!r}.")
    convert(
        path,
        converted,
        topology=chosen.topology,
        species=_pairs("--species", chosen.species),
        interval_ps=chosen.interval,
        cell=cell,
    )
    return open_trajectory(converted)


def _only_mobile_ion(symbols: tuple[str, ...]) -> str:
    found = sorted({"Li", "Na", "K", "Rb", "Cs", "Ag"} & set(symbols))
    if len(found) != 1:
        atoms = ", ".join(sorted(set(symbols)))
        raise SaltflowError(f"Which ion is mobile? Name it with --mobile; the atoms are {atoms}.")
    return found[0]


def _pairs(option: str, text: str) -> dict[str, str]:
    pairs = {}
    for part in filter(None, text.split(",")):
        name, equals, value = part.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise SaltflowError(f"{option}: {part!r} is not of the form name=value; separate several by commas.")
        if name.strip() in pairs:
            raise SaltflowError(f"{option}: {name.strip()} is given twice; an element carries one formal charge.")
        pairs[name.strip()] = value.strip()
    return pairs


def _number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SaltflowError(f"{option}: {text!r} is not a number.") from None


if __name__ == "__main__":
    sys.exit(main())
