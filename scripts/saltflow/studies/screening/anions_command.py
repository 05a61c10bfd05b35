"""`saltflow anions`: isolated anions of crystals."""

from pathlib import Path

import click

from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@click.argument("names", metavar="FILE...", nargs=-1, required=True, type=click.Path())
@click.option("--mobile", default="Li", show_default=True, help="The mobile ion.")
@click.option("--charges", default="", help="Of all elements, such as Li=1,S=-2; guessed without.")
@click.option("--out", default="anions", show_default=True, help="Folder for the results.")
def command(names: tuple[str, ...], mobile: str, charges: str, out: str) -> None:
    """List the anions of crystals that are bound to mobile ions only, and the network of their cages.

    Takes files and folders, with partial occupancies or without. Writes anions.tsv, a row for each structure or the
    reason why there is none, and anions.json with every anion.
    """
    from saltflow.base.errors import SaltflowError
    from saltflow.base.provenance import provenance, write_json, write_text
    from saltflow.materials.structure_names import structure_files
    from saltflow.studies.screening.anion_table import table_of, text_of

    files = structure_files(names)
    records = table_of(files, mobile=mobile, charges=charges, say=click.echo)
    Path(out).mkdir(parents=True, exist_ok=True)
    write_text(Path(out) / "anions.tsv", text_of(records))
    inputs = {each.stem: each for each in files if each.is_file()}
    recorded = provenance(settings={"mobile": mobile, "charges": charges}, inputs=inputs)
    write_json(Path(out) / "anions.json", {"structures": records, "provenance": recorded})
    ok = [record for record in records.values() if record["status"] == "ok"]
    if not ok:
        raise SaltflowError(f"None of {len(records)} structures could be read; {out}/anions.tsv says why.")
    isolated = sum(record["isolated_share"] > 0 for record in ok)
    click.echo(f"{isolated} of {len(ok)} structures have isolated anions; {len(records) - len(ok)} could not be read.")
    click.echo(f"Written to {out}/")
