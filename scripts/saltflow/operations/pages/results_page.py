"""The results of a sweep as a page: one file with its data, plotly.js and 3Dmol.js inside, compressed.

The table is plain HTML, so that it shows at once and without a script; a browser of 2023 or later unpacks the rest, and
the part of a composition when somebody asks for it.
"""

import base64
import gzip
import json
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

from saltflow.base.plotting import COLOURS
from saltflow.operations.pages.rendering import render

VENDOR = Path(__file__).parent / "vendor"
STRUCTURE_VIEWER = "3Dmol-min.js"


def results_page(document: Mapping, frames: Mapping[str, bytes], *, live: Mapping | None = None) -> str:
    """One HTML file of the results of a sweep.

    Args:
        document, frames: of `saltflow.analysis.sweep_results.results_document.results_document`.
        live: every_s and status, where the page is served while the sweep runs; it then reloads itself.
    """
    parts = {name: f"part-{place}" for place, name in enumerate(document["parts"])}
    structures = {key: f"frames-{place}" for place, key in enumerate(frames)}
    studies = {f"study-{place}": study for place, study in enumerate(document["studies"])}
    shown = {name: value for name, value in document.items() if name not in ("parts", "studies")}
    shown |= {"part_ids": parts, "frame_ids": structures, "palette": COLOURS}
    packed = {"data": _packed_json(shown)}
    packed |= {parts[name]: _packed_json(blocks) for name, blocks in document["parts"].items()}
    packed |= {structures[key]: _packed(data) for key, data in frames.items()}
    packed |= {name: _packed_json(study["blocks"]) for name, study in studies.items()}
    packed |= {"plotly": _plotly(), "viewer": _structure_viewer()}
    return render("results.html.j2", document=document, best=_best(document), packed=packed, live=live)


def _best(document: Mapping) -> Mapping | None:
    """The best conductor among the compositions whose conductivity is reliable."""
    reliable = (row for row in document["rows"] if "sigma" in row["numbers"] and not row["numbers"]["sigma"]["doubts"])
    return next(reliable, None)


def _packed_json(content: object) -> str:
    return _packed(json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode())


def _packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, compresslevel=6, mtime=0)).decode()


@cache
def _plotly() -> str:
    return _packed(import_module("plotly.offline").get_plotlyjs().encode())


@cache
def _structure_viewer() -> str:
    return _packed((VENDOR / STRUCTURE_VIEWER).read_bytes())
