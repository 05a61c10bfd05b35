"""Glass-forming ability on the collection of Xiong et al. (Materials & Design 187, 108378): classes and diameters.

Alloy systems held out is the honest division, a random one stands beside it. A treatment of imbalance helps where the
95 % interval over systems of what it changes excludes 0. Shuffled classes must be told no better than chance.
Diameters: beside our features, a random forest on Tg, Tx and Tl, the features of arXiv 2107.14157, for alloys that have
all three. Search: Zr-Al-Cu, and every system of 15 alloys or more with two bulk glasses and two others.

usage: python benchmarks/alloys/run.py [--folder build/alloys]
"""

import argparse
import csv
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "scripts"))

import numpy as np  # noqa: E402
from sklearn.ensemble import RandomForestRegressor  # noqa: E402

from saltflow.base.errors import SaltflowError  # noqa: E402
from saltflow.studies.alloys.alloy_strings import parse_alloy  # noqa: E402
from saltflow.studies.alloys.alloy_table import BMG, AlloyTable, read_alloys  # noqa: E402
from saltflow.studies.alloys.class_scores import average_precision_gain  # noqa: E402
from saltflow.studies.alloys.composition_features import features_of  # noqa: E402
from saltflow.studies.alloys.diameter_scores import rmse_change, score_diameters  # noqa: E402
from saltflow.studies.alloys.forests import held_out_diameters  # noqa: E402
from saltflow.studies.alloys.gfa_lines import lines_of  # noqa: E402
from saltflow.studies.alloys.gfa_study import SMALLEST_CASTING_mm, study_glass_forming  # noqa: E402
from saltflow.studies.alloys.held_out_folds import AT_RANDOM, BY_SYSTEM, folds_of  # noqa: E402
from saltflow.studies.alloys.search import replay_search  # noqa: E402
from saltflow.studies.alloys.validation import CLASS_OF_ALLOY, validate  # noqa: E402

DATA = REPOSITORY.parent / "shared/data/metallic_glass"
SEED, TREES = 1, 200
SEARCH = {"step": 2.0, "batch": 8, "imbalance": "none", "seed": SEED, "predict": []}
FEWEST_ALLOYS, RESAMPLES = 15, 5000


def temperatures() -> dict[str, list[float]]:
    """Formula → Tg, Tx, Tl in K."""
    found = {}
    with open(DATA / "CTT.csv") as handle:
        for row in csv.DictReader(handle):
            try:
                found[parse_alloy(row["Alloy"]).formula] = [float(row[name]) for name in ("Tg", "Tx", "Tl")]
            except (SaltflowError, ValueError):
                continue
    return found


def compare_diameters(table: AlloyTable) -> None:
    """Print the errors of both sets of features for alloys with Tg, Tx, Tl and diameter."""
    known = temperatures()
    has_both = [alloy.formula in known for alloy in table.alloys] & (table.diameters_mm > SMALLEST_CASTING_mm)
    cast = table.chosen(has_both)
    measured = np.array([known[alloy.formula] for alloy in cast.alloys])
    composed = features_of(cast.fractions, cast.elements)
    about = {"systems": cast.systems, "fractions": cast.fractions, "elements": cast.elements, "seed": SEED}
    for division in (BY_SYSTEM, AT_RANDOM):
        folds = folds_of(division, systems=cast.systems, dates=cast.dates, seed=SEED)
        published = np.empty(len(measured))
        for train, test in folds:
            forest = RandomForestRegressor(TREES, random_state=SEED).fit(measured[train], cast.diameters_mm[train])
            published[test] = forest.predict(measured[test])
        ours = held_out_diameters(composed, cast.diameters_mm, cast.fractions, folds, treatment="none", seed=SEED)
        change = rmse_change(cast.diameters_mm, ours, published, systems=cast.systems, seed=SEED)
        print("composition less Tg, Tx, Tl: {value:+.2f} [{low:+.2f}, {high:+.2f}] mm".format(**change))
        for name, predicted in (("Tg, Tx, Tl", published), ("composition", ours)):
            scores = score_diameters(cast.diameters_mm, predicted, **about)
            found = "RMSE {value:.2f} [{low:.2f}, {high:.2f}] mm".format(**scores["rmse_mm"])
            print(
                f"{len(measured)} alloys by {name}, held out by {division}: {found}, spread {scores['spread_mm']:.2f}"
            )


def compare_treatments(table: AlloyTable, folder: Path) -> None:
    """Print what treatments change for bulk glasses among ternaries: alloys of more elements are all bulk glasses."""
    runs, _ = validate(table, CLASS_OF_ALLOY, seed=SEED, folder=folder, say=lambda _: None)
    ternary = (table.fractions > 0).sum(axis=1) == 3
    for run in runs:
        if run.division != BY_SYSTEM or run.treatment == "shuffled":
            continue
        rows = ternary[run.rows]
        truth, told, systems = run.truth[rows], run.predicted[rows], table.systems[run.rows][rows]
        if run.treatment == "none":
            untreated = told
            continue
        gain = average_precision_gain(truth, told, untreated, systems=systems, seed=SEED)[BMG]
        print("ternaries, {}: {value:+.3f} [{low:+.3f}, {high:+.3f}], {verdict}".format(run.treatment, **gain))


def search_everywhere(table: AlloyTable, folder: Path) -> None:
    """Print the gain of the search in every system that is large enough, and its mean over systems."""
    systems, sizes = np.unique(table.systems, return_counts=True)
    gains: dict[str, list[float]] = {}
    for system, size in zip(systems, sizes, strict=True):
        glasses = int(np.sum(table.classes[table.systems == system] == BMG))
        if size < FEWEST_ALLOYS or not 2 <= glasses <= size - 2:
            continue
        settings = SEARCH | {"propose": system.split("-"), "repeats": 1}
        (folder / system).mkdir(parents=True, exist_ok=True)
        found = replay_search(table, settings=settings, folder=folder / system, say=lambda _: None)
        line = ", ".join(f"{name} {gain['value']:+.2f}" for name, gain in found["gains"].items())
        print(f"  {system}: {found['alloys']} alloys, {found['glasses']} bulk glasses: {line}", flush=True)
        for name, gain in found["gains"].items():
            gains.setdefault(name, []).append(gain["value"] / found["glasses"])
    random = np.random.default_rng(SEED)
    for name, values in gains.items():
        means = np.array(values)[random.integers(0, len(values), (RESAMPLES, len(values)))].mean(axis=1)
        low, high = np.percentile(means, [2.5, 97.5])
        print(f"{name}, of all bulk glasses, {len(values)} systems: {np.mean(values):+.3f} [{low:+.3f}, {high:+.3f}]")


def main() -> None:
    if not DATA.is_dir():
        raise SystemExit("shared/data/metallic_glass is absent: nothing to measure.")
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "build/alloys", help="For what is finished.")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    table = read_alloys([DATA / "GFA.csv", DATA / "Dmax.csv"])
    print(table.counts)
    settings = SEARCH | {"propose": ["Zr", "Al", "Cu"], "repeats": 20}
    for line in lines_of(study_glass_forming(table, settings=settings, folder=folder, say=print)):
        print(line, flush=True)
    classed = table.chosen(table.classes != "")
    compare_treatments(classed, folder / "kept")
    compare_diameters(table)
    search_everywhere(classed, folder / "systems")


if __name__ == "__main__":
    main()
