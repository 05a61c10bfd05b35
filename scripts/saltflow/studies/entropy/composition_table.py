"""The table of all compositions of a space, the best predictions first."""

from collections.abc import Mapping, Sequence

import numpy as np

COLUMNS = ("composition", "log10_MSD_A2", "low", "high", "measured", "status")


def table_text(
    names: Sequence[str],
    means: Mapping[int, float],
    half_width: float,
    *,
    measured: Mapping[int, Sequence[float | None]],
    problems: Mapping[int, str],
) -> str:
    """A tab-separated table with the columns of `COLUMNS`.

    Args:
        names: of the compositions.
        means: number of a composition → prediction; those without one come last.
        half_width: of the interval.
        measured: number → of its cells, None where dynamics were stopped.
        problems: number → why it is left out.
    """
    lines = ["\t".join(COLUMNS)]
    for each in sorted(range(len(names)), key=lambda each: -means.get(each, -np.inf)):
        values = [value for value in measured.get(each, ()) if value is not None]
        numbers = (means[each], means[each] - half_width, means[each] + half_width) if each in means else ()
        shown = [f"{number:.4f}" for number in numbers] or ["", "", ""]
        own = f"{np.mean(values):.4f}" if values else ""
        lines.append("\t".join([names[each], *shown, own, problems.get(each, "ok")]))
    return "\n".join([*lines, ""])
