"""`saltflow order`: ordered supercells of a crystal with partial occupancies."""

import time
from pathlib import Path

import click

from saltflow.base.commands import SentenceCommand
from saltflow.base.errors import SaltflowError
from saltflow.materials.ordering.ordering_plan import TOLERANCE


@click.command(cls=SentenceCommand)
@click.argument("file", metavar="FILE.cif", type=click.Path())
@click.option("--atoms", type=click.IntRange(min=1), default=200, show_default=True, help="Most atoms of a cell.")
@click.option("--replicas", type=click.IntRange(1, 100), default=1, show_default=True, help="Different arrangements.")
@click.option("--charges", default="", help="Formal charges, such as Li=1,P=5,S=-2; by default usual ones.")
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 0.5),
    default=TOLERANCE,
    show_default=True,
    help="Largest deviation of an occupancy.",
)
@click.option(
    "--choose",
    type=click.Choice(["lowest", "random"]),
    default="lowest",
    show_default=True,
    help="By electrostatic energy, or at random with distances that ions allow.",
)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--out", default="ordered", show_default=True, help="Folder for the results.")
def command(
    file: str, atoms: int, replicas: int, charges: str, tolerance: float, choose: str, seed: int, out: str
) -> None:
    """Order the partial occupancies of a CIF.

    Writes replica1.cif … and ordering.json with refined and obtained occupancies, charges and energies.
    """
    from saltflow.base.provenance import provenance, write_json
    from saltflow.materials.ordering.disordered_crystal import read_disordered
    from saltflow.materials.ordering.formal_charges import chosen_charges
    from saltflow.materials.ordering.ordered_cells import order_replicas
    from saltflow.materials.ordering.ordering_plan import plan_within
    from saltflow.materials.ordering.ordering_record import describe, write_cif

    began = time.perf_counter()
    crystal = read_disordered(file)
    if crystal.is_ordered:
        raise SaltflowError(f"Every site of '{file}' is whole; use the file as it is.")
    plan = plan_within(crystal, chosen_charges(charges, crystal), most_atoms=atoms, tolerance=tolerance)
    cells = order_replicas(plan, replicas=replicas, seed=seed, lowest=choose == "lowest")
    folder = Path(out)
    for number, cell in enumerate(cells, start=1):
        write_cif(folder / f"replica{number}.cif", cell.atoms)
        click.echo(f"replica{number}.cif: Ewald energy {cell.energy_eV:.4f} eV{_note(cell.close_pairs)}")
    settings = {"atoms": atoms, "replicas": replicas, "tolerance": tolerance, "choose": choose, "seed": seed}
    record = describe(plan, cells) | {"provenance": provenance(settings=settings, inputs={"structure": file})}
    write_json(folder / "ordering.json", record)
    if len(cells) < replicas:
        click.echo(f"Only {len(cells)} different arrangements were found where {replicas} were wanted.")
    click.echo(
        f"{plan.formula}, {plan.atoms} atoms; occupancies within {plan.counts.deviation:.4f} of the refined ones"
        f"{f' ({plan.counts.farthest})' if plan.counts.deviation else ''}; {time.perf_counter() - began:.1f} s; "
        f"written to {out}/"
    )


def _note(close_pairs: int) -> str:
    return f"; {close_pairs} pairs of ions are close: relax the cell" if close_pairs else ""
