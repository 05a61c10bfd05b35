"""How many labels the selection saves, what a foundation saves, and whether calibrated uncertainties are right.

The truth is GFN1-xTB, which labels small cells in half a second, unless --truth names another reference. Frames are
explored, chosen, learned and judged by the product's own code; only the two ways that the selection is compared with,
chance and plain farthest points, are asked here. Everything is kept in work/ beside this file, so that the command goes
on where it was stopped.

usage: python benchmarks/learning/run.py [--quick] [--parts labels curves calibration foundation uncertainty]
       [--compositions …] [--seeds 0 1 2] [--budgets 4 8 16 32] [--steps 400] [--ways …]
       [--truth REFERENCE] [--configfile …]
"""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from bench import SCOUTING, Amounts, Bench, Sets  # noqa: E402
from curves import WAYS, Records, Task, curve, saving  # noqa: E402
from figure import plot_curves  # noqa: E402
from transfer import base_sets, foundation, seen, transferred, unseen  # noqa: E402


@dataclass(frozen=True)
class Scope:
    """What is measured: compositions whose labels are counted, those of the foundation, labels in all, seeds."""

    targets: tuple[str, ...]
    bases: tuple[str, ...]
    budgets: tuple[int, ...]
    seeds: tuple[int, ...]
    amounts: Amounts


FULL = Scope(
    targets=("LiAlCl2.5O0.75", "2LiCl-ZrCl4"),
    bases=("LiCl-AlCl3", "0.5Li2O-AlCl3", "1.5Li2O-ZrCl4"),
    budgets=(4, 8, 16, 32),
    seeds=(0, 1, 2),
    amounts=Amounts(
        pool=(16, 40),
        test=(8, 5),
        calibration=(4, 4),
        valid=(4, 3),
        base=(6, 6),
        base_test=(4, 4),
        scout_cells=4,
        scout_ps=0.2,
        scout_frames=8,
        duration_ps=2.0,
        stride_fs=48.0,
        steps=400,
        base_steps=1200,
    ),
)
QUICK = Scope(
    targets=("LiAlCl2.5O0.75",),
    bases=("0.5Li2O-AlCl3",),
    budgets=(6, 12),
    seeds=(0,),
    amounts=Amounts(
        pool=(4, 8),
        test=(2, 4),
        calibration=(3, 2),
        valid=(3, 2),
        base=(2, 4),
        base_test=(3, 2),
        scout_cells=1,
        scout_ps=0.1,
        scout_frames=3,
        duration_ps=0.1,
        stride_fs=10.0,
        steps=60,
        base_steps=80,
    ),
)
COMPARED = (("selection", "random"), ("selection", "farthest"), ("fine-tuned", "scratch"))
SAVINGS_HEADER = ("| composition | labels at equal error | ratio | each seed |", "|---|---|---|---|")
PARTS = ("labels", "curves", "calibration", "foundation", "uncertainty")


def sets_of(bench: Bench, name: str) -> Sets:
    """The labelled sets of a composition whose labels are counted."""
    amounts = bench.amounts
    parts = {part: getattr(amounts, part) for part in ("test", "calibration", "valid", "pool")}
    return bench.sets(name, parts)


def tasks(bench: Bench, names: Sequence[str], seeds: Sequence[int], budgets: Sequence[int]) -> Iterator[Task]:
    """One curve's circumstances for each composition and seed."""
    for name in names:
        sets = sets_of(bench, name)
        for seed in seeds:
            yield Task(name, sets, budgets, seed)


def show_sets(bench: Bench, names: Sequence[str]) -> Iterator[str]:
    """Rows: composition, frames of each set, RMS of a force component."""
    yield "| composition | atoms | " + " | ".join(("pool", "test", "calibration", "valid")) + " | RMS force meV/Å |"
    yield "|---" * 7 + "|"
    for name in names:
        sets = sets_of(bench, name)
        forces = np.concatenate([each.arrays["REF_forces"].ravel() for each in sets["test"]])
        sizes = " | ".join(str(len(sets[part])) for part in ("pool", "test", "calibration", "valid"))
        yield f"| {name} | {len(sets['test'][0])} | {sizes} | {1000 * forces.std():.0f} |"


def show_curves(records: Sequence[Mapping]) -> Iterator[str]:
    """Rows: composition, way, labels, error over the seeds, and MAE where it is cool and hottest."""
    yield "| composition | frames chosen by | labels | force RMSE meV/Å, mean and each seed | to 600 K | at 1200 K |"
    yield "|---" * 6 + "|"
    for name, way, labels in dict.fromkeys((each["composition"], each["way"], each["labels"]) for each in records):
        ours = [each for each in records if (each["composition"], each["way"], each["labels"]) == (name, way, labels)]
        found = [each["errors"]["force_rmse_meV_A"] for each in ours]
        cool, hottest = (_mean_mae(each[part] for each in ours) for part in ("cool", "hottest"))
        shown = ", ".join(f"{each:.0f}" for each in found)
        yield f"| {name} | {way} | {labels} | {np.mean(found):.0f} ({shown}) | {cool} | {hottest} |"


