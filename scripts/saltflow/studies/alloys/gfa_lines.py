"""What was found about glasses, as lines for the terminal and as a table."""

from collections.abc import Iterator, Mapping, Sequence


def text_of(rows: Sequence[Mapping]) -> str:
    """Tab-separated text of records with equal keys."""
    lines = ["\t".join(rows[0])] if rows else []
    for row in rows:
        cells = [f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()]
        lines.append("\t".join(cells))
    return "\n".join([*lines, ""])


def lines_of(record: Mapping) -> Iterator[str]:
    """The main numbers of `study_glass_forming`, a line each."""
    for name, line in (("classes", _classes_line), ("diameters", _diameters_line)):
        part = record[name]
        if part["status"] != "ok":
            yield f"{name}: {part['status']}"
            continue
        for division in [key for key in part if key != "status"]:
            for treatment, scored in part[division].items():
                yield f"{name}, held out by {division}, imbalance {treatment}: {line(scored)}"
                yield from _lines_of_numbers(scored.get("numbers_of_elements", {}))
    for row in [*record.get("predictions", []), *record.get("proposals", [])]:
        near = f"nearest known alloy {100 * row['nearest_known']:.1f} at.% away"
        new = "" if row.get("system_is_known", True) else "; no alloy of its system is known"
        yield f"{row['alloy']}: bulk glass {row['probability']:.2f} ± {row['deviation']:.2f}, {near}{new}"
    if replay := record.get("replay"):
        if replay["status"] != "ok":
            yield replay["status"]
        else:
            yield f"replay on {replay['alloys']} known alloys, {replay['glasses']} bulk glasses; more found on average:"
            for strategies, gain in replay["gains"].items():
                yield f"  {strategies}: {_bounds(gain, '+.2f')}"


def _classes_line(scored: Mapping) -> str:
    found = [f"{name} {_bounds(each['average_precision'])}" for name, each in scored["classes"].items()]
    return f"average precision {', '.join(found)}; balanced accuracy {_bounds(scored['balanced_accuracy'])}"


def _lines_of_numbers(numbers: Mapping[str, Mapping]) -> Iterator[str]:
    for number, scored in numbers.items():
        if precision := scored["average_precision"]:
            alloys = f"{scored['alloys']} alloys of {number} elements, {100 * scored['prevalence']:.0f} % bulk glasses"
            yield f"  {alloys}: average precision {_bounds(precision)}"


def _diameters_line(scored: Mapping) -> str:
    return f"RMSE {_bounds(scored['rmse_mm'])} mm, spread {scored['spread_mm']:.2f} mm, R² {_bounds(scored['r2'])}"


def _bounds(found: Mapping[str, float], form: str = ".2f") -> str:
    return f"{found['value']:{form}} [{found['low']:{form}}, {found['high']:{form}}]"
