"""`saltflow reference`: a reference method checked on this machine, and crystals computed by it."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from saltflow.base.commands import SentenceCommand
from saltflow.base.errors import SaltflowError

if TYPE_CHECKING:
    from saltflow.campaign.settings.references import Reference
    from saltflow.labels.reference.label import Label


@click.group()
def command() -> None:
    """Check a reference method on this machine, label frames by it; energies above the hull."""


@command.command("check", cls=SentenceCommand)
@click.option("--reference", "name", default="pbe-d3", show_default=True, help="The reference method.")
@click.option("--configfile", "files", multiple=True, type=click.Path(), help="As for snakemake; may be repeated.")
@click.option(
    "--cores",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="MPI ranks × threads of a command with {ranks}.",
)
@click.option("--limit-s", type=float, default=120.0, show_default=True, help="Seconds that the median frame may take.")
@click.pass_context
def check(context: click.Context, name: str, files: Sequence[str], cores: int, limit_s: float) -> None:
    """Compare a reference with known answers on this machine, in minutes.

    Run it where jobs run, before anything else: the exit code is 0 when everything agrees.

    saltflow reference check --reference pbe-d3 --configfile my-sweep/config.yaml --cores 8
    """
    from saltflow.campaign.config_files import read_configuration
    from saltflow.campaign.settings import load_settings
    from saltflow.labels.reference.label import Processes
    from saltflow.labels.reference.method_check import check_reference, format_table

    settings = load_settings(read_configuration(files, sweep=_sweep_of(files)))
    reference = _reference(settings.references, name)
    processes = Processes.on(cores, threads_per_rank=settings.execution.labelling.threads_per_rank)
    click.echo(
        f"{name}: LiCl, 8 frames of 2 atoms by {reference.code} on {processes.ranks} × {processes.threads} cores …"
    )
    with tempfile.TemporaryDirectory() as folder:
        comparisons, label = check_reference(
            reference, workdir=Path(folder), limit_s=limit_s, processes=processes, on_frame=_print_time
        )
    click.echo(f"\n{label.details['code']}, settings {reference.digest()}\n\n{format_table(comparisons)}\n")
    wrong = [comparison for comparison in comparisons if not comparison.agrees]
    if wrong:
        click.echo(f"{len(wrong)} of {len(comparisons)} do not agree: docs/choose-a-reference.md lists causes.")
        context.exit(1)
    click.echo("Everything agrees.")


@command.command("label", cls=SentenceCommand)
@click.argument("path", metavar="FRAMES", type=click.Path(path_type=Path))
@click.option("--reference", "name", required=True, help="The reference method.")
@click.option("--composition", required=True, help="The id that reports give to frames that name none.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The labelled frames.")
@click.option("--cores", type=click.IntRange(min=1), default=1, show_default=True, help="MPI ranks × threads.")
@click.option("--settings", type=click.Path(), help="YAML with what differs in `references` and `labels`.")
def label(path: Path, name: str, composition: str, out: Path, cores: int, settings: str | None) -> None:
    """Label frames of your own, which need not come from a sweep; typed again, it goes on.

    Labels are kept in `labels/`. Failures stand in a table beside the frames.

    saltflow reference label saddles.extxyz --reference pbe-d3 --composition LiFePO4 --out labelled.extxyz
    """
    from saltflow.campaign.config_files import read_configuration
    from saltflow.campaign.settings.references import read_reference
    from saltflow.labels.dataset.importing import import_set, imported_entry
    from saltflow.labels.frames import write_frames
    from saltflow.labels.reference.label import Processes
    from saltflow.labels.reference.ledger import check_failures, label_chunk
    from saltflow.labels.reference.store import LabelStore

    if not path.is_file():
        raise SaltflowError(f"{path} is not there.")
    configuration = read_configuration([settings] if settings else [], sweep=Path())
    reference, chosen = read_reference(configuration["references"], name), configuration["labels"]
    threads = configuration["execution"]["labelling"]["threads_per_rank"]
    out.parent.mkdir(parents=True, exist_ok=True)
    ledger, limit_eV_A = out.with_suffix(".tsv"), chosen["max_force_eV_A"]
    with tempfile.TemporaryDirectory() as workdir:
        label_chunk(
            path,
            out,
            ledger,
            reference,
            reference_name=name,
            max_force_eV_A=limit_eV_A,
            store=LabelStore(chosen["store_path"], reference, protocol=chosen["protocol"]),
            workdir=workdir,
            processes=Processes.on(cores, threads_per_rank=threads),
        )
    check_failures([ledger], max_failed_fraction=chosen["max_failed_fraction"])
    frames = import_set(out, reference, reference_name=name, composition=composition, max_force_eV_A=limit_eV_A)
    write_frames(out, frames)
    click.echo(f"{len(frames)} labelled frames in {out}. For labels.imported of the potential in overrides.yaml:")
    click.echo(imported_entry(out, reference_name=name, composition=composition), nl=False)


@command.command("hull", cls=SentenceCommand)
@click.argument("crystals", metavar="CRYSTAL...", nargs=-1, required=True)
@click.option("--reference", "name", required=True, help="The reference method.")
@click.option(
    "--frames",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Frames labelled by the same reference; may be repeated.",
)
@click.option("--edge", type=float, help="Å to which small cells are repeated; by default 10 without k-points.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Where energies are kept; by default results/references/NAME/crystals.",
)
@click.option("--settings", type=click.Path(), help="YAML with what differs in `references`.")
def hull(
    crystals: Sequence[str],
    name: str,
    frames: Sequence[Path],
    edge: float | None,
    folder: Path | None,
    settings: str | None,
) -> None:
    """Energies of CRYSTALs at 0 K, and how far above their hull the lowest labelled frame of each formula lies.

    A CRYSTAL is an element (Li), a formula with its prototype and lattice constant (LiCl:rocksalt:5.14), or a file.

    saltflow reference hull LiCl:rocksalt:5.14 AlCl3.cif --reference gfn1-xtb --frames train.extxyz
    """
    from saltflow.campaign.config_files import read_configuration
    from saltflow.campaign.settings.references import read_reference
    from saltflow.labels.energy_above_hull import format_above_hull, lowest_frames
    from saltflow.labels.reference.known_crystals import label_crystal

    configuration = read_configuration([settings] if settings else [], sweep=Path())
    reference = read_reference(configuration["references"], name)
    kept = folder or Path("results/references") / name / "crystals"
    with tempfile.TemporaryDirectory() as workdir:
        energies = [
            label_crystal(
                each, reference, reference_name=name, folder=kept, workdir=Path(workdir), smallest_edge_A=edge
            )
            for each in crystals
        ]
    for each in energies:
        click.echo(f"{each['name']}: {each['energy_eV_atom']:.4f} eV/atom")
    for formula, frame in lowest_frames(frames, reference).items():
        click.echo(f"{formula}: lowest labelled frame {format_above_hull(frame, energies)}")


def _sweep_of(files: Sequence[str]) -> Path:
    """The folder of a sweep: that of its settings, else this one."""
    return Path(files[-1]).parent if files else Path()


def _reference(references: "Mapping[str, Reference]", name: str) -> "Reference":
    if name not in references:
        raise SaltflowError(f"'{name}' is not a reference; name one of {', '.join(references)}.")
    return references[name]


def _print_time(name: str, label: "Label") -> None:
    click.echo(f"  {name}: {label.seconds:.1f} s")
