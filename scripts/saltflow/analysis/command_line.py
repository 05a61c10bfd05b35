"""What the single analyses (`python -m saltflow.<analysis> trajectory …`) share: arguments and trajectories."""

import argparse
import logging
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from saltflow.base.errors import SaltflowError
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.settings import load_settings
from saltflow.trajectory import TrajectoryFile, open_trajectory
from saltflow.trajectory.other_programs import convert, is_ours

RDF_SETTINGS = ("r_max_A", "bin_width_A", "frames_per_replica")
MOBILE_IONS = frozenset({"Li", "Na", "K", "Rb", "Cs", "Ag"})


@dataclass(frozen=True)
class Point:
    """The trajectories of one command, and what was said of them.

    Args:
        runs: the trajectories, replicas of one point.
        inputs: name → path of each, for the provenance.
        charges: element → formal charge in e.
        mobile_ion: the element that carries the current.
        temperature_K: temperature of the runs.
        settings: the section of the settings that belongs to the analysis.
        rdf_settings: r_max_A, bin_width_A and frames_per_replica of g(r).
        folder: where results go; it exists.
        title: what tables and figures call it.
        name: the same without the temperature.
    """

    runs: list[TrajectoryFile]
    inputs: Mapping[str, str]
    charges: Mapping[str, float]
    mobile_ion: str
    temperature_K: float
    settings: Mapping
    rdf_settings: Mapping
    folder: Path
    title: str
    name: str


def run_analysis(
    analysis: str,
    arguments: list[str] | None,
    *,
    description: str,
    section: str,
    analyse: Callable[[Point], str],
    needs_charges: bool = True,
) -> int:
    """Read the command line, open the trajectories, analyse them, and say where the results are.

    Args:
        analysis: name of the module below saltflow, and of the folder for the results.
        arguments: of the command line; None takes those of the process.
        description: one sentence for --help.
        section: section of the settings that the analysis uses.
        needs_charges: whether the analysis uses formal charges; they may be left out otherwise.
        analyse: writes its results into the folder and returns the status in a few words.

    Returns:
        The exit code: 1 after a mistake of the user, which is explained in one sentence.
    """
    chosen = _parser(analysis, description, section, needs_charges=needs_charges).parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("MDAnalysis").setLevel(logging.ERROR)
    try:
        with _opened_point(chosen, section) as point:
            status = analyse(point)
    except SaltflowError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{point.title}: {status}; written to {point.folder}/")
    return 0


def _parser(analysis: str, description: str, section: str, *, needs_charges: bool) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m saltflow.{analysis}", description=description)
    parser.add_argument("trajectories", nargs="+", help="files of one point: H5MD, or anything that MDAnalysis reads")
    parser.add_argument(
        "--charges", required=needs_charges, default="", help="formal charges, such as Li=1,Al=3,Cl=-1,O=-2"
    )
    parser.add_argument("--temperature", required=True, type=float, help="K")
    parser.add_argument("--mobile", help="the mobile ion; by default the only alkali metal or silver")
    parser.add_argument("--out", default=analysis, help=f"folder for the results (default: {analysis})")
    parser.add_argument("--name", help="what the tables and figures call it (default: the first file's name)")
    parser.add_argument("--topology", help="file with the atoms, for formats that hold positions alone")
    parser.add_argument("--species", default="", help="elements of what the file calls atoms, such as 1=Li,2=Cl")
    parser.add_argument("--interval", type=float, help="ps between frames, where the file does not say")
    parser.add_argument("--cell", help="a,b,c,alpha,beta,gamma in Å and degrees, where the file does not say")
    parser.add_argument("--settings", help=f"YAML with what differs in `{section}`")
    return parser


@contextmanager
def _opened_point(chosen: argparse.Namespace, section: str) -> Iterator[Point]:
    charges = {symbol: _number("--charges", value) for symbol, value in _pairs("--charges", chosen.charges).items()}
    files = [chosen.settings] if chosen.settings else []
    settings = load_settings(read_configuration(files)).model_dump(mode="json")
    folder, name = Path(chosen.out), chosen.name or Path(chosen.trajectories[0]).stem
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        runs = [
            _open(path, chosen, Path(scratch) / f"{number}.h5md") for number, path in enumerate(chosen.trajectories)
        ]
        yield Point(
            runs=runs,
            inputs={f"trajectory{number}": path for number, path in enumerate(chosen.trajectories, start=1)},
            charges=charges,
            mobile_ion=chosen.mobile or _only_mobile_ion(runs[0].symbols),
            temperature_K=chosen.temperature,
            settings=settings[section],
            rdf_settings={name: settings["structure"][name] for name in RDF_SETTINGS},
            folder=folder,
            title=f"{name} at {chosen.temperature:g} K",
            name=name,
        )


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
    found = sorted(MOBILE_IONS & set(symbols))
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
