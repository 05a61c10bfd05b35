"""`saltflow tg`: the glass transition over cooling rates."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@click.argument("names", metavar="FILE...", nargs=-1, required=True, type=click.Path())
@click.option("--at-rate", "target_K_per_s", type=float, help="Extrapolate to this rate, K/s; 10 of a laboratory.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the simulated noise.")
@click.option("--out", default="tg", show_default=True, help="Folder for the results.")
def command(names: tuple[str, ...], target_K_per_s: float | None, seed: int, out: str) -> None:
    """Find Tg of one composition from volume and enthalpy on cooling, at every rate of the files.

    FILEs are quench.json of a sweep, or CSV tables with the columns temperature_K, volume_A3, rate_K_per_ps and perhaps
    enthalpy_eV_atom. Files of one rate are replicas. Writes tg.json and tg.svg.
    """
    from saltflow.base.errors import InputError
    from saltflow.base.provenance import numbered, provenance, write_json
    from saltflow.studies.alloys.cooling_figure import plot_cooling
    from saltflow.studies.alloys.cooling_files import read_coolings
    from saltflow.studies.alloys.cooling_rates import rate_dependence, transitions_by_rate

    if target_K_per_s is not None and not target_K_per_s > 0:
        raise InputError(["--at-rate has to be above 0 K/s; correct it."])
    rows = transitions_by_rate(read_coolings([Path(name) for name in names]), seed=seed)
    quantities = [name for name in ("volume", "enthalpy") if any(row[name] for row in rows)]
    trends = {name: rate_dependence(rows, quantity=name, target_K_per_s=target_K_per_s) for name in quantities}
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    plot_cooling(rows, folder / "tg.svg", title="glass transition on cooling")
    settings = {"at_rate_K_per_s": target_K_per_s, "seed": seed}
    recorded = provenance(settings=settings, inputs=numbered("file", names))
    write_json(folder / "tg.json", {"rates": rows, "rate_dependence": trends, "provenance": recorded})
    for line in [*_lines_of_rates(rows), *_lines_of_trends(trends)]:
        click.echo(line)
    click.echo(f"Written to {out}/")


def _lines_of_rates(rows: list[Mapping]) -> Iterator[str]:
    for row in rows:
        for name in ("volume", "enthalpy"):
            if transition := row[name]:
                found = "{Tg_K:.0f} ± {error_K:.0f} K" if transition["status"] == "found" else "{status}: {reason}"
                yield f"{row['rate_K_per_ps']:g} K/ps, {name}: {found.format(**transition)}"


def _lines_of_trends(trends: Mapping[str, Mapping]) -> Iterator[str]:
    for name, trend in trends.items():
        if "slope_K_per_decade" not in trend:
            yield f"{name} over the rate: {trend['status']}"
            continue
        yield "{}: {slope_K_per_decade:.1f} ± {error_K_per_decade:.1f} K per decade; {status}".format(name, **trend)
        if target := trend.get("target"):
            flag = "; far: a lower bound" if target["far"] else ""
            found = "  at {rate_K_per_s:g} K/s {Tg_K:.0f} ± {error_K:.0f} K, {decades_beyond:.1f} decades beyond"
            yield found.format(**target) + flag
