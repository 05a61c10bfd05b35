"""A finished run of a state point, from whose end a longer one goes on instead of beginning anew.

What a state point ends with is kept beside its record, with what it was made from besides the lengths: settings that
say when production ends change none of its steps.
"""

import logging
import os
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from saltflow.base.long_job import END
from saltflow.base.provenance import sha256_of_file
from saltflow.dynamics.checkpoints import write_checkpoint
from saltflow.dynamics.looks import Judge
from saltflow.dynamics.progress import CellEnd
from saltflow.dynamics.schedule import steps_of
from saltflow.dynamics.state import MDState

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EarlierRun:
    """Its end. ends: of the cells that ran. trajectories: of them. production_ps: its length. looks: of its judge."""

    ends: Sequence[CellEnd]
    trajectories: Sequence[Path]
    production_ps: float
    looks: tuple[dict, ...] = ()

    @property
    def is_enough(self) -> bool:
        """Whether it is as long as is asked for now."""
        return bool(self.looks) and self.looks[-1]["stopped_because"] is not None

    def is_longer_than(self, duration_ps: float) -> bool:
        """Whether it has more steps than production of a duration."""
        steps = self.ends[0].step
        return steps > steps_of(duration_ps, step_fs=1000 * self.production_ps / steps)

    def judged_by(self, judge: Judge | None) -> "EarlierRun":
        """The same with rows of another judge; none without one."""
        rows = judge.again(self.looks) if judge else []
        return replace(self, looks=tuple({"judged": 0, **row} for row in rows))

    def conserved(self, interval: int, *, device: str) -> tuple[torch.Tensor, ...]:
        """Its values of the conserved quantity at another interval of steps; none where that is no multiple."""
        every, rest = divmod(interval, self.ends[0].interval)
        if rest:
            return ()
        values = torch.tensor([end.conserved_eV for end in self.ends], dtype=torch.float64, device=device)
        return tuple(values[:, every - 1 :: every].T)


def keep_end(
    record: str | os.PathLike,
    ends: Sequence[CellEnd | None],
    *,
    origin: str,
    trajectories: Sequence[str | os.PathLike],
    production_ps: float,
    looks: Sequence[Mapping],
) -> None:
    """Keep the end of a state point beside its record.

    Args:
        record: its product. ends: of its replicas; None of those that did not run.
        origin: digest of all that it was made from, but the lengths. trajectories: its products.
        production_ps: its length. looks: rows of its judge.

    Raises:
        SaltflowError: it cannot be written.
    """
    content = {
        "origin": origin,
        "ends": [end and {**vars(end), "state": end.state.tensors()} for end in ends],
        "trajectories": {Path(path).name: sha256_of_file(path) for path in trajectories},
        "production_ps": production_ps,
        "looks": list(looks),
    }
    write_checkpoint(content, _beside(record))


def find_earlier_run(
    record: str | os.PathLike, *, origin: str, trajectories: Sequence[str | os.PathLike]
) -> EarlierRun | None:
    """The run that made the products that are there; None where it is not known, or not the beginning of this one.

    Args:
        record, origin, trajectories: as in `keep_end`.
    """
    try:
        kept = torch.load(_beside(record), weights_only=True, map_location="cpu")
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError):
        return None
    paths = [Path(path) for path in trajectories]
    if kept["origin"] != origin or not any(kept["ends"]) or not all(path.is_file() for path in paths):
        return None
    if kept["trajectories"] != {path.name: sha256_of_file(path) for path in paths}:
        log.info("the trajectories are no longer those of the earlier run: beginning anew")
        return None
    ran = [(_end(end), path) for end, path in zip(kept["ends"], paths, strict=True) if end]
    ends, own = zip(*ran, strict=True)
    return EarlierRun(ends, own, kept["production_ps"], tuple(kept["looks"]))


def _end(content: dict) -> CellEnd:
    return CellEnd(**content | {"state": MDState(**content["state"])})


def _beside(record: str | os.PathLike) -> Path:
    return Path(record).with_name(f".{Path(record).name}{END}")
