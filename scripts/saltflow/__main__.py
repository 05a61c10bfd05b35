"""`python -m saltflow` is the command `saltflow`."""

from saltflow.cli import main

main(prog_name="saltflow")
