"""What is wrong with settings, in sentences that name the key and the remedy."""

import difflib
from collections.abc import Iterable, Mapping
from typing import get_args

from pydantic import (
    BaseModel,
    ValidationError,
)

from saltflow.base.errors import InputError
from saltflow.campaign.settings.references import Reference
from saltflow.campaign.settings.section import Section


def validated(model: type[Section], content: Mapping, *, source: str) -> Section:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        own = [problem for problem in error.errors() if not _is_inherited(problem["loc"], content)]
        raise InputError([_sentence(problem, model, source) for problem in own]) from None


def _is_inherited(location: tuple, content: Mapping) -> bool:
    """Whether a reference inherits the error by `like`; it is then reported for the reference that holds it."""
    if location[:1] != ("references",) or len(location) < 4:
        return False
    written = content["references"][location[1]]
    return "like" in written and location[3] not in written


def _sentence(problem: Mapping, model: type[Section], source: str) -> str:
    if problem["type"] == "extra_forbidden":
        *parents, name = problem["loc"]
        known, key = _fields_at(model, tuple(parents)), ".".join([*_keys(tuple(parents)), str(name)])
        return f"{source}: unknown key '{key:.80}'{suggestion(str(name), known)}; correct or delete it."
    key = ".".join(_keys(problem["loc"]))
    if problem["type"] == "missing":
        return f"{source}: key '{key}' is missing; add it (config/README.md explains it)."
    if problem["input"] is None and (known := sorted(_fields_at(model, problem["loc"]))):
        return f"{source}: the section '{key}' is empty; write its keys below it ({', '.join(known)}), or delete it."
    reason = problem["msg"].removeprefix("Value error, ")
    shown = "" if isinstance(problem["input"], Mapping) else f" = {problem['input']!r:.80}"
    return f"{source}: '{key}'{shown} is not valid: {reason}; correct the value."


def _keys(location: tuple) -> list[str]:
    """The keys of a validation error as they stand in the file, without what pydantic adds of its own.

    It adds the code that tells the models of a reference apart, the branch of a union and a mark at a wrong key.
    """
    parts = [str(part) for part in location]
    if parts[:1] == ["references"]:
        parts = parts[:2] + parts[3:]
    return [part for part in parts if "[" not in part]


def _fields_at(model: type[BaseModel], location: tuple) -> set[str]:
    """Field names of the nested model that a validation error points into."""
    if location[:1] == ("references",):
        if len(location) < 3:
            return set()
        models = {get_args(each.model_fields["code"].annotation)[0]: each for each in get_args(get_args(Reference)[0])}
        return set(models[location[2]].model_fields)
    for part in location:
        field = model.model_fields.get(str(part))
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return set()
        model = field.annotation
    return set(model.model_fields)


def suggestion(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""
