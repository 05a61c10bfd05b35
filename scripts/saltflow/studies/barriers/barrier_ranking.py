"""The ranking of crystals by the barrier at which paths cross them."""

from collections import Counter
from collections.abc import Mapping, Sequence

DIMENSIONS = ("3D", "2D", "1D")
COLUMNS = ("structure", "formula", "status", "barrier_1D_eV", "barrier_2D_eV", "barrier_3D_eV", "hops", "ok", "seconds")
OF_TABLE = ("mobile_ion", "potential", "composition")
OF_MD = ("Ea_MD_eV", "Ea_MD_err_eV", "MD_status", "MD_hops", "MD_concerted", "MD_missed")
OK, NO_PATH = "ok", "no path crosses the crystal"


def barriers_of(record: Mapping) -> dict[str, str]:
    """The columns of a record of `study_barriers`: status, barriers and hops, as text."""
    crossing = {f"barrier_{key}_eV": f"{each['barrier_eV']:.4f}" for key, each in record["percolation"].items() if each}
    return {
        "formula": record["formula"] or "",
        "status": record.get("status") or (OK if "barrier_1D_eV" in crossing else NO_PATH),
        "hops": str(len(record["hops"])),
        "ok": str(sum(hop["status"] == OK for hop in record["hops"])),
        **crossing,
    }


def md_of(found: Mapping | None) -> dict[str, str]:
    """The columns of the second opinion: Ea of D, how many hops there were, and how many were concerted or missed.

    Args:
        found: of `md_comparison`; None without MD.
    """
    if found is None:
        return dict.fromkeys(OF_MD, "")
    energy, points = found["Ea_eV"], found["points"]
    return {
        "Ea_MD_eV": "" if energy["value"] is None else f"{energy['value']:.4f}",
        "Ea_MD_err_eV": "" if energy["error"] is None else f"{energy['error']:.4f}",
        "MD_status": found["status"] if found["status"] != OK else energy["status"],
        "MD_hops": str(sum(point["hops"] for point in points)),
        "MD_concerted": str(sum(point["concerted"] for point in points)),
        "MD_missed": str(sum(each["hops"] for point in points for each in point["missed"])),
    }


def ranking_rows(
    records: Sequence[Mapping], crystals: Mapping[str, Mapping[str, str]], md: Mapping[str, Mapping] | None = None
) -> list[dict[str, str]]:
    """A row for each crystal, lowest barriers first, those without one last.

    Args:
        records: of the jobs, each with structure, status and seconds.
        crystals: id → what the table says of it.
        md: id → of `md_comparison`, where there is MD of it.
    """
    rows = []
    for record in records:
        of_table = {key: crystals[record["structure"]][key] for key in OF_TABLE}
        own = {"structure": record["structure"], "seconds": f"{record['seconds']:.1f}"}
        second = md_of((md or {}).get(record["structure"]))
        rows.append(dict.fromkeys(COLUMNS, "") | barriers_of(record) | of_table | second | own)
    return sorted(rows, key=rank)


def rank(row: Mapping[str, str]) -> tuple:
    """What rows are sorted by: barriers in three, two and one dimensions, then the name."""
    return tuple(float(row[f"barrier_{each}_eV"] or "inf") for each in DIMENSIONS), row["structure"]


def ranking_text(rows: Sequence[Mapping[str, str]]) -> str:
    """The rows as a tab-separated table."""
    columns = list(rows[0]) if rows else list(COLUMNS)
    return "".join("\t".join(line) + "\n" for line in [columns, *([row[name] for name in columns] for row in rows)])


def exclusions(rows: Sequence[Mapping[str, str]]) -> list[tuple[str, int]]:
    """Why crystals have no barrier, and of how many it is said, the most frequent first."""
    return Counter(row["status"] for row in rows if row["status"] != OK).most_common()
