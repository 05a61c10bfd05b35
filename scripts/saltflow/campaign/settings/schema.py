"""The JSON schema of config.yaml."""

from typing import get_args

from saltflow.campaign.settings.references import Reference
from saltflow.campaign.settings.whole import Settings


def json_schema() -> dict:
    """JSON schema of config.yaml for editors; config/config.schema.json is this, kept in step by a test."""
    schema = Settings.model_json_schema()
    codes = {name: schema["$defs"][name] for name in (each.__name__ for each in get_args(get_args(Reference)[0]))}
    changes = {key: each for code in codes.values() for key, each in code["properties"].items() if key != "code"}
    schema["$defs"]["LikeReference"] = {
        "additionalProperties": False,
        "description": "A reference that is like another but for the keys that stand here.",
        "properties": {"like": {"title": "Like", "type": "string"}, **{key: {} for key in changes}},
        "required": ["like"],
        "title": "LikeReference",
        "type": "object",
    }
    (pattern,) = schema["properties"]["references"]["patternProperties"]
    patterns = schema["properties"]["references"]["patternProperties"]
    patterns[pattern] = {"anyOf": [patterns[pattern], {"$ref": "#/$defs/LikeReference"}]}
    return schema
