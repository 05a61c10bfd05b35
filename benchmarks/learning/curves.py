"""Which frames of a pool are labelled next, by three ways to choose, and the held-out error after each training."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from ase import Atoms
from bench import Bench, Sets, load

from saltflow.base.provenance import derive_seed, digest, sha256_of_file
from saltflow.learning.assessment.predictions import predict
from saltflow.learning.prediction_errors import errors
from saltflow.learning.sampling import with_force_std
from saltflow.learning.selection import farthest_points, select_frames, with_uncertainty
from saltflow.learning.uncertainty import calibrate

COOL_K, HOTTEST_K = 600.0, 1200.0


@dataclass(frozen=True)
class Task:
    """One curve: a composition's frames, how many labels are bought in each round, and the seed of all chance."""

    name: str
    sets: Sets
    budgets: Sequence[int]
    seed: int

    def start(self) -> list[int]:
        """The first labels, drawn at random: the same for every way to choose."""
        return self.shuffled()[: self.budgets[0]]

    def shuffled(self) -> list[int]:
        """The pool in random order."""
        random = np.random.default_rng(derive_seed("labels", self.name, self.seed))
        return random.permutation(len(self.sets["pool"])).tolist()

    def frames(self, indices: Sequence[int]) -> list[Atoms]:
        """Those frames of the pool."""
        return [self.sets["pool"][index] for index in indices]


def train(bench: Bench, task: Task, chosen: Sequence[int], *, committee: bool) -> list[Path]:
    """The model (or the committee, of which it is the first) that these labels make of the scouts' potential."""
    members = range(bench.learning["committee"] if committee else 1)
    labelled = bench.label(task.name, task.frames(chosen))
    return [
        bench.train(
            labelled,
            task.sets["valid"],
            seed=100 * (task.seed + 1) + member,
            steps=bench.amounts.steps,
            bootstrap=member > 0,
            foundation=bench.scout,
        )
        for member in members
    ]


def selected(bench: Bench, task: Task) -> Iterator[list[int]]:
    """The product's own selection, round by round, with the committee that the labels so far have made."""
    chosen = task.start()
    yield chosen
    for now, following in pairwise(task.budgets):
        committee = load(train(bench, task, chosen, committee=True))
        calibration = calibrate(predict(task.sets["calibration"], committee))
        rest = _candidates(task, without=chosen)
        rest = with_uncertainty(with_force_std(rest, committee), calibration)
        wanted = {"frames": following - now, "heldout_frames": 0}
        seed = derive_seed("select", task.name, task.seed, now)
        found = select_frames(rest, committee, selection=bench.learning["selection"] | wanted, seed=seed)
        chosen = [*chosen, *(frame.info["index"] for frame in found)]
        yield chosen


def random(bench: Bench, task: Task) -> Iterator[list[int]]:
    """Every round drawn at random."""
    for budget in task.budgets:
        yield task.shuffled()[:budget]


def farthest(bench: Bench, task: Task) -> Iterator[list[int]]:
    """Farthest points of the whole pool, by the descriptors of the first model."""
    chosen = task.start()
    rest = _candidates(task, without=chosen)
    if len(task.budgets) > 1:
        committee = load(train(bench, task, chosen, committee=True))
        calibration = calibrate(predict(task.sets["calibration"], committee))
        rest = with_uncertainty(with_force_std(rest, committee), calibration)
        rest = farthest_points(rest, committee, count=task.budgets[-1] - len(chosen))
    for budget in task.budgets:
        yield [*chosen, *(frame.info["index"] for frame in rest[: budget - len(chosen)])]


WAYS: Mapping[str, Callable[[Bench, Task], Iterator[list[int]]]] = {
    "selection": selected,
    "random": random,
    "farthest": farthest,
}


def _candidates(task: Task, *, without: Sequence[int]) -> list[Atoms]:
    """Copies of the frames that have no label yet, each with its index in the pool."""
    known, frames = set(without), []
    for index, frame in enumerate(task.sets["pool"]):
        if index not in known:
            frames.append(frame.copy())
            frames[-1].info |= {"index": index, "split": "train"}
    return frames


class Records:
    """What was measured, one JSON line each, kept as soon as it is known."""

    def __init__(self, path: Path):
        self.path = path
        lines = path.read_text().splitlines() if path.is_file() else []
        self.known = {record["key"]: record for record in map(json.loads, lines)}

    def measure(self, models: Sequence[Path], frames: Sequence[Atoms], **facts: object) -> dict:
        """Held-out errors of the first model, in all and where it is cool and hottest.

        And the calibration of the committee, where there is one.
        """
        shown = [[each.info["lineage"], each.info["REF_energy"]] for each in frames]
        key = digest([[sha256_of_file(each) for each in models], shown, facts])
        if key not in self.known:
            predictions = predict(frames, load(models))
            kelvins = [frame.info["temperature_K"] for frame in frames]
            cool, hottest = (
                [each for each, kelvin in zip(predictions, kelvins, strict=True) if low <= kelvin <= high]
                for low, high in ((0.0, COOL_K), (HOTTEST_K, HOTTEST_K))
            )
            found = {"errors": errors(predictions)}
            found |= {"cool": errors(cool) if cool else None, "hottest": errors(hottest) if hottest else None}
            found["calibration"] = calibrate(predictions)["pooled"] if len(models) > 1 else None
            self.known[key] = {"key": key, **facts, **found}
            with self.path.open("a") as file:
                file.write(json.dumps(self.known[key]) + "\n")
        return self.known[key]


def curve(bench: Bench, records: Records, task: Task, way: str) -> list[dict]:
    """One record for each budget of one way to choose."""
    return [
        records.measure(
            train(bench, task, chosen, committee=False),
            task.sets["test"],
            composition=task.name,
            way=way,
            seed=task.seed,
            budget=budget,
            labels=len(chosen),
            kelvins=dict(Counter(f"{frame.info['temperature_K']:g}" for frame in task.frames(chosen))),
        )
        for budget, chosen in zip(task.budgets, WAYS[way](bench, task), strict=True)
    ]


def saving(ours: Sequence[Mapping], others: Sequence[Mapping]) -> float | None:
    """Labels of the others over ours at equal error: the geometric mean over the errors that both curves reach.

    Between two budgets the logarithm of the labels is taken as linear in the logarithm of the error, and an error as
    reached once it was reached with fewer labels. None where the curves share no error below that of the start.
    """
    (labels, error), (labels_others, error_others) = _falling(ours), _falling(others)
    low, high = max(error[-1], error_others[-1]), min(error[0], error_others[0])
    if low >= high:
        return None
    at = np.linspace(low, high, 101)[:-1]
    gained = np.interp(at, error_others[::-1], labels_others[::-1]) - np.interp(at, error[::-1], labels[::-1])
    return float(np.exp(gained.mean()))


def _falling(points: Sequence[Mapping]) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of labels and of the lowest error so far, where that falls."""
    labels = np.log([each["labels"] for each in points])
    error = np.minimum.accumulate(np.log([each["errors"]["force_rmse_meV_A"] for each in points]))
    falls = np.concatenate([[True], np.diff(error) < 0])
    return labels[falls], error[falls]
