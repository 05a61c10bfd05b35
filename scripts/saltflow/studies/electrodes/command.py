"""`saltflow electrode`: ions put into and taken out of a host."""

import logging
import sys
from pathlib import Path

import click

from saltflow.base.commands import SentenceCommand
from saltflow.base.errors import SaltflowError


@click.command(cls=SentenceCommand)
@click.argument("name", metavar="HOST", type=click.Path())
@click.option("--ion", required=True, help="The ion that moves, such as Li.")
@click.option("--potential", "model", required=True, help="File of a MACE model, or a universal one: chgnet-pbe.")
@click.option("--sha256", help="Hash that the model file must have, where no release record lies beside it.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--repeat", default="1,1,1", show_default=True, help="Of the cell of the file.")
@click.option("--fixed-cell", is_flag=True, help="Of a slab with vacuum: atoms alone are relaxed.")
@click.option("--voids", is_flag=True, help="The host holds no ion yet: its sites are the voids that cost least.")
@click.option("--vacancies", default="", help="Such as C:1; drawn by --seed.")
@click.option("--apart", "apart_A", type=float, default=0.0, show_default=True, help="Least distance of these, Å.")
@click.option("--antisites", default="", help="Pairs that change places, such as Co-Li:1; drawn by --seed.")
@click.option("--faults", type=int, default=0, show_default=True, help="Stacking faults of --layers; likewise.")
@click.option("--range", "bounds", default="0,1", show_default=True, help="Of x, the fraction of occupied sites.")
@click.option("--points", type=int, default=5, show_default=True, help="Compositions in that range.")
@click.option("--candidates", type=int, default=6, show_default=True, help="Most configurations of each composition.")
@click.option("--metal", "metal_path", type=click.Path(), help="Crystal of the metal; bcc by default.")
@click.option("--force", "force_eV_A", type=float, default=0.03, show_default=True, help="Limit of forces, eV/Å.")
@click.option("--steps", type=int, default=300, show_default=True, help="Most steps of a relaxation.")
@click.option("--layers", help="Element of the layers of a layered host, across c: C of graphite.")
@click.option("--temperature", "temperature_K", type=float, default=300.0, show_default=True, help="In K.")
@click.option("--voltages", default="", help="Of grand-canonical Monte Carlo, such as 3.5,3.8,4.1; none by default.")
@click.option("--sweeps", type=int, default=2000, show_default=True, help="Of each Monte Carlo chain.")
@click.option(
    "--energies",
    type=click.Choice(["cells", "positions", "rigid", "dynamics"]),
    default="cells",
    show_default=True,
    help="Of Monte Carlo: what is relaxed; or of the host as it moves, for --md in each sweep.",
)
@click.option("--transport", default="", help="Temperatures of D and Ea over x, such as 600,800,1000; none by default.")
@click.option("--transport-ps", type=float, default=50.0, show_default=True, help="Length of these runs, ps.")
@click.option("--replicas", type=int, default=2, show_default=True, help="Of each of them, by other velocities.")
@click.option("--cycles", type=int, default=0, show_default=True, help="Charges and discharges as dynamics.")
@click.option("--cycle-replicas", type=int, default=1, show_default=True, help="Of all cycles, by other choices.")
@click.option(
    "--rule",
    type=click.Choice(["lowest-energy", "random", "nearest-to-face"]),
    default="lowest-energy",
    show_default=True,
    help="Which ions a step of a cycle moves.",
)
@click.option(
    "--face", "axis", type=click.Choice(["a", "b", "c"]), default="c", show_default=True, help="It is across this axis."
)
@click.option("--ions-per-step", type=int, default=1, show_default=True)
@click.option("--md", "md_ps", type=float, default=1.0, show_default=True, help="Dynamics after each step, ps.")
@click.option(
    "--ensemble", type=click.Choice(["nvt", "npt", "npt-full"]), default="npt-full", show_default=True, help="Of it."
)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--out", default="electrode", show_default=True, help="Folder for the results.")
def command(
    name: str,
    model: str,
    sha256: str | None,
    device: str,
    repeat: str,
    bounds: str,
    vacancies: str,
    antisites: str,
    voltages: str,
    transport: str,
    ion: str,
    seed: int,
    out: str,
    **options,
) -> None:
    """Compute the voltage of an electrode, its stable phases, and the volume of its host, over its ions.

    With --voltages it fills the host at these by Monte Carlo; with --transport it runs the dynamics of the ions at each
    composition; with --cycles it takes ions out and puts them back, step by step, with molecular dynamics between.
    Writes electrode.json, phases.extxyz, cycles.extxyz and electrode.svg. Typed again, it goes on where it stopped.
    """
    from saltflow.base.provenance import provenance, write_json
    from saltflow.studies.electrodes.electrode_part import results_part
    from saltflow.studies.electrodes.electrode_study import check_settings, study_electrode
    from saltflow.studies.given_crystal import read_crystal
    from saltflow.studies.given_potential import load_given

    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    settings = options | {"seed": seed, "potential": model}
    settings["repeat"] = _numbers(repeat, 3, int, "--repeat", "2,2,1")
    settings["range"] = _numbers(bounds, 2, float, "--range", "0,1")
    settings["vacancies"] = _counts(vacancies, "--vacancies", "elements", "C:1 or O:2,Co:1")
    settings["antisites"] = _counts(antisites, "--antisites", "pairs of elements", "Co-Li:1")
    settings["voltages"] = _any_numbers(voltages, "--voltages", "3.5,3.8,4.1")
    settings["transport"] = _any_numbers(transport, "--transport", "600,800,1000")
    check_settings(settings)
    crystal = read_crystal(name, seed=seed)
    potential, settings["potential_sha256"] = load_given(model, sha256=sha256, device=device)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    record = study_electrode(crystal, potential, ion=ion, settings=settings, folder=folder)
    write_json(
        folder / "electrode.json", record | {"provenance": provenance(settings=settings, inputs={"structure": name})}
    )
    write_json(folder / "page.json", results_part(record, folder))
    _tell(record, out)


