"""`saltflow barriers`: migration barriers of the mobile ion of one crystal."""

import logging
import sys
from pathlib import Path

import click

from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@click.argument("names", metavar="FILE...", nargs=-1, required=True, type=click.Path())
@click.option("--mobile", required=True, help="The mobile ion, such as Li.")
@click.option("--potential", "model", required=True, help="File of a MACE model, or a universal one: chgnet-pbe.")
@click.option("--sha256", help="Hash that the model file must have, where no release record lies beside it.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option(
    "--mechanism", type=click.Choice(["vacancy", "interstitial", "knock-off"]), default="vacancy", show_default=True
)
@click.option("--r-max", "r_max_A", type=float, default=5.0, show_default=True, help="Longest hop in Å.")
@click.option("--edge", "edge_A", type=float, default=8.0, show_default=True, help="Least height of the supercell, Å.")
@click.option("--images", type=int, default=5, show_default=True, help="Images between the ends of a path.")
@click.option("--end-force", "end_force_eV_A", type=float, default=0.02, show_default=True, help="Of end states, eV/Å.")
@click.option("--band-force", "band_force_eV_A", type=float, default=0.05, show_default=True, help="Of paths, eV/Å.")
@click.option("--steps", type=int, default=300, show_default=True, help="Most steps of a relaxation.")
@click.option(
    "--cheapest", type=int, help="Paths of so many hops only, lowest on a straight line, and of what percolates."
)
@click.option("--prefactors", is_flag=True, help="Attempt frequencies from vibrations in place of 1e13 per s.")
@click.option(
    "--vibrating-within",
    "radius_A",
    type=float,
    default=4.0,
    show_default=True,
    help="Of the ion, in Å; inf: all atoms.",
)
@click.option("--temperatures", default="300,500,700", show_default=True, help="Of the diffusion coefficients, in K.")
@click.option(
    "--carriers", "carriers_per_cm3", type=float, default=1e21, show_default=True, help="Of the conductivity, per cm³."
)
@click.option("--jumps", type=int, default=20_000, show_default=True, help="Of each kinetic Monte Carlo walk.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--out", default="barriers", show_default=True, help="Folder for the results.")
def command(
    names: tuple[str, ...], model: str, sha256: str | None, device: str, mobile: str, out: str, **options
) -> None:
    """Compute the migration barriers of an ion in a crystal, its percolation thresholds and its diffusion.

    Writes barriers.json, a path for each hop (h1.extxyz …), hop_graph.json and figures. Typed again, it goes on where
    it stopped.
    Of several files, or a folder, each gets a folder of its own, and ranking.tsv lists all.
    """
    from saltflow.base.errors import SaltflowError
    from saltflow.base.provenance import provenance, write_json
    from saltflow.materials.structure_names import structure_files
    from saltflow.studies.barriers.barrier_study import check_settings, study_barriers
    from saltflow.studies.barriers.screening import screen
    from saltflow.studies.given_crystal import read_crystal
    from saltflow.studies.given_potential import load_given

    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    steps = options.pop("steps")
    try:
        temperatures_K = [float(each) for each in options.pop("temperatures").split(",")]
    except ValueError:
        raise SaltflowError("--temperatures is no list of numbers; give such as 300,500,700.") from None
    radius_A = options.pop("radius_A") if options.pop("prefactors") else None
    settings = options | {"temperatures_K": temperatures_K, "end_steps": steps, "band_steps": steps}
    settings["prefactor_radius_A"] = radius_A
    check_settings(settings)
    files = structure_files(names)
    potential, settings["potential_sha256"] = load_given(model, sha256=sha256, device=device)
    settings["potential"] = model

    def study(file: Path, folder: Path) -> dict:
        crystal = read_crystal(str(file), seed=settings["seed"])
        folder.mkdir(parents=True, exist_ok=True)
        record = study_barriers(crystal, potential, mobile=mobile, settings=settings, folder=folder)
        recorded = provenance(settings=settings, inputs={"structure": file})
        write_json(folder / "barriers.json", record | {"provenance": recorded})
        _tell(record, str(folder))
        return record

    if files == [Path(names[0])]:
        study(files[0], Path(out))
    else:
        rows = screen(files, study, Path(out))
        ranked = sum(row["status"] == "ok" for row in rows)
        click.echo(f"{ranked} of {len(rows)} structures are ranked in {out}/ranking.tsv")


def _tell(record: dict, out: str) -> None:
    for hop in record["hops"]:
        barrier = f"{hop['forward_eV']:.3f} / {hop['backward_eV']:.3f} eV" if hop["status"] == "ok" else hop["status"]
        click.echo(f"{hop['hop']:>4}  {hop['length_A']:.2f} Å × {hop['multiplicity']}: {barrier}")
    for dimension, each in record["percolation"].items():
        click.echo(f"{dimension}: " + (f"{each['barrier_eV']:.3f} eV ({each['limiting_hop']})" if each else "none"))
    for row in record["diffusion"]:
        click.echo(
            f"{row['temperature_K']:g} K: D {row['D_cm2_s']:.2e} cm²/s, kinetic Monte Carlo {row['kmc_D_cm2_s']:.2e} ± "
            f"{row['kmc_error_cm2_s']:.1e}; {1000 * row['sigma_S_cm']:.2e} mS/cm at {row['carriers_per_cm3']:g} per cm³"
        )
    click.echo(f"Written to {out}/")
