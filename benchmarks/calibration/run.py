"""Are the errors right? Deviations from known answers, in units of the error, over many replicas.

Walkers whose coefficients are known (tests/unit/walkers.py) are analysed again and again; the deviation of D, σ_E, H_R
and t from the truth over its error has standard deviation 1 if the errors are right, and lies within ±1 in 68 % and
±2 in 95 %. The same for the activation energy and the prediction at 300 K of points and replicas with known scatter,
and for Tg of cooling curves with a known break.

usage: python benchmarks/calibration/run.py [--replicas 1000]
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / "scripts"), str(REPOSITORY / "tests/unit")]

from cooling_curves import TG_K, broken, cooled  # noqa: E402
from replica_fits import deviations_of, fit_replica  # noqa: E402
from walkers import WALKERS, deviations  # noqa: E402

from saltflow.analysis.arrhenius.glass_transition import find_glass_transition  # noqa: E402

# replicas, frames: as in a sweep, one long run, and far too short
RUNS = ((3, 1200), (1, 2500), (1, 300))
SPREADS = {"alike": (0.0, 0.0), "prefactors differ": (0.3, 0.0), "prefactors and energies differ": (0.3, 0.03)}


def replicated(once: Callable[[int], Mapping[str, float]], replicas: int) -> dict[str, np.ndarray]:
    """Quantity → deviations of all replicas in units of their errors."""
    found: dict[str, list[float]] = {}
    for seed in range(replicas):
        for name, value in once(seed).items():
            found.setdefault(name, []).append(value)
    return {name: np.array(values) for name, values in found.items()}


def rows(what: str, found: Mapping[str, np.ndarray]) -> Iterator[str]:
    """Lines of the table."""
    for name, values in found.items():
        inside = [f"{np.mean(np.abs(values) < limit):.1%}" for limit in (1, 2)]
        yield f"| {what} | {name} | {len(values)} | {values.mean():+.2f} | {values.std():.2f} | {' | '.join(inside)} |"


def transition_deviations(seed: int) -> dict[str, float]:
    """Of Tg in one replica, where it is found."""
    found = find_glass_transition(cooled(broken(), np.random.default_rng(seed)), seed=seed)
    return {"Tg": (found["Tg_K"] - TG_K) / found["error_K"]} if found["status"] == "found" else {}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--replicas", type=int, default=1000)
    replicas = parser.parse_args().replicas
    print("| data | quantity | replicas | mean of z | std of z | within 1 | within 2 |\n|---|---|---|---|---|---|---|")
    for replicas, frames in RUNS:
        for walkers in WALKERS:
            once = lambda seed: deviations(walkers, frames=frames, replicas=replicas, seed=50_000 + seed)  # noqa: B023, E731
            for line in rows(f"{walkers}, {replicas} × {frames} frames", replicated(once, replicas)):
                print(line, flush=True)
    for name, (prefactor, energy_eV) in SPREADS.items():
        once = lambda seed: deviations_of(fit_replica(prefactor, energy_eV, np.random.default_rng(seed)))  # noqa: B023, E731
        print("\n".join(rows(f"three replicas, {name}", replicated(once, replicas))), flush=True)
    print("\n".join(rows("cooling, three replicas", replicated(transition_deviations, replicas // 4))), flush=True)


if __name__ == "__main__":
    main()
