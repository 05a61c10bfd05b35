"""How fast molecular dynamics runs on this machine with a model, as rows for config/calibration.tsv.

    saltflow benchmark results/potentials/base/released.model --structure cell.extxyz --atoms 336 --atoms 1302

Every size is run and printed in ns/day. With --out the table of rates is written there, the rows of molecular dynamics
on this device replaced by what the largest job took, so that `saltflow plan` prices a sweep by it.
"""

import csv
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import date
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from saltflow.base.commands import SentenceCommand
from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import processor, read_json, write_text
from saltflow.base.repository import REPOSITORY
from saltflow.base.tables import read_table
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.dispersion_switch import NONE, check_apart
from saltflow.campaign.settings import load_settings
from saltflow.operations.plan.calibration import COLUMNS, TABLE
from saltflow.operations.rules import RULES
from saltflow.potentials.trusted_model import trusted_hash

if TYPE_CHECKING:
    from saltflow.dynamics.timing import Timing

UNIT = "atom-steps"
# Rules that run molecular dynamics: of released models, and of committees that are about to change.
LONG_RUNS, SHORT_RUNS = (
    [spec.name for spec in RULES if spec.unit == UNIT and (spec.stage == "labels") == is_short]
    for is_short in (False, True)
)
COUNT = click.IntRange(min=1)


