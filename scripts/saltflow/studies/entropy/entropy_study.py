"""A space of compositions: relaxed, learned from the dynamics of some, predicted, and the best run again."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from scipy import stats

from saltflow.base.errors import InputError, SaltflowError
from saltflow.base.provenance import derive_seed, write_text
from saltflow.potentials.protocol import MDPotential
from saltflow.statistics.rank_correlation import spearman_interval
from saltflow.studies.composition_space import exchanged
from saltflow.studies.entropy.composition_table import table_text
from saltflow.studies.entropy.features import FEATURES, features_of
from saltflow.studies.entropy.figures import plot_predictions
from saltflow.studies.entropy.ion_motion import LEAST_A2, OK, measured_A2
from saltflow.studies.entropy.learning import (
    FOLDS,
    TrainedForest,
    controls,
    held_out,
    importances,
    scores_of,
)
from saltflow.studies.entropy.random_cells import configurations_of, read_prototype
from saltflow.studies.entropy.space import Space
from saltflow.studies.next_batch import diverse_batch, upper_bound
from saltflow.studies.relaxation.relaxed_crystals import relax_crystals

HIT = 0.75  # quantile of the trained ones that a hit is above

log = logging.getLogger(__name__)


def check_settings(settings: Mapping) -> None:
    """Refuse numbers that no study can be made with.

    Raises:
        InputError: naming the option.
    """
    for option in ("force", "steps", "budget", "batch-atoms", "md-ps", "temperature", "batch", "best"):
        key = {"force": "force_eV_A", "md-ps": "md_ps", "temperature": "temperature_K"}.get(option, option)
        if not settings[key.replace("-", "_")] > 0:
            raise InputError([f"--{option} has to be above 0; correct it."])
    if settings["train"] < FOLDS or settings["rounds"] < 0:
        raise InputError([f"--train has to be {FOLDS} or more, and --rounds 0 or more; correct them."])


@dataclass(frozen=True)
class _Cells:
    """Relaxed cells: features, (cells, features), the composition of each, (cells,), and the cells."""

    features: np.ndarray
    groups: np.ndarray
    cells: list[Atoms]


class EntropyStudy:
    """One space, one potential, one folder.

    Args:
        space: as asked.
        potential: of the engine.
        settings: force_eV_A, steps, batch_atoms, budget (most relaxations), temperature_K and md_ps (of the dynamics),
            train (compositions of the first round), rounds and batch (of those that are chosen), best (that are run
            again), potential and potential_sha256.
        folder: for the results; made where it is missing.

    Raises:
        InputError: the space needs more relaxations than the budget.
    """

    def __init__(self, space: Space, potential: MDPotential, *, settings: Mapping, folder: Path):
        if (asked := space.points * space.configurations) > settings["budget"]:
            raise InputError([f"The space has {space.points} compositions, {asked} relaxations, over --budget "
                              f"{settings['budget']}; raise it, or take larger steps."])  # fmt: skip
        self._space, self._potential, self._settings, self._folder = space, potential, settings, folder
        self._fractions, self._problems = space.fractions, {}
        self._measured: dict[int, list[float | None]] = {}  # composition → of its cells

    @property
    def jobs(self) -> str:
        """What would be computed, such as "45 compositions: 45 relaxations and 30 runs of 50 ps"."""
        space, settings = self._space, self._settings
        trained = min(space.points, settings["train"] + settings["rounds"] * settings["batch"])
        runs = (trained + 2 * settings["best"]) * space.configurations
        return (f"{space.points} compositions: {space.points * space.configurations} relaxations and about {runs} runs "
                f"of {settings['md_ps']:g} ps")  # fmt: skip

    def run(self) -> dict:
        """Relax, learn, predict, run the best again; write compositions.tsv and the figure.

        Returns:
            The record, JSON-able.

        Raises:
            SaltflowError: fewer compositions than are needed could be built, relaxed and run.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        known = self._relaxed()
        usable = np.unique(known.groups)
        if len(usable) < self._settings["train"]:
            reason = f"; the first that is not: {next(iter(self._problems.values()))}" if self._problems else ""
            raise SaltflowError(f"{len(usable)} compositions are at rest, fewer than --train {self._settings['train']}"
                                f"{reason}")  # fmt: skip
        seed, settings = self._space.seed, self._settings
        trained = np.random.default_rng(seed).permutation(usable)[: settings["train"]].tolist()
        self._measure(trained, known)
        for number in range(settings["rounds"]):
            trained += (new := self._next(known, trained))
            log.info("Round %d of %d: %s.", number + 1, settings["rounds"], ", ".join(map(self._name, new)))
            self._measure(new, known)
        features, target, groups = self._training(known, trained)
        predicted = held_out(features, target, groups, seed=seed)
        scores, control = scores_of(target, predicted, groups), controls(features, target, groups, seed=seed)
        gain, error = importances(features, target, groups, seed=seed)
        ensemble = TrainedForest(features, target, groups, seed=seed)
        means = self._of_compositions(ensemble.members(known.features).mean(axis=0), known)
        again = self._again(means, trained, known, target)
        names = [*FEATURES, *self._space.dopants]
        title = f"Held-out compositions: ρ {scores.rho:.2f}"
        plot_predictions(target, predicted, gain, error, names, self._folder / "entropy.svg", title=title)
        every = [self._name(each) for each in range(len(self._fractions))]
        table = table_text(every, means, ensemble.half_width, measured=self._measured, problems=self._problems)
        write_text(self._folder / "compositions.tsv", table)
        return {
            "jobs": self.jobs,
            "evaluated_by": self._potential.evaluated_by,
            "trained_on": [self._name(each) for each in trained],
            "held_out": asdict(scores),
            "shuffled_rho": control,
            "interval_half_width": ensemble.half_width,
            "importances": {name: [float(gain[place]), float(error[place])] for place, name in enumerate(names)},
            "run_again": again,
            "left_out": {self._name(each): problem for each, problem in self._problems.items()},
        }

    def _name(self, composition: int) -> str:
        return self._space.name_of(self._fractions[composition])

    def _relaxed(self) -> _Cells:
        """All cells that can be built and come to rest."""
        prototype, built = read_prototype(self._space), {}
        for composition, fractions in enumerate(self._fractions):
            try:
                cells = configurations_of(self._space, prototype, fractions)
                self._potential.check_elements(cells[0].numbers, composition=self._name(composition))
            except SaltflowError as problem:
                self._problems[composition] = " ".join(str(problem).split())
                continue
            built |= {(composition, number): cell for number, cell in enumerate(cells)}
        names = {f"{self._name(composition)}-{number}": (composition, number) for composition, number in built}
        given = {name: built[place] for name, place in names.items()}
        found = relax_crystals(given, self._potential, settings=self._settings, folder=self._folder / "relaxed")
        rows, groups, kept = [], [], []
        for name, cell in found.items():
            composition = names[name][0]
            if not cell.is_physical or not cell.is_converged(self._settings["force_eV_A"]):
                self._problems[composition] = f"{name} does not come to rest"
                continue
            row = features_of(
                cell.atoms, mobile=self._space.mobile, dopants=self._space.dopants, charges=prototype.charges
            )
            rows.append(row)
            groups.append(composition)
            kept.append(cell.atoms)
        return _Cells(np.nan_to_num(np.array(rows)), np.array(groups, dtype=int), kept)

    def _measure(self, compositions: Sequence[int], known: _Cells, *, attempt: int = 0) -> list[list[float | None]]:
        """log10 of the mean squared displacement in Å² of every cell of compositions; None where it was stopped."""
        folder = self._folder / ("md" if attempt == 0 else "md-again")
        folder.mkdir(exist_ok=True)
        found = []
        for count, composition in enumerate(compositions, 1):
            values = []
            for number, place in enumerate(np.flatnonzero(known.groups == composition)):
                name = f"{self._name(composition)}-{number}"
                seed = derive_seed(self._space.seed, name, attempt)
                square_A2, status = measured_A2(
                    known.cells[place], self._potential, mobile=self._space.mobile, settings=self._settings, seed=seed,
                    path=folder / f"{name}.json",
                )  # fmt: skip
                values.append(None if status != OK else float(np.log10(max(square_A2, LEAST_A2))))
                if status != OK:
                    self._problems[composition] = f"{name}: {status}"
            log.info("Dynamics, %d of %d: %s.", count, len(compositions), self._name(composition))
            found.append(values)
            if attempt == 0:
                self._measured[composition] = values
        return found

    def _training(self, known: _Cells, trained: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Features, log10 of the mean squared displacement, and compositions, of cells whose dynamics went well."""
        places, target = [], []
        for composition in trained:
            mine = np.flatnonzero(known.groups == composition)
            for place, value in zip(mine, self._measured[composition], strict=True):
                if value is not None:
                    places.append(place)
                    target.append(value)
        return known.features[places], np.array(target), known.groups[places]

    def _of_compositions(self, of_cells: np.ndarray, known: _Cells) -> dict[int, float]:
        return {int(each): float(of_cells[known.groups == each].mean()) for each in np.unique(known.groups)}

    def _next(self, known: _Cells, trained: Sequence[int]) -> list[int]:
        """Compositions to run next: promising or uncertain ones, and no two alike."""
        ensemble = TrainedForest(*self._training(known, trained), seed=self._space.seed)
        score = self._of_compositions(upper_bound(ensemble.members(known.features))[2], known)
        others = [each for each in score if each not in trained]
        chosen = diverse_batch(
            np.array([score[each] for each in others]), self._fractions[others], size=self._settings["batch"]
        )
        return [others[row] for row in chosen]

    def _again(self, means: Mapping[int, float], trained: Sequence[int], known: _Cells, target: np.ndarray) -> dict:
        """The best predictions and as many random compositions, all by new dynamics."""
        ranked, size = sorted(means, key=lambda each: -means[each]), self._settings["best"]
        best = ranked[:size]
        others = [each for each in ranked[size:] if each not in trained] or ranked[size:]
        drawn = np.random.default_rng(self._space.seed + 1).permutation(others)[:size].tolist()
        limit, found = float(np.quantile(target, HIT)), {}
        for kind, chosen in (("best", best), ("random", drawn)):
            values = [
                [value for value in each if value is not None] for each in self._measure(chosen, known, attempt=1)
            ]
            pairs = [(name, float(np.mean(own))) for name, own in zip(chosen, values, strict=True) if own]
            hits = sum(value > limit for _, value in pairs)
            found[kind] = {"compositions": {self._name(name): value for name, value in pairs}, "hits": hits,
                           "of": len(pairs)}  # fmt: skip
            found[f"{kind}_pairs"] = [(means[name], value) for name, value in pairs]
        pairs = found.pop("best_pairs") + found.pop("random_pairs")
        found |= {"hit_is_above": limit, "rho": None, "distance_to_trained": self._distance(best, trained)}
        if len(pairs) > FOLDS - 1 and np.ptp([each for each, _ in pairs]):
            rho = float(stats.spearmanr(*zip(*pairs, strict=True))[0])
            found["rho"] = [rho, *spearman_interval(rho, len(pairs))]
        return found

    def _distance(self, best: Sequence[int], trained: Sequence[int]) -> dict[str, float]:
        """Fraction of the site in which each of the best differs from the nearest trained composition."""
        return {
            self._name(each): float(exchanged(self._fractions[trained], self._fractions[each]).min()) for each in best
        }
