"""The JSON schema of config.yaml, for editors."""

from collections.abc import Iterator, Mapping
from typing import get_args

from pydantic import BaseModel

from saltflow.campaign.settings.active_learning import ImportedDynamics, ImportedSet, ReplayStructures
from saltflow.campaign.settings.descriptions import Method, read_defaults, read_methods
from saltflow.campaign.settings.references import Reference
from saltflow.campaign.settings.whole import Settings

# Values of one key: they are replaced whole, so each must be complete. Everything else is merged key by key.
COMPLETE = {model.__name__ for model in (ImportedSet, ImportedDynamics, ReplayStructures)}
REFERENCES: Mapping[str, type[BaseModel]] = {
    get_args(model.model_fields["code"].annotation)[0]: model for model in get_args(get_args(Reference)[0])
}


def json_schema() -> dict:
    """JSON schema of a config.yaml that holds only what differs from the defaults.

    config/config.schema.json is this. Descriptions are the comments of the defaults.
    """
    schema = Settings.model_json_schema()
    descriptions = {each.key: each.description for each in read_defaults() if each.description}
    for key, model, name in model_keys(Settings):
        described = schema if model is Settings else schema["$defs"][model.__name__]
        if key in descriptions:
            described["properties"][name]["description"] = descriptions[key]
    _allow_changes_of_methods(schema, read_methods())
    del schema["required"]
    for name, definition in schema["$defs"].items():
        if name not in COMPLETE:
            definition.pop("required", None)
    return _without_titles(schema)


def model_keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, type[BaseModel], str]]:
    """Dotted key, model that holds it and name there, of every setting and section but those of reference methods."""
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        yield key, model, name
        for section in section_models(field.annotation):
            yield from model_keys(section, f"{key}.")


def section_models(annotation: object) -> list[type[BaseModel]]:
    """The model that a setting holds keys of, such as that of `X | None`; none for a plain value."""
    parts = [annotation, *get_args(annotation)] if get_args(annotation)[1:] == (type(None),) else [annotation]
    found = [part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)]
    return [part for part in found if part.__name__ not in COMPLETE]


def _allow_changes_of_methods(schema: dict, methods: list[Method]) -> None:
    """Let `references` hold single keys of a shipped method, and methods of its own."""
    for method in methods:
        if code := method.value("code"):
            properties = schema["$defs"][REFERENCES[code].__name__]["properties"]
            for setting in method.settings:
                properties[setting.key]["description"] = setting.description
            properties["like"] = {"type": "string", "description": "Method that holds all other keys"}
    references = schema["properties"]["references"]
    (pattern,) = references["patternProperties"]
    references["additionalProperties"] = False
    references["patternProperties"] = {pattern: {"anyOf": [_pointer(model) for model in REFERENCES.values()]}}
    codes = {method.name: method.value("code") for method in methods}
    references["properties"] = {
        method.name: {
            **_pointer(REFERENCES[codes[method.name] or codes[method.value("like")]]),
            "description": method.title,
        }
        for method in methods
    }


def _pointer(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/$defs/{model.__name__}"}


def _without_titles(schema: object) -> object:
    """The schema without the titles that pydantic makes of names."""
    if isinstance(schema, dict):
        return {key: _without_titles(value) for key, value in schema.items() if key != "title"}
    return [_without_titles(each) for each in schema] if isinstance(schema, list) else schema
