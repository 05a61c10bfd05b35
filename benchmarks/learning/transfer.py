"""What a foundation of other compositions is worth, and whether its calibrated uncertainty holds on unseen ones."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from ase import Atoms
from bench import Bench, load
from curves import Records, Task, selected, train

from saltflow.learning.assessment.predictions import predict
from saltflow.learning.prediction_errors import errors
from saltflow.learning.uncertainty import calibrate, factor_for


def base_sets(bench: Bench, names: Sequence[str]) -> dict[str, list[Atoms]]:
    """Labelled frames of the foundation's compositions."""
    amounts = bench.amounts
    parts = {"train": amounts.base, "test": amounts.base_test, "valid": amounts.valid}
    found = [bench.sets(name, parts) for name in names]
    return {part: [frame for each in found for frame in each[part]] for part in parts}


def foundation(bench: Bench, sets: Mapping[str, Sequence[Atoms]]) -> list[Path]:
    """A committee from scratch on the compositions of these sets; the first is what others start from."""
    return [
        bench.train(
            sets["train"], sets["valid"], seed=1000 + member, steps=bench.amounts.base_steps, bootstrap=member > 0
        )
        for member in range(bench.learning["committee"])
    ]


def transferred(bench: Bench, records: Records, task: Task, start: Path) -> Iterator[dict]:
    """Errors after the same random labels: of the foundation fine-tuned, and of a model from scratch.

    From scratch each has as many steps as the foundation had, which is more than the fine-tuning.
    """
    amounts, seed = bench.amounts, 100 * (task.seed + 1)
    for budget in task.budgets:
        frames, valid = bench.label(task.name, task.frames(task.shuffled()[:budget])), task.sets["valid"]
        tuned = bench.train(frames, valid, seed=seed, steps=amounts.steps, foundation=start)
        scratch = bench.train(frames, valid, seed=seed, steps=amounts.base_steps)
        for way, model in (("fine-tuned", tuned), ("scratch", scratch)):
            facts = {"composition": task.name, "way": way, "seed": task.seed, "budget": budget, "labels": budget}
            yield records.measure([model], task.sets["test"], **facts)


def seen(bench: Bench, task: Task) -> Iterator[dict]:
    """The factor from the calibration frames, tried on the test frames: other cells of a composition that is known.

    Yields:
        one dict for each committee of the selection: composition, seed, labels, factor, z_std_before (the spread as it
        is) and z_std_after.
    """
    for chosen in islice(selected(bench, task), len(task.budgets) - 1):
        committee = load(train(bench, task, chosen, committee=True))
        factor = calibrate(predict(task.sets["calibration"], committee))["pooled"]["factor"]
        before = calibrate(predict(task.sets["test"], committee))["pooled"]["z_std_before"]
        yield {
            "composition": task.name,
            "seed": task.seed,
            "labels": len(chosen),
            "factor": factor,
            "z_std_before": before,
            "z_std_after": before / factor,
        }


def unseen(known: Sequence[Atoms], others: Mapping[str, Sequence[Atoms]], models: Sequence[Path]) -> Iterator[dict]:
    """The factor that a committee's calibration gives compositions that it never saw, tried on them.

    Args:
        known: held-out frames of the compositions that it was trained on.
        others: name → frames of a composition that it was not.
        models: the committee.

    Yields:
        one dict each: composition, factor, force_rmse_meV_A, z_std_before (the spread as it is), z_std_after, and
        known_z_std_after, of the compositions that it was trained on.
    """
    committee = load(models)
    calibration = calibrate(predict(known, committee))
    for name, frames in others.items():
        found = predict(frames, committee)
        before, factor = calibrate(found)["pooled"]["z_std_before"], factor_for(calibration, name)
        yield {
            "composition": name,
            "factor": factor,
            "force_rmse_meV_A": errors(found)["force_rmse_meV_A"],
            "z_std_before": before,
            "z_std_after": before / factor,
            "known_z_std_after": calibration["pooled"]["z_std_after"],
        }
