"""Does ending a run when it is known bias it? Walkers that end by the judge, beside runs of a fixed length.

usage: python benchmarks/calibration/stopping.py [--runs 200]
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / "scripts"), str(REPOSITORY / "tests/unit")]

from stopped_walkers import stopped  # noqa: E402
from walkers import deviations  # noqa: E402

FIXED_FRAMES = 620  # the usual length of the others


def table(what: str, found: list[dict[str, float]]) -> None:
    """Print mean and standard deviation of z of every quantity."""
    for name in found[0]:
        z = np.array([each[name] for each in found if name in each])
        print(f"| {what} | {name} | {len(z)} | {z.mean():+.2f} | {z.std():.2f} |", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=200)
    seeds = range(90_000, 90_000 + parser.parse_args().runs)
    print("| data | quantity | runs | mean of z | std of z |\n|---|---|---|---|---|")
    for walkers in ("brownian", "jump", "correlated"):
        ended = [stopped(walkers, replicas=3, least_ps=15.0, longest_ps=400.0, seed=seed) for seed in seeds]
        low, high = np.percentile([rows[-1]["length_ps"] for rows, _ in ended], [10, 90])
        reasons = dict(Counter(rows[-1]["stopped_because"] for rows, _ in ended))
        table(f"{walkers} until known, {low:.0f}–{high:.0f} ps, {reasons}", [z for _, z in ended])
        fixed = [deviations(walkers, frames=FIXED_FRAMES, replicas=3, seed=seed) for seed in seeds]
        table(f"{walkers}, fixed", fixed)


if __name__ == "__main__":
    main()
