"""A YAML file of settings: what is lost, executed or taken for something else by YAML is refused with its line."""

import math
import os.path
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from saltflow.base.errors import InputError
from saltflow.base.text_file import read_user_text

LARGEST_NUMBER = 2.0**63
TAG = "tag:yaml.org,2002:"


class _KeysLoader(yaml.SafeLoader):
    """Refuses a key that is there twice."""

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        mapping = super().compose_mapping_node(anchor)
        first: dict[str, int] = {}
        for key, _ in mapping.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in first:
                    problem = f"the key '{key.value}' is there twice, first in line {first[key.value]}; keep one"
                    raise _refusal(problem, key.start_mark)
                first[key.value] = key.start_mark.line + 1
        return mapping


class _SettingsLoader(_KeysLoader):
    """Refuses also what is not plain: tags, anchors, merge keys, and scalars that YAML 1.1 reads unexpectedly."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node:
        event = self.peek_event()
        if event.anchor:
            raise _refusal("anchors and aliases (& and *) are not read; write the value out", event.start_mark)
        if getattr(event, "tag", None):
            raise _refusal(f"the tag {event.tag.replace(TAG, '!!')} is not read; delete it", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        for key, _ in node.value:
            if key.tag != f"{TAG}str":
                raise _refusal(f"the key {_shown(key)} is not a word; put it in quotes", key.start_mark)
        return super().construct_mapping(node, deep)


def _boolean(loader: _SettingsLoader, node: yaml.ScalarNode) -> bool:
    if node.value.lower() not in ("true", "false"):
        problem = f"YAML reads {node.value} as a truth value; write true or false, or put the word in quotes"
        raise _refusal(problem, node.start_mark)
    return loader.construct_yaml_bool(node)


def _number(loader: _SettingsLoader, node: yaml.ScalarNode) -> int | float:
    digits = node.value.lstrip("+-")
    if ":" in digits or (digits[:1] == "0" and digits[1:].isdigit()):
        problem = f"YAML reads {node.value} to the base of 60 or 8; write a decimal number, or put it in quotes"
        raise _refusal(problem, node.start_mark)
    read = loader.construct_yaml_int if node.tag == f"{TAG}int" else loader.construct_yaml_float
    value = read(node) if len(digits) < 400 else math.inf
    if not abs(value) <= LARGEST_NUMBER:
        raise _refusal(
            f"{_shown(node)} is not a number that a setting takes; correct it, or put it in quotes", node.start_mark
        )
    return value


_SettingsLoader.add_constructor(f"{TAG}bool", _boolean)
_SettingsLoader.add_constructor(f"{TAG}int", _number)
_SettingsLoader.add_constructor(f"{TAG}float", _number)
_SettingsLoader.add_constructor(f"{TAG}timestamp", lambda loader, node: node.value)


def read_yaml(path: Path) -> dict:
    """The keys and values of a file of settings.

    Raises:
        InputError: it is missing, is no plain YAML, holds a key twice, or holds something else than keys and values.
    """
    content = _loaded(path, _SettingsLoader)
    if not isinstance(content, Mapping | None):
        raise InputError([f"{path}: keys and values are wanted here, not {content!r:.40}; correct it."])
    return dict(content or {})


def check_keys(path: Path) -> None:
    """Make sure that a YAML file of another program holds no key twice.

    Raises:
        InputError: it does, or is no YAML.
    """
    _loaded(path, _KeysLoader)


def _loaded(path: Path, loader: type[yaml.SafeLoader]) -> Any:
    if not os.path.isfile(path):
        raise InputError([f"There is no configuration {path}; correct its path."])
    text = read_user_text(path)
    try:
        return yaml.load(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        where, reason = error.problem_mark or error.context_mark, _reason(error)
        raise InputError([f"{path}, line {where.line + 1}: {reason}."]) from None
    except yaml.reader.ReaderError as error:
        line, character = text.count("\n", 0, error.position) + 1, chr(error.character)
        raise InputError([f"{path}, line {line}: the character {character!r} is not text; delete it."]) from None
    except (ValueError, RecursionError) as error:
        raise InputError([f"{path}: this cannot be read as YAML ({type(error).__name__}); simplify it."]) from None


def _refusal(problem: str, mark: yaml.Mark) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(problem=problem, problem_mark=mark)


def _reason(error: yaml.MarkedYAMLError) -> str:
    """What is wrong in a line; what YAML itself says is put into the house's words where it is a riddle."""
    if isinstance(error, yaml.constructor.ConstructorError) and not error.context:
        return error.problem
    if "'\\t'" in error.problem:
        return "a tab stands where YAML wants spaces; indent with spaces"
    return f"this is not YAML ({' '.join(error.problem.split())}); correct it"


def _shown(node: yaml.Node) -> str:
    return f"{node.value!s:.40}" if isinstance(node, yaml.ScalarNode) else "of several parts"
