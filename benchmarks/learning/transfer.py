"""What a foundation of other compositions is worth, and whether its calibrated uncertainty holds on unseen ones."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ase import Atoms
from bench import Bench, load
from curves import Records, Task

from saltflow.assessment import errors, predict
from saltflow.uncertainty import calibrate

FINE_TUNING = {"learning_rate": 0.003}


def base_sets(bench: Bench, names: Sequence[str]) -> dict[str, list[Atoms]]:
    """Labelled frames of the foundation's compositions."""
    amounts = bench.amounts
    parts = {"pool": amounts.base, "test": amounts.base_test, "valid": amounts.valid}
    found = [bench.sets(name, parts) for name in names]
    return {part: [frame for each in found for frame in each[part]] for part in parts}


def foundation(bench: Bench, sets: Mapping[str, Sequence[Atoms]], *, seed: int) -> list[Path]:
    """A committee from scratch on the compositions of these sets; the first is what others start from."""
    return bench.train_committee(sets["pool"], sets["valid"], seed=1000 * (seed + 1), steps=bench.amounts.base_steps)


def fine_tuned(bench: Bench, records: Records, task: Task, start: Path) -> Iterator[dict]:
    """Errors of the foundation as it is, then after fine-tuning on the labels of the random arm."""
    facts = {"composition": task.name, "way": "fine-tuned", "seed": task.seed}
    yield records.measure([start], task.sets["test"], **facts, budget=0, labels=0)
    for budget in task.budgets:
        frames = task.frames(task.shuffled()[:budget])
        seed, steps = 100 * (task.seed + 1), bench.amounts.steps
        model = bench.train(frames, task.sets["valid"], seed=seed, steps=steps, foundation=start, changes=FINE_TUNING)
        yield records.measure([model], task.sets["test"], **facts, budget=budget, labels=budget)


def unseen(known: Sequence[Atoms], others: Mapping[str, Sequence[Atoms]], models: Sequence[Path]) -> Iterator[dict]:
    """The factor from held-out frames of known compositions, tried on compositions that the committee never saw.

    Args:
        known: held-out frames of the compositions that it was trained on.
        others: name → frames of a composition that it was not.
        models: the committee.

    Yields:
        one dict each: composition, factor and z_std of the known ones; and of the other: z_std_before (the spread as
        it is), z_std_after (by the factor of the known ones), own_factor, error and that of the known ones in meV/Å.
    """
    committee = load(models)
    predictions = predict(known, committee)
    pooled = calibrate(predictions)["pooled"]
    for name, frames in others.items():
        found = predict(frames, committee)
        before = calibrate(found)["pooled"]["z_std_before"]
        yield {
            "composition": name,
            "factor": pooled["factor"],
            "known_z_std_after": pooled["z_std_after"],
            "known_force_rmse_meV_A": errors(predictions)["force_rmse_meV_A"],
            "force_rmse_meV_A": errors(found)["force_rmse_meV_A"],
            "z_std_before": before,
            "z_std_after": before / pooled["factor"],
        }
