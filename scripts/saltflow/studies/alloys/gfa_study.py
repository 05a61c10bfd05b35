"""Glass-forming ability from composition: validated predictions, a replayed search, and the next alloys to make."""

from collections.abc import Callable, Mapping
from math import comb
from pathlib import Path

from saltflow.base.errors import InputError, SaltflowError
from saltflow.studies.alloys.alloy_strings import parse_alloy
from saltflow.studies.alloys.alloy_table import AlloyTable
from saltflow.studies.alloys.element_properties import properties_of
from saltflow.studies.alloys.gfa_figures import plot_calibration, plot_parity, plot_precision_recall
from saltflow.studies.alloys.held_out_folds import BY_SYSTEM
from saltflow.studies.alloys.search import predict_alloys, propose_alloys, replay_search
from saltflow.studies.alloys.validation import CLASS_OF_ALLOY, DIAMETER_OF_ALLOY, validate

SMALLEST_CASTING_mm = 0.1  # at most: in collections 0 and 0.1 stand for crystals and ribbons, and were not measured
MOST_CANDIDATES = 20_000
OK = "ok"


def check_settings(settings: Mapping) -> None:
    """Refuse settings that mean nothing.

    Raises:
        InputError: naming the option.
    """
    problems = []
    elements = settings["propose"]
    if elements and (len(set(elements)) != len(elements) or not 2 <= len(elements) <= 4):
        problems.append("--propose takes two to four different elements; give such as Zr-Al-Cu.")
    for symbol in elements:
        try:
            properties_of(symbol)
        except InputError as error:
            problems.append(f"--propose: {error}")
    if not 1 <= settings["step"] <= 25:
        problems.append("--step has to be from 1 to 25 at.%; correct it.")
    elif elements and comb(round(100 / settings["step"]) - 1, len(elements) - 1) > MOST_CANDIDATES:
        problems.append(f"--step {settings['step']:g} makes more than {MOST_CANDIDATES} alloys; give a larger one.")
    if settings["batch"] < 1 or settings["repeats"] < 2:
        problems.append("--batch has to be at least 1 and --repeats at least 2; correct them.")
    if problems:
        raise InputError(problems)


def study_glass_forming(
    table: AlloyTable, *, settings: Mapping, folder: Path, say: Callable[[str], None]
) -> dict[str, object]:
    """Validate what the table allows, predict and propose alloys; what the folder holds is not computed again.

    Args:
        table: of `read_alloys`.
        settings: seed; imbalance; predict (alloys as written); of the search propose (symbols, none for no search),
            step (at.%), batch, repeats.
        folder: for numbers and figures; it exists.
        say: tells of progress.

    Returns:
        The record, JSON-able: counts, classes, diameters, and what was asked of predictions, proposals and replay. A
        part that the table does not allow has its reason as status.

    Raises:
        InputError: an alloy to predict is none.
        SaltflowError: nothing can be predicted.
    """
    asked = [parse_alloy(text) for text in settings["predict"]]
    for symbol in {symbol for alloy in asked for symbol in alloy.fractions}:
        properties_of(symbol)
    seed, classed = settings["seed"], table.chosen(table.classes != "")
    record: dict[str, object] = {
        "counts": dict(table.counts),
        "classes": _attempt(lambda: _validated_classes(classed, seed=seed, folder=folder, say=say)),
        "diameters": _attempt(lambda: _validated_diameters(table, seed=seed, folder=folder, say=say)),
    }
    statuses = {name: record[name]["status"] for name in ("classes", "diameters")}
    if OK not in statuses.values():
        reasons = "; ".join(f"{name}: {status}" for name, status in statuses.items())
        raise SaltflowError(f"The table allows no prediction. {reasons}")
    if statuses["classes"] != OK and (asked or settings["propose"]):
        raise SaltflowError(f"--predict and --propose need classes. {statuses['classes']}")
    if asked:
        record["predictions"] = predict_alloys(classed, asked, settings=settings)
    if settings["propose"]:
        record["proposals"] = propose_alloys(classed, settings=settings, folder=folder)
        record["replay"] = _attempt(lambda: replay_search(classed, settings=settings, folder=folder, say=say))
    return record


def _attempt(make: Callable[[], dict]) -> dict:
    try:
        return {"status": OK} | make()
    except SaltflowError as error:
        return {"status": str(error)}


def _validated_classes(table: AlloyTable, *, seed: int, folder: Path, say: Callable[[str], None]) -> dict:
    if len(set(table.classes.tolist())) < 2:
        raise SaltflowError("Alloys of two classes are needed; add a column Class.")
    runs, scores = validate(table, CLASS_OF_ALLOY, seed=seed, folder=folder / "kept", say=say)
    title = f"{len(table.alloys)} alloys"
    plot_precision_recall(runs, folder / "precision_recall.svg", title=title)
    plot_calibration(scores[BY_SYSTEM], folder / "calibration.svg", title=f"{title}, alloy systems held out")
    return scores


def _validated_diameters(table: AlloyTable, *, seed: int, folder: Path, say: Callable[[str], None]) -> dict:
    cast = table.chosen(table.diameters_mm > SMALLEST_CASTING_mm)
    if not cast.alloys:
        raise SaltflowError(f"No alloy has a diameter above {SMALLEST_CASTING_mm:g} mm; add a column Dmax.")
    runs, scores = validate(cast, DIAMETER_OF_ALLOY, seed=seed, folder=folder / "kept", say=say)
    plot_parity(runs, scores, folder / "diameters.svg", title=f"{len(cast.alloys)} alloys cast as glass")
    return scores
