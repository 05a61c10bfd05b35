"""An object in another process answers, and its errors arrive as they were raised."""

import os
import sys
from contextlib import closing
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest

import saltflow
from saltflow.base.child_object import ChildEndedError, ChildObject, ChildTimeoutError, ForeignError
from saltflow.base.errors import InputError


class Stubborn:
    """Refuses what it is asked."""

    def refuse(self, problems: list[str]) -> None:
        raise InputError(problems)


def test_answers_errors_and_ends_arrive():
    with closing(ChildObject(partial(import_module, "os"), environment={"SALT": "LiCl"})) as child:
        assert child.ask("getenv", "SALT", limit_s=60) == "LiCl"
        with pytest.raises(ForeignError, match=r"FileNotFoundError: .*'/no-such-folder'"):
            child.ask("listdir", "/no-such-folder", limit_s=60)
        with pytest.raises(ChildEndedError, match="ended with exit code 7"):
            child.ask("_exit", 7, limit_s=60)
        assert child.ask("getenv", "SALT", limit_s=60) == "LiCl"
    with (
        closing(ChildObject(partial(import_module, "time"), environment={})) as child,
        pytest.raises(ChildTimeoutError),
    ):
        child.ask("sleep", 60, limit_s=0.1)


def test_all_problems_of_an_input_arrive():
    with closing(ChildObject(Stubborn, environment={})) as child, pytest.raises(InputError) as refused:
        child.ask("refuse", ["first", "second"], limit_s=60)
    assert refused.value.problems == ["first", "second"]
    assert str(refused.value) == "first\nsecond"


def test_what_cannot_be_made_is_told_at_the_first_question():
    with closing(ChildObject(partial(import_module, "no_such"), environment={})) as child:
        for _ in range(2):
            with pytest.raises(ForeignError, match="ModuleNotFoundError: No module named 'no_such'"):
                child.ask("anything", None, limit_s=60)


def test_another_python_gets_saltflow_and_none_of_the_packages_of_this_one(monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    folders = {}
    for python in (None, Path(sys.executable)):
        with closing(ChildObject(partial(import_module, "os"), python=python, environment={})) as child:
            folders[python] = child.ask("getenv", "PYTHONPATH", limit_s=60).split(os.pathsep)
    assert folders[None] == [folder for folder in sys.path if folder]
    assert folders[Path(sys.executable)] == [str(Path(saltflow.__file__).parents[1])]
