"""Products that Snakemake's report shows: figures and tables with their labels and captions.

It holds a dozen items of a composition at most; the results page has the rest, and leads to every figure.
"""

from pathlib import PurePosixPath
from string import Formatter
from typing import Any, Literal

from snakemake.io import report

# The report sorts categories and labels as text.
CATEGORIES = {"summary": "1 Summary", "composition": "2 Compositions", "potential": "3 Potentials"}
WIDEST_TEMPERATURE = 5


def shown(
    path: str, category: Literal["summary", "composition", "potential"], title: str, *, caption: str = "", **labels: str
):
    """A product for the report.

    Args:
        path: of the product; each of its wildcards is a label.
        category: whose result it is; each composition has a list of its own.
        title: what is shown.
        caption: name of the file in rules/captions; by default that of the product.
        labels: further ones, such as temperature="all", so that all products of a list have the same.
    """
    names = dict.fromkeys(name for _, name, _, _ in Formatter().parse(path) if name)

    def all_labels(wildcards: Any) -> dict[str, str]:
        found = {name: label_of(name, getattr(wildcards, name)) for name in names if name != "composition"}
        return found | labels | {"figure": title}

    return report(
        path,
        category=CATEGORIES[category],
        subcategory="{composition}" if category == "composition" else None,
        labels=all_labels,
        caption=f"captions/{caption or PurePosixPath(path).stem}.rst",
    )


def label_of(name: str, value: str) -> str:
    """A wildcard as a label: temperatures so that their order as text is that of the numbers."""
    return f"{value:>{WIDEST_TEMPERATURE}} K" if name == "temperature" else value
