"""Products that Snakemake's report shows: figures and tables with their labels and captions."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from string import Formatter

from snakemake.io import report

LABELS: Mapping[str, str] = {"temperature": "{temperature} K"}


def shown(path: str, category: str, title: str, *, caption: str = "", **labels: str):
    """A product for the report.

    Args:
        path: of the product; each of its wildcards is a label.
        category: of the report.
        title: what is shown.
        caption: name of the file in rules/captions; by default that of the product.
        labels: further ones, such as temperature="all", so that all products of a category have the same.
    """
    wildcards = dict.fromkeys(name for _, name, _, _ in Formatter().parse(path) if name)
    found = {name: LABELS.get(name, f"{{{name}}}") for name in wildcards} | labels
    return report(
        path,
        category=category,
        labels={**found, "figure": title},
        caption=f"captions/{caption or PurePosixPath(path).stem}.rst",
    )
