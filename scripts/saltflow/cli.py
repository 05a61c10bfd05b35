"""The command `saltflow`: what people type, in groups.

Each command is imported when it is called, so that `saltflow --help` answers at once and an analysis needs neither
torch nor Snakemake. Commands of a sweep stand beside the rule scripts (scripts/commands): they need the repository.
"""

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click

from saltflow import __version__
from saltflow.base.repository import REPOSITORY, SNAKEFILE


class Listed(NamedTuple):
    """Where a command is defined, and what it does in a line."""

    module: str
    help: str


SECTIONS: Mapping[str, Mapping[str, Listed]] = {
    "A sweep": {
        "new": Listed("commands.new", "Make the folder of a sweep: settings and tables to edit."),
        "plan": Listed("commands.plan", "Tell what would run, why, and what it would cost; run nothing."),
        "approve": Listed("commands.approve", "Keep that plan, to compare the next one with."),
        "status": Listed("commands.status", "Tell how far each composition is."),
        "ranking": Listed("commands.ranking", "List every composition with its status, by conductivity."),
        "refine": Listed("commands.refine", "Tell which are the best, and ask for longer runs where it is open."),
        "results": Listed("commands.results", "Show what the sweep has found as one page, also while it runs."),
        "account": Listed("commands.account", "Tell what the sweep has cost, and what failed."),
        "resume": Listed("commands.resume", "Go on after any accident."),
        "tidy": Listed("commands.tidy", "Tell what may be deleted or reduced, and do it."),
        "archive": Listed("commands.archive", "Pack one composition with all that it was made from."),
    },
    "Trajectories of any program": {
        "transport": Listed(
            "saltflow.analysis.transport.command", "Diffusion, conductivity, Haven ratio, transference."
        ),
        "structure": Listed("saltflow.analysis.structure.command", "g(r), S(q), polyhedra, network, descriptors."),
        "residence": Listed("saltflow.analysis.residence.command", "How long ions stay beside their neighbours."),
        "motion": Listed("saltflow.analysis.motion.command", "van Hove functions, hops and strings."),
        "pathways": Listed("saltflow.analysis.pathways.command", "Ion density and its percolation."),
        "species": Listed(
            "saltflow.analysis.species.command", "Molecular units, their lifetimes, what reacts to what."
        ),
        "spectra": Listed("saltflow.analysis.spectra.command", "Vibrations, scattering, rotations."),
    },
    "Structures": {
        "order": Listed("saltflow.materials.ordering.command", "Order the partial occupancies of a CIF."),
        "barriers": Listed(
            "saltflow.studies.barriers.command", "Migration barriers, percolation, kinetics of a crystal."
        ),
        "saddles": Listed("saltflow.studies.barriers.saddles_command", "Frames of migration paths to be labelled."),
        "screen": Listed("saltflow.studies.survivors.command", "Families of crystals: stability, windows, a funnel."),
        "entropy": Listed("saltflow.studies.entropy.command", "Many dopants on one site: where ions move farthest."),
        "anions": Listed(
            "saltflow.studies.screening.anions_command", "Anions bound to mobile ions only, and their cages."
        ),
        "mechanics": Listed("saltflow.studies.mechanics.command", "Elastic constants and moduli of crystals, glasses."),
        "electrode": Listed(
            "saltflow.studies.electrodes.command", "Voltage, phases, diffusion and cycles of an electrode."
        ),
        "insertions": Listed("saltflow.studies.electrodes.frames_command", "Frames of electrodes to be labelled."),
        "interface": Listed("saltflow.studies.interfaces.interface_command", "Two crystals in contact; what reacts."),
        "surface": Listed(
            "saltflow.studies.interfaces.surface_command", "Surfaces of a crystal, and their reactions with gas."
        ),
    },
    "Alloys": {
        "gfa": Listed("saltflow.studies.alloys.gfa_command", "Which alloys become glass, and which to make next."),
        "tg": Listed("saltflow.studies.alloys.tg_command", "Glass transition over cooling rates."),
        "voronoi": Listed("saltflow.studies.alloys.voronoi_command", "Voronoi indices and short-range order."),
    },
    "Labels and potentials": {
        "reference": Listed("saltflow.labels.reference_command", "Check a reference method; label frames; hulls."),
        "dataset": Listed("saltflow.labels.dataset.command", "Bring labels in, take them out, remove duplicates."),
        "foundation": Listed(
            "saltflow.potentials.foundation_command", "Fetch a published foundation model and pin its hash."
        ),
        "lammps": Listed("saltflow.potentials.lammps_export", "Export a released potential for LAMMPS."),
        "benchmark": Listed(
            "saltflow.operations.md_benchmark", "Measure the speed of molecular dynamics on this machine."
        ),
    },
}
COMMANDS: Mapping[str, Listed] = {name: entry for section in SECTIONS.values() for name, entry in section.items()}


class FrontDoor(click.Group):
    """The commands of `SECTIONS`, listed by section."""

    def invoke(self, context: click.Context) -> Any:
        """Run a command; name the package that it lacks, if it does."""
        try:
            return super().invoke(context)
        except ModuleNotFoundError as error:
            raise click.ClickException(
                f"This command needs the package {error.name}, which is not installed; type `make environment` in the "
                "repository and use its .venv, or install saltflow with the extra that has it (README.md lists them)."
            ) from None

    def list_commands(self, context: click.Context) -> list[str]:
        """Names of all commands."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of a name, imported now."""
        entry = COMMANDS.get(name)
        return _imported(name, entry.module) if entry else None

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections."""
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, entry.help) for name, entry in section.items()])


def _imported(name: str, module: str) -> click.Command:
    if module.startswith("commands."):
        if not SNAKEFILE.is_file():
            raise click.ClickException(
                f"saltflow {name} needs the workflow, which a package alone does not bring; clone the repository and "
                "type `make environment` there."
            )
        sys.path.insert(0, str(REPOSITORY / "scripts"))
    return import_module(module).command


@click.group(cls=FrontDoor, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="saltflow")
def main() -> None:
    """From a table of solid electrolytes to conductivities with honest error bars.

    A sweep is a folder with its own config.yaml; Snakemake runs it: snakemake --profile profiles/slurm --directory
    my-sweep --configfile my-sweep/config.yaml
    """


if __name__ == "__main__":
    main()