def _numbers(text: str, count: int, kind: type, option: str, example: str) -> list:
    try:
        found = [kind(each) for each in text.split(",")]
    except ValueError:
        found = []
    if len(found) != count:
        raise SaltflowError(f"{option} is no list of {count} numbers; give such as {example}.")
    return found


def _any_numbers(text: str, option: str, example: str) -> list:
    return _numbers(text, len(text.split(",")), float, option, example) if text else []


def _counts(text: str, option: str, of: str, example: str) -> dict[str, int]:
    pairs = [each.partition(":") for each in text.split(",") if each]
    parts = example.partition(":")[0].count("-")
    if not all(name and name.count("-") == parts and count.isdigit() for name, _, count in pairs):
        raise SaltflowError(f"{option} is no list of {of} with counts; give such as {example}.")
    return {name: int(count) for name, _, count in pairs}


def _tell(record: dict, out: str) -> None:
    for row in record["compositions"]:
        click.echo(
            f"x {row['x']:.3f}  {row['formula']}: {row['above_hull_eV_per_site']:.4f} eV per site above the hull, "
            f"{row['volume_A3_per_site']:.2f} Å³ per site"
        )
    for step in record["plateaus"]:
        click.echo(f"x {step['x_from']:.3f} to {step['x_to']:.3f}: {step['voltage_V']:.3f} V")
    filled = record.get("monte_carlo", {"rows": [], "note": None})
    for row in filled["rows"]:
        click.echo(f"{row['voltage_V']:.3f} V: x {row['x']:.3f} ± {row['x_error']:.3f}, {row['status']}")
    if filled["note"]:
        click.echo(filled["note"])
    for row in record.get("transport", []):
        energy = row["Ea_eV"]
        known = f"Ea {energy['value']:.3f} ± {energy['error']:.3f} eV" if energy else row["status"]
        points = ", ".join(f"{point['temperature_K']:g} K {_D(point)}" for point in row["points"])
        click.echo(f"x {row['x']:.3f}: {known}" + (f" ({points})" if points else ""))
    if trap := record.get("trap"):
        found = trap["status"] if trap["trap_eV"] is None else f"{trap['trap_eV']:+.3f} eV"
        click.echo(f"A single ion next to a vacancy: {found}, against one far from it")
    if cycling := record.get("cycling"):
        for cycle in cycling["cycles"]:
            click.echo(
                f"cycle {cycle['cycle']}: charge {cycle['charge_V']:.3f} V, discharge {cycle['discharge_V']:.3f} V, "
                f"{cycle['irreversible_eV_per_site']:+.4f} eV per site did not come back"
            )
        if cycling["status"] != "ok":
            click.echo(f"The cycles were stopped: {cycling['status']}; the last good state is in last_good.extxyz.")
    click.echo(f"mean {record['mean_voltage_V']:.3f} V by {record['potential']}, {record['status']}; written to {out}/")


def _D(point: dict) -> str:
    if point["D_cm2_s"] is None:
        return point["status"]
    return f"{point['D_cm2_s']:.1e} ± {point['error']:.0e} cm²/s, {point['status']}"