@click.command(cls=SentenceCommand)
@click.argument("model", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--sha256", help="Of the model file; by default that of the release record beside it.")
@click.option(
    "--structure",
    type=click.Path(path_type=Path, exists=True),
    required=True,
    help="A cell of its elements at their density.",
)
@click.option(
    "--atoms", type=COUNT, multiple=True, required=True, help="A size: the cell is repeated to it. May be repeated."
)
@click.option(
    "--replicas",
    type=COUNT,
    multiple=True,
    default=[1],
    show_default=True,
    help="Cells that run together. May be repeated.",
)
@click.option(
    "--device", type=click.Choice(["cpu", "cuda"]), default="cuda", show_default=True, help="Device to measure."
)
@click.option(
    "--dtype", type=click.Choice(["float32", "float64"]), default="float32", show_default=True, help="Precision."
)
@click.option("--steps", type=COUNT, default=100, show_default=True, help="Number of timed steps for each size.")
@click.option("--temperature", type=float, default=600.0, show_default=True, help="In K.")
@click.option("--settings", type=click.Path(), help="YAML with what differs in `dynamics`.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help=f"Table to write, such as {TABLE} of the sweep; by default rows are printed.",
)
def command(**options: Any) -> None:
    """Measure the speed of molecular dynamics with MODEL on this machine, as rows for config/calibration.tsv."""
    from saltflow.potentials.symmetrix_xl import NAME

    chosen = SimpleNamespace(**options)
    measured = [_measure(chosen, for_long_runs=True)]
    if measured[0].evaluated_by.startswith(NAME):  # short runs do without
        measured.append(_measure(chosen, for_long_runs=False))
    rows = []
    for rules, each in zip((LONG_RUNS, SHORT_RUNS), (measured[0], measured[-1]), strict=True):
        rows += calibration_rows(
            max(each.timings, key=lambda timing: timing.atoms * timing.cells),
            rules=rules,
            start_s=each.start_s,
            device=chosen.device,
            machine=_machine(chosen.device),
            model=f"{chosen.model.name} by {each.evaluated_by}, {chosen.dtype}",
        )
    if chosen.out:
        write_rates(chosen.out, rows)
        click.echo(f"Written to {chosen.out}.")
    else:
        click.echo(_tabbed(rows), nl=False)


class _Measured(NamedTuple):
    """timings: of every size. start_s: until the model was there. evaluated_by: as of `MDPotential`."""

    timings: "list[Timing]"
    start_s: float
    evaluated_by: str


def _measure(chosen: SimpleNamespace, *, for_long_runs: bool) -> _Measured:
    from saltflow.dynamics.timing import repeated_to, time_dynamics
    from saltflow.potentials.mace import load_committee

    began = time.perf_counter()
    structure = _read_structure(chosen.structure)
    pinned = trusted_hash(chosen.model, given=chosen.sha256)
    dynamics = load_settings(read_configuration([chosen.settings] if chosen.settings else [])).model_dump(mode="json")[
        "dynamics"
    ]
    committee = load_committee(
        [chosen.model],
        sha256=[pinned],
        device=chosen.device,
        dtype=chosen.dtype,
        dispersion=_dispersion_of(chosen.model, dynamics["dispersion"]),
        for_long_runs=for_long_runs,
    )
    committee.check_elements(structure.numbers, composition=str(chosen.structure))
    start_s = time.perf_counter() - began
    timings = []
    for atoms in chosen.atoms:
        for cells in chosen.replicas:
            with tempfile.TemporaryDirectory() as folder:
                timing = time_dynamics(
                    repeated_to(structure, atoms=atoms),
                    committee,
                    cells=cells,
                    steps=chosen.steps,
                    temperature_K=chosen.temperature,
                    dynamics=dynamics,
                    workdir=Path(folder),
                )
            print(_sentence(timing), file=sys.stderr)
            timings.append(timing)
    return _Measured(timings, start_s, committee.evaluated_by)


def _dispersion_of(model: Path, added: str) -> str:
    """Dispersion that the dynamics adds; of PBE where no record names a functional, as all cost the same.

    Raises:
        SaltflowError: the model has learned dispersion.
    """
    record = model.with_suffix(".json")
    release = {"dispersion": NONE, "reference": {}} | (read_json(record) if record.is_file() else {})
    check_apart(release, added, potential=str(model))
    return added if added == NONE else f"{added} of {release['reference'].get('functional', 'PBE')}"


def _read_structure(path: Path):
    from ase.io import read

    try:
        structure = read(path)
    except Exception as error:  # each of ASE's readers fails in its own way
        raise SaltflowError(f"{path} cannot be read as a structure ({error}); give extended XYZ or CIF.") from None
    if not structure.pbc.all():
        raise SaltflowError(f"{path} is not periodic in all directions; give a cell.")
    return structure


def _sentence(timing: "Timing") -> str:
    batch = f"{timing.cells} × {timing.atoms} atoms"
    return (
        f"{batch}: {timing.ns_per_day:.3g} ns/day each at {timing.step_fs:g} fs, "
        f"{1000 * timing.seconds_per_step:.3g} ms per step, {timing.seconds_per_atom_step:.2e} s per atom and step"
    )


def calibration_rows(
    timing: "Timing", *, rules: Sequence[str], start_s: float, device: str, machine: str, model: str
) -> list[dict[str, str]]:
    """A row of the calibration for every rule.

    Args:
        timing: what was measured.
        rules: that run molecular dynamics so.
        start_s: seconds until a model is loaded.
        device: cpu or cuda.
        machine: a name for the reader.
        model: the model and its precision, for the reader.
    """
    conditions = f"{model}, {timing.cells} cells of {timing.atoms} atoms: {timing.ns_per_day:.3g} ns/day each"
    row = {
        "done_by": device,
        "unit": UNIT,
        "start_s": f"{start_s:.2g}",
        "seconds_per_unit": f"{timing.seconds_per_atom_step:.2g}",
        "basis": "measured",
        "machine": machine,
        "date": date.today().isoformat(),
        "conditions": f"{conditions} at {timing.step_fs:g} fs",
    }
    return [{"rule": rule} | {name: " ".join(cell.split()) for name, cell in row.items()} for rule in rules]


def write_rates(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write the table of rates with some rows replaced; the others are those of the file, or of the repository.

    Args:
        path: the table; it is made where there is none.
        rows: of `calibration_rows`.
    """
    source = path if path.is_file() else REPOSITORY / TABLE
    new = {(row["rule"], row["done_by"]): row for row in rows}
    merged = []
    for row in read_table(source, columns=COLUMNS, key="rule"):
        if not row.cells:
            raise SaltflowError(row.problems[0])
        old = {name: cell or "-" for name, cell in row.cells.items()}
        merged.append(new.pop((old["rule"], old["done_by"]), old))
    write_text(path, _tabbed([*merged, *new.values()], header=True))


def _tabbed(rows: Sequence[Mapping[str, str]], *, header: bool = False) -> str:
    text = StringIO()
    writer = csv.DictWriter(text, COLUMNS, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None)
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _machine(device: str) -> str:
    if device == "cuda":
        import torch

        return torch.cuda.get_device_name()
    return f"{processor()}, {_cores()}"


def _cores() -> str:
    import torch

    number = torch.get_num_threads()
    return "one core" if number == 1 else f"{number} cores"
