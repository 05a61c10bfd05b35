"""Programs of Python from a process that has imported what they need of other people's packages, the larger part of
most runs in the tests.

Each program runs in a process of its own, forked while no module of saltflow is loaded, as `python -m MODULE` runs in
its folder and environment.
"""

import gc
import importlib
import json
import os
import runpy
import signal
import sys

PACKAGES = (
    *("ase.io", "click", "jinja2", "matscipy.neighbours", "nbformat", "numpy", "pandas", "psutil", "pydantic"),
    *("pymatgen.core", "pymatgen.io.cif", "scipy.optimize", "snakemake.cli", "snakemake_executor_plugin_slurm"),
)


def next_program() -> dict:
    """Fork for each request, one line of JSON, and answer with the exit status; returns in the child."""
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            return json.loads(line)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    sys.exit()


def become(program: dict) -> None:
    """The process that `subprocess.run` starts for `command`: python -m MODULE …"""
    signal.alarm(program["limit_s"])
    os.chdir(program["folder"])
    os.environ.clear()
    os.environ.update(program["environment"])
    for descriptor, path in enumerate((os.devnull, program["stdout"], program["stderr"])):
        opened = os.open(path, os.O_RDWR | os.O_APPEND)
        os.dup2(opened, descriptor)
        os.close(opened)
    _here, *searched = sys.path
    sys.path[:] = [
        os.getcwd(),
        *map(os.path.abspath, program["environment"]["PYTHONPATH"].split(os.pathsep)),
        *searched,
    ]
    sys.orig_argv = program["command"]
    sys.argv = sys.orig_argv[2:]


if __name__ == "__main__":
    for package in PACKAGES:
        importlib.import_module(package)
    gc.freeze()
    become(next_program())
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
