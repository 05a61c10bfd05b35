"""What a unit of work takes: config/calibration.tsv, measured where it could be and assumed where not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from saltflow.base.errors import InputError
from saltflow.base.tables import Row, positive_number, read_table
from saltflow.operations.workload import TASKS

TABLE = "config/calibration.tsv"
COLUMNS = ("rule", "done_by", "unit", "start_s", "seconds_per_unit", "basis", "machine", "date", "conditions")
BASES = ("measured", "assumed")
# The Snakemake processes inside each job of a cluster, before and after the script.
SUBMITTED = "every submitted job"


@dataclass(frozen=True)
class Rate:
    """A row of the table.

    done_by: a device (cpu, cuda), the code of a reference, or '' where there is no choice.
    start_s: before the work begins. seconds_per_unit: of the work, on one core or one GPU.
    """

    rule: str
    done_by: str
    unit: str
    start_s: float
    seconds_per_unit: float
    basis: str
    machine: str
    date: str
    conditions: str

    def seconds(self, amount: float) -> float:
        """Seconds for an amount of work."""
        return self.start_s + self.seconds_per_unit * amount

    @property
    def source(self) -> str:
        """Where the numbers come from, for a reader; exactly 'assumed' where nobody has measured them."""
        return "assumed" if self.basis == "assumed" else f"calibration of {self.date} on {self.machine}"


def read_calibration(folders: Sequence[Path]) -> Mapping[tuple[str, str], Rate]:
    """Rule and what does its work → rate, from the first folder that has the table.

    Args:
        folders: where config/calibration.tsv may be: a sweep's own comes before the one of the repository.

    Raises:
        InputError: every problem of the table, in sentences.
    """
    path = next((folder / TABLE for folder in folders if (folder / TABLE).is_file()), folders[-1] / TABLE)
    rows = read_table(path, columns=COLUMNS, key="rule")
    rates = [rate for row in rows if (rate := _rate(row))]
    if problems := [problem for row in rows for problem in row.problems]:
        raise InputError(problems)
    table = {(rate.rule, rate.done_by): rate for rate in rates}
    if problems := _missing(table, path):
        raise InputError(problems)
    return table


def _rate(row: Row) -> Rate | None:
    if not row.cells:
        return None
    numbers = {name: row.attempt(name, positive_number) for name in ("start_s", "seconds_per_unit")}
    if row.cells["basis"] not in BASES:
        row.complain("basis", f"'{row.cells['basis']}' is not known; write {' or '.join(BASES)}.")
    task = TASKS.get(row.cells["rule"])
    if task is None and row.cells["rule"] != SUBMITTED:
        row.complain("rule", f"there is no rule '{row.cells['rule']}'; correct or remove the row.")
    elif task and row.cells["unit"] != task.unit:
        row.complain("unit", f"'{row.cells['unit']}' is not what the work of this rule is counted in: '{task.unit}'.")
    return None if row.problems else Rate(**row.cells | numbers)


def _missing(table: Mapping[tuple[str, str], Rate], path: Path) -> list[str]:
    wanted = [(rule, done_by) for rule, task in TASKS.items() for done_by in task.ceilings] + [(SUBMITTED, "")]
    return [
        f"{path.name}: there is no row for rule '{rule}'{f' by {done_by}' if done_by else ''}; add one."
        for rule, done_by in wanted
        if (rule, done_by) not in table
    ]
