"""The stages that crystals of a family pass, why some do not, and the ranked table of all."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field

from ase import Atoms

OK = ("below the hull", "on the hull", "metastable")
COLUMNS = ("member", "formula", "status", "above_hull_eV_atom", "formation_eV_atom", "decomposes_to",
           "systems_without_phase", "reduction_V", "oxidation_V", "isolated_anions", "isolated_share", "volume_change",
           "atoms", "potential")  # fmt: skip
SIGMA, BARRIERS = "sigma_300K_S_cm", ("barrier_3D_eV", "barrier_2D_eV", "barrier_1D_eV")  # of studies; they rank

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What a study of one crystal has found.

    Attributes:
        values: column → text.
        reason: why it is excluded; empty where it passes.
        seconds: that it cost.
    """

    values: Mapping[str, str]
    reason: str
    seconds: float


@dataclass(frozen=True)
class Study:
    """A stage that looks at each crystal for itself: phonons, barriers and so on.

    Attributes:
        name, lets_through: of the stage.
        columns: that it fills.
        run: crystal and its relaxed cell → outcome.
    """

    name: str
    lets_through: str
    columns: tuple[str, ...]
    run: Callable[[str, Atoms], Outcome]


@dataclass
class FunnelStage:
    """One stage of the funnel.

    Attributes:
        name: such as "relaxed".
        lets_through: the criterion.
        entered: crystals before it.
        excluded: crystal → reason.
        seconds: that it cost.
    """

    name: str
    lets_through: str
    entered: int
    excluded: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def passed(self) -> int:
        """Crystals after it."""
        return self.entered - len(self.excluded)


class Funnel:
    """Stages, and a row for each crystal.

    Args:
        names: of all crystals.
        potential: that the numbers are by.
        more: columns beyond `COLUMNS`.
    """

    def __init__(self, names: Iterable[str], *, potential: str, more: Iterable[str] = ()):
        columns = (*COLUMNS[:-1], *more, COLUMNS[-1])
        self.rows = {name: dict.fromkeys(columns, "") | {"member": name, "potential": potential} for name in names}
        self.stages: list[FunnelStage] = []

    @classmethod
    def of_record(cls, rows: Mapping[str, Mapping[str, str]], stages: Iterable[Mapping]) -> "Funnel":
        """The funnel whose rows and `record` these are."""
        funnel = cls((), potential="")
        funnel.rows = {name: dict(row) for name, row in rows.items()}
        own = ({key: value for key, value in stage.items() if key != "passed"} for stage in stages)
        funnel.stages = [FunnelStage(**stage) for stage in own]
        return funnel

    @property
    def left(self) -> list[str]:
        """Crystals that no stage has excluded."""
        return [name for name in self.rows if not any(name in stage.excluded for stage in self.stages)]

    def pass_through(self, name: str, criterion: str, judge: Callable[[list[str]], Mapping[str, str]]) -> None:
        """Add a stage.

        Args:
            name, criterion: of it.
            judge: takes the crystals that are left and gives crystal → reason of those that are excluded.
        """
        left, began = self.left, time.perf_counter()
        stage = FunnelStage(name, criterion, len(left))
        stage.excluded |= judge(left)
        stage.seconds = time.perf_counter() - began
        for crystal, reason in stage.excluded.items():
            self.rows[crystal]["status"] = reason
        self.stages.append(stage)

    def pass_study(self, study: Study, cells: Mapping[str, Atoms]) -> None:
        """Add a stage that studies each crystal that is left.

        Args:
            study: of it.
            cells: crystal → relaxed cell.
        """
        left, outcomes = self.left, {}
        for number, name in enumerate(left, 1):
            outcomes[name] = study.run(name, cells[name])
            self.rows[name] |= outcomes[name].values
            log.info("%s, %d of %d: %s, %s.", study.name, number, len(left), name, outcomes[name].reason or "passed")
        self.pass_through(
            study.name, study.lets_through, lambda _: {name: each.reason for name, each in outcomes.items()
                                                       if each.reason}
        )  # fmt: skip
        self.stages[-1].seconds = sum(each.seconds for each in outcomes.values())

    def ranked(self) -> list[dict[str, str]]:
        """The rows: crystals that passed all stages first, then the others by the stage they reached.

        Within a stage the most conductive are first where dynamics told, then those of the lowest barriers, then the
        most stable.
        """
        stage_of = {name: number for number, stage in enumerate(self.stages) for name in stage.excluded}

        def rank(row: Mapping[str, str]) -> tuple:
            return (
                -stage_of.get(row["member"], len(self.stages)),
                -float(row.get(SIGMA) or 0),
                *(float(row.get(barrier) or "inf") for barrier in BARRIERS),
                float(row["above_hull_eV_atom"] or "inf"),
                row["member"],
            )

        return sorted(self.rows.values(), key=rank)

    def text(self) -> str:
        """The ranked rows as a tab-separated table."""
        rows = self.ranked()
        lines = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
        return "".join("\t".join(line) + "\n" for line in lines)

    def record(self) -> list[dict]:
        """The stages, JSON-able."""
        return [asdict(stage) | {"passed": stage.passed} for stage in self.stages]