def _mean_mae(found: Iterable[Mapping | None]) -> str:
    known = [each["force_mae_meV_A"] for each in found if each]
    return f"{np.mean(known):.0f}" if known else ""


def show_savings(records: Sequence[Mapping], way: str, other: str) -> Iterator[str]:
    """Rows: labels of the other way over those of the one at equal error, mean and seed by seed."""
    for name in dict.fromkeys(each["composition"] for each in records):
        found = []
        for seed in sorted({each["seed"] for each in records if each["composition"] == name}):
            ours, others = (
                [each for each in records if (each["composition"], each["seed"], each["way"]) == (name, seed, which)]
                for which in (way, other)
            )
            found.append(saving(ours, others) if ours and others else None)
        known = [each for each in found if each]
        if known:
            shown = ", ".join("–" if each is None else f"{each:.2f}" for each in found)
            spread = f" ± {np.std(np.log(known), ddof=1) / np.sqrt(len(known)):.0%}" if len(known) > 1 else ""
            yield f"| {name} | {other} / {way} | {np.exp(np.mean(np.log(known))):.2f}{spread} | {shown} |"


def show_seen(found: Iterable[Mapping]) -> Iterator[str]:
    """Rows of `transfer.seen`."""
    yield "| composition | seed | labels | factor | z std before | after |"
    yield "|---|---|---|---|---|---|"
    for each in found:
        numbers = " | ".join(f"{each[name]:.2f}" for name in ("factor", "z_std_before", "z_std_after"))
        yield f"| {each['composition']} | {each['seed']} | {each['labels']} | {numbers} |"


def show_unseen(found: Iterable[Mapping]) -> Iterator[str]:
    """Rows of `transfer.unseen`."""
    yield "| unseen composition | force RMSE meV/Å | factor | z std before | after | z std of the known, after |"
    yield "|---|---|---|---|---|---|"
    for each in found:
        numbers = [each[name] for name in ("factor", "z_std_before", "z_std_after", "known_z_std_after")]
        shown = " | ".join(f"{number:.2f}" for number in numbers)
        yield f"| {each['composition']} | {each['force_rmse_meV_A']:.0f} | {shown} |"


def parsed() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the whole way in minutes; its numbers mean nothing")
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--compositions", nargs="+", choices=FULL.targets)
    parser.add_argument("--seeds", nargs="+", type=int)
    parser.add_argument("--budgets", nargs="+", type=int, help="labels in all, round by round")
    parser.add_argument("--ways", nargs="+", default=tuple(WAYS), choices=WAYS)
    parser.add_argument("--truth", default=SCOUTING, help="the reference of the labels; scouts keep gfn1-xtb")
    parser.add_argument(
        "--configfile", nargs="*", type=Path, default=[], help="what it needs, such as paths, and a larger model"
    )
    parser.add_argument("--steps", type=int, help="of a fine-tuning; more let more labels tell")
    return parser.parse_args()


def main() -> None:
    """Run the parts and print their tables."""
    arguments = parsed()
    scope = QUICK if arguments.quick else FULL
    names, seeds = arguments.compositions or scope.targets, arguments.seeds or scope.seeds
    budgets = arguments.budgets or scope.budgets
    amounts = replace(scope.amounts, steps=arguments.steps or scope.amounts.steps)
    work = Path(__file__).parent / "work" / ("quick" if arguments.quick else "full")
    compositions = (*scope.targets, *scope.bases)
    bench = Bench(work, names=compositions, amounts=amounts, truth=arguments.truth, changes=arguments.configfile)
    records, found = Records(work / arguments.truth / "records.jsonl"), []
    if "labels" in arguments.parts:
        print("\n".join(show_sets(bench, names)), flush=True)
    if "curves" in arguments.parts:
        for task in tasks(bench, names, seeds, budgets):
            for way in arguments.ways:
                found += curve(bench, records, task, way)
    if "calibration" in arguments.parts:
        rows = (row for task in tasks(bench, names, seeds, budgets) for row in seen(bench, task))
        print("\n".join(show_seen(rows)), flush=True)
    if {"foundation", "uncertainty"} & {*arguments.parts}:
        base = base_sets(bench, scope.bases)
        models = foundation(bench, base)
    if "foundation" in arguments.parts:
        for task in tasks(bench, names, seeds, budgets):
            found += transferred(bench, records, task, models[0])
    if found:
        rows = [each for pair in COMPARED for each in show_savings(found, *pair)]
        print("\n".join([*show_curves(found), "", *SAVINGS_HEADER, *rows]), flush=True)
        plot_curves(found, work / arguments.truth / "curves.svg")
    if "uncertainty" in arguments.parts:
        others = {name: sets_of(bench, name)["test"] for name in names}
        print("\n".join(show_unseen(unseen(base["test"], others, models))), flush=True)


if __name__ == "__main__":
    main()
