"""Blocks: the pieces that a part of the results page is made of, as JSON.

A composition's part is a list of them, and so is that of a study, which writes {"title": …, "blocks": […]} to
results/studies/{study}/page.json, with further ones under "parts", or to a page.json of a folder below. The page draws
every block in the same way.
"""

import base64
import gzip
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

TABLE_DIGITS, CURVE_DIGITS = 6, 4


def shortened(value: float | None, *, digits: int = TABLE_DIGITS) -> float | None:
    """A number to some significant digits; None where it is undefined."""
    return None if value is None or not np.isfinite(value) else float(f"{value:.{digits}g}")


def curve(values: Iterable[float | None]) -> list[float | None]:
    """Numbers of a curve, to `CURVE_DIGITS`."""
    return [shortened(value, digits=CURVE_DIGITS) for value in values]


def text(title: str, *paragraphs: str) -> dict:
    """Paragraphs of plain text."""
    return {"kind": "text", "title": title, "paragraphs": list(paragraphs)}


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence], *, note: str = "") -> dict:
    """A table.

    Args:
        columns: headings, with the unit in brackets.
        rows: cells: text, a number, None, or one of `cell`.
    """
    return {
        "kind": "table",
        "title": title,
        "columns": list(columns),
        "rows": [list(row) for row in rows],
        "note": note,
    }


def cell(value: float | None, *, error: float | None = None, doubts: Sequence[str] = ()) -> dict:
    """A number of a table with its error; with doubts it is shown in grey, beside their words."""
    return {"value": shortened(value), "error": shortened(error), "doubts": list(doubts)}


def plots(title: str, panels: Sequence[Mapping], *, note: str = "", empty: str = "") -> dict:
    """Panels of `panel` beside each other.

    Args:
        empty: the sentence that says why there is none, shown in place of no panels.
    """
    return {"kind": "plots", "title": title, "panels": list(panels), "note": note, "empty": empty}


def panel(
    title: str, *, x: str, y: str, traces: Sequence[Mapping], log: str = "", band: Sequence | None = None
) -> dict:
    """One plot.

    Args:
        x, y: titles of the axes, with units.
        traces: of `trace`.
        log: the axes that are logarithmic: "", "x", "y" or "xy".
        band: start and end of a marked range of x, and its label.
    """
    return {"title": title, "x": x, "y": y, "traces": list(traces), "log": log, "band": band}


def trace(
    name: str,
    x: Iterable[float | str | None],
    y: Iterable[float | None],
    *,
    mode: str = "lines",
    colour: int = 0,
    error: Iterable[float | None] | None = None,
    doubtful: bool = False,
    dash: str = "solid",
) -> dict:
    """One series of a plot.

    Args:
        mode: lines, markers, lines+markers or bars.
        colour: its number in the palette of `base.plotting`.
        error: standard errors of y.
        doubtful: whether it is drawn in grey.
        dash: solid, dash or dot.
    """
    return {
        "name": name,
        "x": [each if isinstance(each, str) else shortened(each, digits=CURVE_DIGITS) for each in x],
        "y": curve(y),
        "error": None if error is None else curve(error),
        "mode": mode,
        "colour": colour,
        "doubtful": doubtful,
        "dash": dash,
    }


def trail(name: str, points_A: Sequence[Sequence[float]], *, colour: int = 0) -> dict:
    """A way of an ion through a structure.

    Args:
        points_A: shape (points, 3), not wrapped.
        colour: its number in the palette of `base.plotting`.
    """
    points = [[shortened(value, digits=CURVE_DIGITS) for value in point] for point in points_A]
    return {"name": name, "points_A": points, "colour": colour}


def structure(title: str, key: str, facts: Mapping, *, note: str = "", data: bytes | None = None) -> dict:
    """A structure to turn and to play.

    Args:
        key: of its frames among those of the page, and of its viewer.
        facts: of `viewer_frames.Frames.facts`; `trails` of `trail` may join them.
        data: of `viewer_frames.Frames.data`, where the block is to bring its frames along, as that of a study does.
    """
    packed = {} if data is None else {"packed": base64.b64encode(gzip.compress(data, mtime=0)).decode()}
    return {"kind": "structure", "title": title, "key": key, "note": note, **facts, **packed}


def links(title: str, found: Sequence[tuple[str, str]], *, note: str = "") -> dict:
    """Links to files beside the page: label and relative address."""
    return {"kind": "links", "title": title, "links": [list(each) for each in found], "note": note}


def listing(title: str, content: str, *, note: str = "") -> dict:
    """Text to copy as it is, such as BibTeX."""
    return {"kind": "listing", "title": title, "content": content, "note": note}
