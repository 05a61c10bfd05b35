"""What the commands of single analyses (`saltflow transport FILE …`) share: options and trajectories."""

import logging
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import click

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import title

if TYPE_CHECKING:
    from saltflow.trajectory.h5md import TrajectoryFile

RDF_SETTINGS = ("r_max_A", "bin_width_A", "frames_per_replica")
MOBILE_IONS = frozenset({"Li", "Na", "K", "Rb", "Cs", "Ag"})


@dataclass(frozen=True)
class StatePoint:
    """The trajectories and options of one command.

    Args:
        runs: the trajectories, replicas of one state point.
        inputs: name → path of each, for the provenance.
        charges: element → formal charge in e.
        mobile_ion: the element that carries the current.
        temperature_K: temperature of the runs.
        settings: the section of the settings that belongs to the analysis.
        rdf_settings: r_max_A, bin_width_A and frames_per_replica of g(r).
        folder: where results go; it exists.
        name: what tables and figures call the composition.
    """

    runs: "list[TrajectoryFile]"
    inputs: Mapping[str, str]
    charges: Mapping[str, float]
    mobile_ion: str
    temperature_K: float
    settings: Mapping
    rdf_settings: Mapping
    folder: Path
    name: str

    @property
    def identity(self) -> dict[str, object]:
        """What its products state first."""
        return {"composition": self.name, "temperature_K": self.temperature_K}

    @property
    def title(self) -> str:
        """What figures call it: "LiCl, 600 K"."""
        return title(self.identity)


def trajectory_options(
    analysis: str, *, needs_charges: bool = True
) -> Callable[[Callable[[StatePoint], str]], Callable[..., None]]:
    """Give a function the options of a single analysis.

    The function takes the opened trajectories, writes its results into their folder and returns the status. Options
    that are wrong raise SaltflowError: decorate the result with `click.command(cls=SentenceCommand)`.

    Args:
        analysis: its command, the folder for its results and its section of the settings.
        needs_charges: whether formal charges must be given.
    """

    def decorate(analyse: Callable[[StatePoint], str]) -> Callable[..., None]:
        @wraps(analyse)
        def command(**options: object) -> None:
            logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
            logging.getLogger("MDAnalysis").setLevel(logging.ERROR)
            with _opened(SimpleNamespace(**options), section=analysis) as state_point:
                status = analyse(state_point)
            click.echo(f"{state_point.title}: {status}; written to {state_point.folder}/")

        for option in reversed(_options(analysis, needs_charges=needs_charges)):
            command = option(command)
        return command

    return decorate


def _options(analysis: str, *, needs_charges: bool) -> list[Callable]:
    option = click.option
    charges = {"required": True} if needs_charges else {"default": ""}
    return [
        click.argument("trajectories", metavar="FILE...", nargs=-1, required=True),
        option("--charges", **charges, help="Formal charges, such as Li=1,Al=3,Cl=-1,O=-2."),
        option("--temperature", required=True, type=float, help="In K."),
        option("--mobile", help="The mobile ion; by default the only alkali metal or silver."),
        option("--out", default=analysis, show_default=True, help="Folder for the results."),
        option("--name", help="What tables and figures call it; by default the first file's name."),
        option("--topology", help="File with the atoms, for formats that hold positions alone."),
        option("--species", default="", help="Elements of what the file calls atoms, such as 1=Li,2=Cl."),
        option("--interval", type=float, help="Time between frames in ps, where the file holds none."),
        option("--cell", help="a,b,c,alpha,beta,gamma in Å and degrees, where the file holds none."),
        option("--settings", help=f"YAML with what differs in `{analysis}`."),
    ]


@contextmanager
def _opened(chosen: SimpleNamespace, *, section: str) -> Iterator[StatePoint]:
    """The trajectories that the options name; those of other programs are converted for as long as this is open."""
    from saltflow.campaign.config_files import read_configuration
    from saltflow.campaign.settings import load_settings

    charges = {symbol: _number("--charges", value) for symbol, value in _pairs("--charges", chosen.charges).items()}
    files = [chosen.settings] if chosen.settings else []
    settings = load_settings(read_configuration(files)).model_dump(mode="json")
    folder, name = Path(chosen.out), chosen.name or Path(chosen.trajectories[0]).stem
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        runs = [
            _open(path, chosen, Path(scratch) / f"{number}.h5md") for number, path in enumerate(chosen.trajectories)
        ]
        yield StatePoint(
            runs=runs,
            inputs={f"trajectory{number}": path for number, path in enumerate(chosen.trajectories, start=1)},
            charges=charges,
            mobile_ion=chosen.mobile or _only_mobile_ion(runs[0].symbols),
            temperature_K=chosen.temperature,
            settings=settings[section],
            rdf_settings={name: settings["structure"][name] for name in RDF_SETTINGS},
            folder=folder,
            name=name,
        )


def _open(path: str, chosen: SimpleNamespace, converted: Path) -> "TrajectoryFile":
    from saltflow.trajectory.h5md import open_trajectory
    from saltflow.trajectory.other_programs import convert, is_own

    if Path(path).is_file() and is_own(path):
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
