"""Are the errors right? Deviations from known answers, in units of the error, over many replicas.

Walkers whose coefficients are known (tests/unit/walkers.py, alpha2_walkers.py) are analysed again and again; the
deviation of D, σ_NE, σ_E, H_R, t and α2 from the truth over its error has standard deviation 1 if the errors are right,
and lies within ±1 in 68 % and ±2 in 95 %. Only values with the status ok are counted.
The same for the activation energy and the prediction at 300 K of points and replicas with known scatter, and for Tg of
cooling curves with a known break.

usage: python benchmarks/calibration/run.py [--replicas 1000] [--only transport]
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / "scripts"), str(REPOSITORY / "tests/unit")]

from alpha2_walkers import KINDS, alpha2_deviations  # noqa: E402
from cooling_curves import TG_K, broken, cooled  # noqa: E402
from replica_fits import deviations_of, fit_replica  # noqa: E402
from walkers import WALKERS, deviations  # noqa: E402

from saltflow.analysis.arrhenius.glass_transition import find_glass_transition  # noqa: E402

# replicas, frames: as in a sweep, one long run, and short ones of about thirteen and five windows
RUNS = ((3, 1200), (1, 2500), (1, 1000), (1, 500))
ALPHA2_RUNS = ((3, 600), (1, 600))
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


def fit_deviations(prefactor: float, energy_eV: float, seed: int) -> dict[str, float]:
    """Of an Arrhenius fit to points whose replicas scatter."""
    return deviations_of(fit_replica(prefactor, energy_eV, np.random.default_rng(seed)))


def seeded(known: Callable[..., dict[str, float]], kind: str, seed: int, **run: int) -> dict[str, float]:
    """Deviations of one replica of some walkers."""
    return known(kind, seed=50_000 + seed, **run)


def show(what: str, once: Callable[[int], Mapping[str, float]], replicas: int) -> None:
    """Print the rows of many replicas."""
    print("\n".join(rows(what, replicated(once, replicas))), flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--replicas", type=int, default=1000)
    parser.add_argument("--only", choices=("transport", "motion", "fits"), help="one part of the table")
    arguments = parser.parse_args()
    replicas = arguments.replicas
    print("| data | quantity | replicas | mean of z | std of z | within 1 | within 2 |\n|---|---|---|---|---|---|---|")
    parts = {"transport": (deviations, RUNS, WALKERS), "motion": (alpha2_deviations, ALPHA2_RUNS, KINDS)}
    for part, (known, runs, table) in parts.items():
        for (number, frames), kind in product(runs, table) if arguments.only in (None, part) else ():
            once = partial(seeded, known, kind, frames=frames, replicas=number)
            show(f"{kind}, {number} × {frames} frames", once, replicas)
    if arguments.only not in (None, "fits"):
        return
    for name, (prefactor, energy_eV) in SPREADS.items():
        show(f"three replicas, {name}", partial(fit_deviations, prefactor, energy_eV), replicas)
    show("cooling, three replicas", transition_deviations, replicas // 4)


if __name__ == "__main__":
    main()
