"""mace's training program in a fork of this process, which has everything imported already.

A training of the measurements is so short that starting Python and importing torch and mace would take a third of it.
Arguments, log and what is checked afterwards are the product's.
"""

import importlib
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from saltflow import training
from saltflow.bound_child import end_with
from saltflow.errors import SaltflowError


def train_in_forks() -> None:
    """Let every training of this process be a fork of it."""
    importlib.import_module("mace.cli.run_train")
    training._run_mace = _run_mace


def _run_mace(arguments: Sequence[str], log_path: Path, *, subject: str, **_: object) -> None:
    sys.stdout.flush()
    parent, child = os.getpid(), os.fork()
    if child == 0:
        _train(arguments, log_path, parent=parent)
    _, status = os.waitpid(child, 0)
    if code := os.waitstatus_to_exitcode(status):
        raise SaltflowError(f"{subject}: mace's training stopped with exit code {code} (see {log_path}).")


def _train(arguments: Sequence[str], log_path: Path, *, parent: int) -> NoReturn:
    end_with(parent)
    with log_path.open("a", buffering=1) as record:
        sys.stdout = sys.stderr = record
        logging.getLogger().handlers.clear()
        sys.argv = ["mace_run_train", *arguments]
        code = 1
        try:
            importlib.import_module("mace.cli.run_train").main()
            code = 0
        except BaseException:
            traceback.print_exc(file=record)
        record.flush()
        os._exit(code)
