"""What reacts at faces and in gas: units and events of trajectories, with depth and rate."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from saltflow.analysis.species.analysis import event_rows, history_of, reaction, summarise
from saltflow.analysis.species.unit_history import UnitHistory
from saltflow.materials.frame_info import FrameInfo
from saltflow.trajectory.h5md import TrajectoryFile
from saltflow.trajectory.memory import TrajectoryReader

LEFT_PLACE_A = 1.5  # way of an atom of the framework that has left its place


@dataclass(frozen=True)
class Solid:
    """Where the solid of a cell is.

    Attributes:
        framework: atoms that tell how far it drifts, and whether it keeps its shape.
        planes_A: heights of its boundaries at the start, ascending; the first and the last are faces to the vacuum, one
            between them is the interface of two solids.
    """

    framework: np.ndarray
    planes_A: tuple[float, ...]

    def depths_A(self, heights_A: np.ndarray, period_A: float) -> np.ndarray:
        """Distances to the nearest plane that may react: of an interface along the normal, else positive in the gas.

        Args:
            heights_A: along the normal, with the drift of the solid removed.
            period_A: height of the cell.
        """
        first, *middle, last = self.planes_A
        thick = last - first
        inside = (heights_A - first) % period_A
        if middle:  # beyond the middle of the vacuum it is the vacuum below the lower face
            return inside - np.where(inside > (period_A + thick) / 2, period_A, 0.0) - (middle[0] - first)
        return np.where(
            inside <= thick, -np.minimum(inside, thick - inside), np.minimum(inside - thick, period_A - inside)
        )


@dataclass(frozen=True)
class Reactions:
    """Of one replica.

    Attributes:
        history: units and events.
        rows: of events.csv, with depth_A.
        summary: of `summarise`.
        moved_fraction: of the framework, at the end, farther than `LEFT_PLACE_A` from its place in the first frame.
    """

    history: UnitHistory
    rows: list[dict]
    summary: dict
    moved_fraction: float


def find_reactions(run: TrajectoryReader, solid: Solid, *, settings: Mapping) -> Reactions:
    """Units and events of one replica.

    Args:
        run: its trajectory.
        solid: where the solid is.
        settings: elements (of units), least_ps, made and broken, as of `saltflow species`.
    """
    limits = {name: settings[name] for name in ("least_ps", "made", "broken")}
    history = history_of(run, settings["elements"], **limits)
    rows = event_rows(history, run)
    first = _frame(run, 0)
    for row, event in zip(rows, history.events, strict=True):
        period_A = float(run.cells_A[event.frame][2, 2])
        drift_A = (_frame(run, event.frame) - first)[solid.framework, 2].mean()
        depth_A = solid.depths_A(np.array([float(row["z_A"]) - drift_A]), period_A)[0]
        row["depth_A"] = f"{depth_A:.2f}"
    return Reactions(history, rows, summarise(history, run.times_ps), moved_fraction(run, solid))


def moved_fraction(run: TrajectoryReader, solid: Solid) -> float:
    """Fraction of the framework that left its place between the first and the last frame, without drift."""
    between = (_frame(run, run.n_frames - 1) - _frame(run, 0))[solid.framework]
    return float((np.linalg.norm(between - between.mean(axis=0), axis=1) > LEFT_PLACE_A).mean())


def reaction_rates(replicas: Sequence[Reactions], *, ps_nm2: float) -> list[dict]:
    """Events of each reaction over replicas: number, first time, mean depth, rate with the error of a Poisson count.

    Args:
        replicas: of one state.
        ps_nm2: time × area of the faces, of all replicas.

    Returns:
        rows, the most frequent first; replicas says in how many it was seen.
    """
    found = defaultdict(list)
    for number, each in enumerate(replicas):
        for row, event in zip(each.rows, each.history.events, strict=True):
            found[reaction(event.reactants, event.products)].append(
                (float(row["time_ps"]), number, float(row["depth_A"]))
            )
    rows = []
    for name, events in found.items():
        times_ps, numbers, depths_A = (np.array(each) for each in zip(*events, strict=True))
        per_ns = 1000 / ps_nm2
        rows.append(
            {
                "reaction": name,
                "events": len(events),
                "replicas": len(set(numbers.tolist())),
                "first_ps": float(times_ps.min()),
                "mean_depth_A": float(depths_A.mean()),
                "rate_per_ns_nm2": len(events) * per_ns,
                "rate_error_per_ns_nm2": len(events) ** 0.5 * per_ns,
            }
        )
    return sorted(rows, key=lambda row: (-row["events"], row["first_ps"]))


def candidate_frames(
    runs: Sequence[TrajectoryFile],
    replicas: Sequence[Reactions],
    *,
    name: str,
    temperature_K: float,
    ramp_K: float,
    most: int,
) -> list[Atoms]:
    """Frames just before, at and after events, for labels: first one event of each reaction, then the second, …

    The product is there at the frame of the event; the frame before it has the shortest way to the transition state.

    Args:
        runs: trajectory of each replica.
        replicas: their events.
        name: of the study, for the lineage: all frames of a replica are one.
        temperature_K: of the dynamics, at the start.
        ramp_K: its rise over the run.
        most: frames.
    """
    frames: list[Atoms] = []
    for number, event_frame in _by_turns(replicas):
        run = runs[number]
        for index in (event_frame - 1, event_frame, min(event_frame + 1, run.n_frames - 1)):
            if len(frames) == most:
                return frames
            atoms = Atoms(run.symbols, _frame(run, index), cell=run.cells_A[index], pbc=True)
            atoms.wrap()
            FrameInfo.of(atoms).set(
                lineage=f"{name}/replica{number + 1}",
                temperature_K=temperature_K + ramp_K * float(run.times_ps[index] / run.times_ps[-1]),
                time_ps=float(run.times_ps[index]),
            )
            frames.append(atoms)
    return frames


def _by_turns(replicas: Sequence[Reactions]) -> Iterator[tuple[int, int]]:
    """(replica, frame) of events; each reaction once before any comes again."""
    turns: dict[str, int] = defaultdict(int)
    ranked = []
    for number, each in enumerate(replicas):
        for event in each.history.events:
            name = reaction(event.reactants, event.products)
            ranked.append((turns[name], number, event.frame))
            turns[name] += 1
    for _, number, frame in sorted(ranked):
        yield number, frame


def _frame(run: TrajectoryReader, index: int) -> np.ndarray:
    return np.asarray(run.read_positions_A(slice(index, index + 1), slice(0, len(run.symbols)))[0], dtype=float)
