"""What the commands of single analyses (`saltflow transport FILE …`) share: options and trajectories."""

import logging
import math
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from inspect import cleandoc
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import click

from saltflow.analysis.unphysical import judged
from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import title

if TYPE_CHECKING:
    from saltflow.trajectory.h5md import TrajectoryFile

log = logging.getLogger(__name__)

LARGEST_CHARGE_E = 8
LOW_TEMPERATURE_K = 150.0
FORMATS = """\b
What files need (.gz, .bz2 and .xz are unpacked; content decides, not the name):
  saltflow H5MD               nothing
  XTC, TRR, Amber NetCDF      --topology
  LAMMPS dump                 columns id and element (or --species 1=Li,2=Cl);
                              --interval, unless it has ITEM: UNITS and TIME
  extended XYZ, .traj,        --interval, unless GPUMD or CP2K wrote its times
  XDATCAR
  vaspout.h5                  --interval, unless it holds POTIM of an MD run
  other H5MD                  --species or --topology
  DCD                         --topology; --interval, unless in CHARMM's unit
  XYZ without a cell          --cell
Positions may be wrapped; xu yu zu, image flags and H5MD images are trusted.
Options that contradict a file are refused."""
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
        unphysical: why numbers from the trajectories are not physical.
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
    unphysical: Sequence[str] = ()

    def judged(self, result: Mapping) -> dict:
        """A result, with the status that the physical bounds of its trajectories leave it."""
        return judged(result, self.unphysical)

    @property
    def identity(self) -> dict[str, object]:
        """What its products state first."""
        return {"composition": self.name, "temperature_K": self.temperature_K}

    @property
    def title(self) -> str:
        """What figures call it: "LiCl, 600 K"."""
        return title(self.identity)


FILE_OPTIONS = (
    click.option("--topology", help="File with the atoms, for formats that hold positions alone."),
    click.option("--species", default="", help="Elements of what the file calls atoms, such as 1=Li,2=Cl."),
    click.option("--interval", type=float, help="Time between frames in ps, where the file does not say it."),
    click.option("--cell", help="a,b,c,alpha,beta,gamma in Å and degrees, where the file holds none."),
)


def file_options(command: Callable) -> Callable:
    """Give a function the options that say what trajectories of other programs leave out."""
    for option in reversed(FILE_OPTIONS):
        command = option(command)
    return command


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

        command.__doc__ = "\n\n".join((cleandoc(analyse.__doc__ or ""), FORMATS))
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
        *FILE_OPTIONS,
        option("--settings", help=f"YAML with what differs in `{analysis}`."),
    ]


@contextmanager
def _opened(chosen: SimpleNamespace, *, section: str) -> Iterator[StatePoint]:
    """The trajectories that the options name; those of other programs are converted for as long as this is open."""
    from saltflow.campaign.config_files import read_configuration
    from saltflow.campaign.settings import load_settings
    from saltflow.trajectory.physical_bounds import beyond_bounds

    charges = _charges(chosen.charges)
    if not 0 < chosen.temperature < math.inf:
        raise SaltflowError(f"--temperature needs a temperature above 0 K, not {chosen.temperature:g} K.")
    if chosen.temperature < LOW_TEMPERATURE_K:
        celsius = chosen.temperature
        log.warning(
            "--temperature is in kelvin: %g K is cold, %g °C would be %.5g K.", celsius, celsius, celsius + 273.15
        )
    files = [chosen.settings] if chosen.settings else []
    settings = load_settings(read_configuration(files)).model_dump(mode="json")
    folder, name = Path(chosen.out), chosen.name or Path(chosen.trajectories[0]).stem
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        runs = open_given(chosen.trajectories, Path(scratch), chosen)
        mobile_ion = chosen.mobile or _only_mobile_ion(runs[0].symbols)
        _check_charges(charges, runs[0].symbols, mobile_ion)
        unphysical = beyond_bounds(runs, temperature_K=chosen.temperature, charges=charges)
        for reason in unphysical:
            log.warning("Unphysical: %s.", reason)
        yield StatePoint(
            runs=runs,
            inputs={f"trajectory{number}": path for number, path in enumerate(chosen.trajectories, start=1)},
            charges=charges,
            mobile_ion=mobile_ion,
            temperature_K=chosen.temperature,
            settings=settings[section],
            rdf_settings={name: settings["structure"][name] for name in RDF_SETTINGS},
            folder=folder,
            name=name,
            unphysical=unphysical,
        )


def open_given(trajectories: Sequence[str], scratch: Path, chosen: SimpleNamespace) -> "list[TrajectoryFile]":
    """The trajectories of a command.

    Args:
        trajectories: their files.
        scratch: folder for converted ones.
        chosen: topology, species, interval and cell, as of `file_options`.

    Raises:
        SaltflowError: as of `open_replicas`, or an option is malformed.
    """
    from saltflow.trajectory.given_files import open_replicas

    return open_replicas(
        trajectories,
        scratch,
        topology=chosen.topology,
        species=_pairs("--species", chosen.species),
        interval_ps=chosen.interval,
        cell=_cell(chosen.cell),
    )


def _cell(text: str | None) -> list[float] | None:
    numbers = [_number("--cell", part) for part in text.split(",")] if text else None
    if numbers is not None and len(numbers) != 6:
        raise SaltflowError(f"--cell needs six numbers, a,b,c,alpha,beta,gamma, not {text!r}.")
    return numbers


def _charges(text: str) -> dict[str, float]:
    from saltflow.trajectory.elements import ELEMENTS

    charges = {symbol: _number("--charges", value) for symbol, value in _pairs("--charges", text).items()}
    for symbol, charge in charges.items():
        if symbol not in ELEMENTS:
            raise SaltflowError(f"--charges: {symbol} is no element; correct it.")
        if not abs(charge) <= LARGEST_CHARGE_E:
            raise SaltflowError(f"--charges: {symbol} cannot carry {charge:g} e; give formal charges in e.")
    return charges


def _check_charges(charges: Mapping[str, float], symbols: Sequence[str], mobile_ion: str) -> None:
    if charges.get(mobile_ion, 1.0) == 0:
        raise SaltflowError(f"--charges: the mobile ion {mobile_ion} carries no charge; give its formal charge.")
    if absent := sorted(set(charges) - set(symbols)):
        log.warning("--charges names %s, which the atoms do not contain.", ", ".join(absent))


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
