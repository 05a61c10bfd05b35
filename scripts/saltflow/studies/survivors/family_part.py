"""The part of a screened family on the results page: the funnel, the ranking, energies above the hull."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from saltflow.analysis.sweep_results import page_blocks as blocks
from saltflow.studies.screening.funnel import BARRIERS, SIGMA, Funnel, FunnelStage

MOST_ROWS = 200
FROM_PAGE = "../studies/screening"  # of results/summary
# Heading of a column of the ranking, by the column of screening.tsv that holds its number.
NUMBERS = {
    "above_hull_eV_atom": "above hull (eV/atom)",
    "formation_eV_atom": "formation (eV/atom)",
    "reduction_V": "from (V)",
    "oxidation_V": "to (V)",
    "lowest_phonon_THz": "lowest phonon (THz)",
    "bulk_GPa": "K (GPa)",
    "shear_GPa": "G (GPa)",
    **{barrier: f"{barrier.split('_')[1]} barrier (eV)" for barrier in BARRIERS},
    "Ea_MD_eV": "Ea of MD (eV)",
    SIGMA: "σ at 300 K (S/cm)",
}


def family_part(funnel: Funnel, record: Mapping, folder: Path) -> dict:
    """The part of the page.

    Args:
        funnel: that all stages are passed of.
        record: of the judged family.
        folder: of the study, whose files are linked.
    """
    title = f"Screened family: {len(funnel.left)} of {len(funnel.rows)} crystals pass"
    return {"title": title, "blocks": list(_blocks(funnel, record, folder)), "parts": []}


def _blocks(funnel: Funnel, record: Mapping, folder: Path) -> Iterator[dict]:
    columns = ["stage", "lets through", "entered", "passed", "seconds", "excluded"]
    note = f"{record['jobs']}, evaluated by {record['evaluated_by']}."
    yield blocks.table("Funnel", columns, [_stage(each) for each in funnel.stages], note=note)
    rows = funnel.ranked()[:MOST_ROWS]
    filled = [column for column in NUMBERS if any(row.get(column) for row in rows)]
    note = "Best first: by σ, by barrier, by the hull; then those that a stage excludes."
    if len(funnel.rows) > MOST_ROWS:
        note += f" The first {MOST_ROWS} of {len(funnel.rows)}; screening.tsv has all."
    columns = ["crystal", "formula", *(NUMBERS[column] for column in filled), "isolated anions", "status"]
    yield blocks.table("Ranking", columns, [_ranked(row, filled) for row in rows], note=note)
    yield _above_hull([row for row in rows if row["above_hull_eV_atom"]])
    if left_out := record["phases_left_out"]:
        yield blocks.table("Phases that the hull lacks", ["phase", "reason"], [list(each) for each in left_out.items()])
    files = ["screening.tsv", "funnel.svg", "hull.svg"]
    for kind in ("hulls", "phonons"):
        files += [f"{kind}/{each.name}" for each in sorted((folder / kind).glob("*.svg"))]
    yield blocks.links("Files", [(name, f"{FROM_PAGE}/{name}") for name in files])


def _stage(stage: FunnelStage) -> list:
    kinds = Counter(reason.partition(":")[0] for reason in stage.excluded.values()).most_common()
    excluded = ", ".join(f"{number} {kind}" for kind, number in kinds)
    return [stage.name, stage.lets_through, stage.entered, stage.passed, blocks.shortened(stage.seconds), excluded]


def _ranked(row: Mapping[str, str], filled: Sequence[str]) -> list:
    numbers = [blocks.shortened(float(row[column])) if row[column] else None for column in filled]
    return [row["member"], row["formula"], *numbers, row["isolated_anions"], row["status"]]


def _above_hull(rows: Sequence[Mapping[str, str]]) -> dict:
    names, energies = [row["member"] for row in rows], [1000 * float(row["above_hull_eV_atom"]) for row in rows]
    traces = [blocks.trace("above the hull", names, energies, mode="markers")]
    panels = [blocks.panel("", x="crystal", y="meV/atom", traces=traces)] if rows else []
    return blocks.plots("Energy above the hull of all other crystals", panels, empty="No crystal has a hull.")
