"""How likely alloys are bulk glasses, the next ones to make, and a replay of the search on known alloys."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import digest
from saltflow.studies.alloys.alloy_strings import Alloy
from saltflow.studies.alloys.alloy_table import BMG, AlloyTable
from saltflow.studies.alloys.composition_features import features_of
from saltflow.studies.alloys.gfa_figures import plot_probability_map, plot_replay
from saltflow.studies.alloys.known_alloys import KnownAlloys
from saltflow.studies.alloys.replayed_search import gains, replay_once
from saltflow.studies.composition_space import exchanged, grid_of, within
from saltflow.studies.kept_numbers import kept_numbers
from saltflow.studies.next_batch import diverse_batch, upper_bound

FEWEST_OF_A_POOL = 10
SAME_WITHIN = 0.005  # atomic fraction


class AlloySpace:
    """Alloys whose class is known, and all that can be made of their elements and further ones.

    Args:
        table: alloys whose class is known.
        further: symbols.
        treatment: of imbalance.
        seed: of the models.
    """

    def __init__(self, table: AlloyTable, *, further: Sequence[str], treatment: str, seed: int):
        self.elements = (*table.elements, *(symbol for symbol in further if symbol not in table.elements))
        fractions = np.pad(table.fractions, ((0, 0), (0, len(self.elements) - len(table.elements))))
        self.known = KnownAlloys(features_of(fractions, self.elements), fractions, table.classes)
        self._treatment, self._seed = treatment, seed

    def judged(self, fractions: np.ndarray) -> dict[str, np.ndarray]:
        """Of alloys, each (alloys,): probability of a bulk glass, deviation over members, score, and nearest_known, the
        atomic fraction in which the nearest known alloy differs.

        Args:
            fractions: atomic, (alloys, elements).
        """
        likely = self.known.likelihoods(
            features_of(fractions, self.elements), treatment=self._treatment, seed=self._seed
        )
        probability, deviation, score = upper_bound(likely)
        nearest = np.array([exchanged(self.known.fractions, each).min() for each in fractions])
        return {"probability": probability, "deviation": deviation, "score": score, "nearest_known": nearest}

    def fractions_of(self, mixtures: np.ndarray, symbols: Sequence[str]) -> np.ndarray:
        """Mixtures of some elements, (alloys, symbols), as fractions of all, (alloys, elements)."""
        found = np.zeros((len(mixtures), len(self.elements)))
        found[:, [self.elements.index(symbol) for symbol in symbols]] = mixtures
        return found


def predict_alloys(table: AlloyTable, alloys: Sequence[Alloy], *, settings: Mapping) -> list[dict]:
    """How likely given alloys are bulk glasses.

    Args:
        table: alloys whose class is known.
        alloys: to predict.
        settings: imbalance and seed.

    Returns:
        Of each, alloy, probability, deviation, nearest_known, and whether its system is known.
    """
    further = sorted({symbol for alloy in alloys for symbol in alloy.fractions})
    space = AlloySpace(table, further=further, treatment=settings["imbalance"], seed=settings["seed"])
    mixtures = np.array([[alloy.fractions.get(symbol, 0.0) for symbol in further] for alloy in alloys])
    judged = space.judged(space.fractions_of(mixtures, further))
    systems = set(table.systems.tolist())
    return [_row(alloy, judged, row) | {"system_is_known": alloy.system in systems} for row, alloy in enumerate(alloys)]


def propose_alloys(table: AlloyTable, *, settings: Mapping, folder: Path) -> list[dict]:
    """The next batch of alloys of the chosen elements, the best first, and for three elements a map.

    Args:
        table: alloys whose class is known.
        settings: propose (symbols), step (at.%), batch, imbalance, seed.
        folder: for the map.
    """
    symbols = settings["propose"]
    space = AlloySpace(table, further=symbols, treatment=settings["imbalance"], seed=settings["seed"])
    mixtures = grid_of(len(symbols), settings["step"] / 100)
    judged = space.judged(space.fractions_of(mixtures, symbols))
    unknown = np.flatnonzero(judged["nearest_known"] > SAME_WITHIN)
    batch = unknown[diverse_batch(judged["score"][unknown], mixtures[unknown], size=settings["batch"])]
    if len(symbols) == 3:
        plot_probability_map(mixtures, judged["probability"], batch, folder / "proposals.svg", symbols=symbols)
    return [_row(Alloy(dict(zip(symbols, mixtures[row], strict=True)), 0.0), judged, row) for row in batch]


def replay_search(table: AlloyTable, *, settings: Mapping, folder: Path, say: Callable[[str], None]) -> dict:
    """Search anew among known alloys of the chosen elements; repeats that the folder holds are not computed again.

    Args:
        table: alloys whose class is known.
        settings: propose (symbols), batch, repeats, imbalance, seed.
        folder: for kept repeats and the figure.
        say: tells of progress.

    Returns:
        alloys and glasses of the pool, and `gains`.

    Raises:
        SaltflowError: too few alloys of these elements are known, or all or none are bulk glasses.
    """
    symbols, seed = settings["propose"], settings["seed"]
    known = AlloySpace(table, further=(), treatment=settings["imbalance"], seed=seed).known
    pooled = within(table.elements, symbols, table.fractions)
    pool, outside = known.chosen(pooled), known.chosen(~pooled)
    glasses, name = int(np.sum(pool.classes == BMG)), "-".join(symbols)
    if len(pool) < FEWEST_OF_A_POOL or glasses in (0, len(pool)) or not np.any(outside.classes == BMG):
        raise SaltflowError(f"no replay: of {name} {len(pool)} alloys and {glasses} bulk glasses are known")
    data = digest([[alloy.formula for alloy in table.alloys], table.classes.tolist()])
    repeats = []
    for repeat in range(settings["repeats"]):
        used = {"batch": settings["batch"], "treatment": settings["imbalance"], "seed": 1000 * seed + repeat}
        path = folder / "kept" / f"replay_{name}_{repeat}.json"
        key = digest([data, symbols, used])
        repeats.append(kept_numbers(path, partial(replay_once, outside, pool, **used), key=key))
        say(f"replay {repeat + 1} of {settings['repeats']} is done.")
    title = f"{name}: {len(pool)} known alloys, {glasses} bulk glasses"
    plot_replay(repeats, folder / "replay.svg", title=title)
    return {"alloys": len(pool), "glasses": glasses, "gains": gains(repeats, seed=seed)}


def _row(alloy: Alloy, judged: Mapping[str, np.ndarray], row: int) -> dict:
    named = ("probability", "deviation", "nearest_known")
    return {"alloy": alloy.formula, **{name: float(judged[name][row]) for name in named}}
