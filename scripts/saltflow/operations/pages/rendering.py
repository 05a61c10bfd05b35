"""From a template and its data to one self-contained HTML file."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from saltflow.operations.pages import number_formats as figures

TEMPLATES = Path(__file__).parent / "templates"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,  # ids, settings and paths are a user's text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "amount": figures.amount,
        "rounded": figures.rounded,
        "with_error": figures.with_error,
        "counted": figures.counted,
        "plural": figures.plural,
        "duration": figures.duration,
        "minutes": figures.duration_of_minutes,
        "memory": figures.memory,
        "storage": figures.storage,
        "percent": figures.percent,
        "moment": figures.moment,
        "value": figures.value,
        "dash": _dash,
        "place": {"cpu": "CPU", "gpu": "GPU", "local": "local"}.__getitem__,
        "state": state_of,
        "states": _states,
        "unescaped_file": _unescaped_file,
    }
    return environment


def _unescaped_file(name: str) -> Markup:
    """A style sheet or script of ours; never a user's text."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))


def _dash(text: str) -> str:
    """Nothing to say, in a table where most cells are full."""
    return "–" if text == figures.MISSING else text


def _states(stages: Mapping[str, Mapping | None]) -> str:
    """The letters of the states that the stages of a row are in; a filter looks for them."""
    return "".join(sorted({state_of(tally) for tally in stages.values()}))


def state_of(tally: Mapping[str, int] | None) -> str:
    """n: no jobs, d: done, u: due, p: partly done, f: failed."""
    if not tally or not any(tally.values()):
        return "n"
    if tally["failed"]:
        return "f"
    return ("p" if tally["done"] else "u") if tally["due"] else "d"


def render(template: str, **context: object) -> str:
    """Fill a template of this package.

    Raises:
        jinja2.UndefinedError: the template asks for something that the context lacks.
    """
    return _environment().get_template(template).render(**context)
