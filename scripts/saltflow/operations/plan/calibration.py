"""What a unit of work takes: config/calibration.tsv, measured where it could be, else assumed, with published rates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from saltflow.base.errors import InputError
from saltflow.base.tables import Row, positive_number, read_table
from saltflow.operations.rate_bases import BASES, PUBLISHED, UNMEASURED
from saltflow.operations.rules import RULE, RULES

TABLE = "config/calibration.tsv"
COLUMNS = ("rule", "done_by", "unit", "start_s", "seconds_per_unit", "basis", "machine", "date", "conditions")
UPPER_BOUND = "upper bound"  # of a rule that the table has no row for
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
        """Where the numbers come from, for a reader; the basis where nobody has measured them here."""
        return (
            self.basis if self.basis in (*UNMEASURED, UPPER_BOUND) else f"calibration of {self.date} on {self.machine}"
        )


def read_calibration(folders: Sequence[Path]) -> Mapping[tuple[str, str], Rate]:
    """Rule and what does its work → rate, from the first folder that has the table; else the rule's upper bound.

    Args:
        folders: where config/calibration.tsv may be: a sweep's own comes before the one of the repository.

    Raises:
        InputError: every problem of the table, in sentences.
    """
    rates = _read_table(folders)
    # A published rate is of a program that may not do the work: another row comes first.
    table = {(rate.rule, rate.done_by): rate for rate in sorted(rates, key=lambda rate: rate.basis != PUBLISHED)}
    if (SUBMITTED, "") not in table:
        raise InputError([f"{TABLE}: there is no row for '{SUBMITTED}'; add one."])
    return _upper_bounds() | table


def read_published(folders: Sequence[Path]) -> Mapping[tuple[str, str], Rate]:
    """Rule and what does its work → rate that others have published; arguments as in `read_calibration`.

    Raises:
        InputError: as `read_calibration`.
    """
    return {(rate.rule, rate.done_by): rate for rate in _read_table(folders) if rate.basis == PUBLISHED}


def _read_table(folders: Sequence[Path]) -> list[Rate]:
    path = next((folder / TABLE for folder in folders if (folder / TABLE).is_file()), folders[-1] / TABLE)
    rows = read_table(path, columns=COLUMNS, key="rule")
    rates = [rate for row in rows if (rate := _rate(row))]
    if problems := [problem for row in rows for problem in row.problems]:
        raise InputError(problems)
    return rates


def _rate(row: Row) -> Rate | None:
    if not row.cells:
        return None
    numbers = {name: row.attempt(name, positive_number) for name in ("start_s", "seconds_per_unit")}
    if row.cells["basis"] not in BASES:
        row.complain("basis", f"'{row.cells['basis']}' is not known; write {', '.join(BASES[:-1])} or {BASES[-1]}.")
    spec = RULE.get(row.cells["rule"])
    if spec is None and row.cells["rule"] != SUBMITTED:
        row.complain("rule", f"there is no rule '{row.cells['rule']}'; correct or remove the row.")
    elif spec and row.cells["unit"] != spec.unit:
        row.complain("unit", f"'{row.cells['unit']}' is not what the work of this rule is counted in: '{spec.unit}'.")
    return None if row.problems else Rate(**row.cells | numbers)


def _upper_bounds() -> dict[tuple[str, str], Rate]:
    """What holds where the table has no row: the upper bound of the rule."""
    return {
        (spec.name, done_by): Rate(
            spec.name, done_by, spec.unit, *bound, basis=UPPER_BOUND, machine="", date="", conditions=""
        )
        for spec in RULES
        for done_by, bound in spec.upper_bounds.items()
    }
