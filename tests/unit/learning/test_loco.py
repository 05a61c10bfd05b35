"""Leave-one-composition-out validation: training sets without a composition, and errors from chosen numbers."""

import csv

import numpy as np
import pytest
from ase import Atoms
from mace_models import committee_of, rock_salt, save_models
from predicted_frames import prediction

from saltflow.base.errors import SaltflowError
from saltflow.learning.assessment.predictions import predict
from saltflow.learning.foundations import Foundation
from saltflow.learning.loco.figure import error_of, format_row, plot_loco
from saltflow.learning.loco.loco_errors import COLUMNS, compare, compare_committees, write_rows
from saltflow.learning.loco.training_sets import foundation_without, sets_without, without
from saltflow.learning.zero_shot import errors_zero_shot

FORCE_STD_EV_A = 0.1


# ── training sets ──────────────────────────────────────────────────────────────────────────────


def labelled(composition: str, cell: int, *, frames: int = 2) -> list[Atoms]:
    info = {"composition": composition, "lineage": f"{composition}/cell{cell}", "split": "train"}
    return [Atoms("LiCl", info=info | {"number": number}) for number in range(frames)]


def lineages(frames: list[Atoms]) -> set[str]:
    return {frame.info["lineage"] for frame in frames}


TRAIN = [frame for name in ("A", "B") for cell in range(5) for frame in labelled(name, cell)]


def test_frames_of_the_excluded_composition_leave_both_sets():
    valid = labelled("A", 8) + labelled("B", 9)
    train, validation = sets_without(TRAIN, valid, "A", valid_fraction=0.1)
    assert train == TRAIN[10:]
    assert validation == valid[2:]
    assert sets_without(TRAIN, valid, None, valid_fraction=0.1) == (TRAIN, valid)


def test_without_validation_frames_whole_cells_of_other_compositions_validate():
    train, valid = sets_without(TRAIN, labelled("A", 8), "A", valid_fraction=0.1)
    assert len(lineages(valid)) == 1
    assert not lineages(train) & lineages(valid)
    assert lineages([*train, *valid]) == {f"B/cell{cell}" for cell in range(5)}
    assert len(train) + len(valid) == 10
    assert sets_without(TRAIN, labelled("A", 8), "A", valid_fraction=0.1) == (train, valid), "the same every time"


def test_frames_of_the_excluded_composition_are_not_replayed(tmp_path):
    foundation = Foundation(tmp_path / "any.model", train=TRAIN, heldout=TRAIN)
    assert foundation_without(foundation, "A").train == TRAIN[10:]
    assert foundation_without(foundation, None) is foundation
    assert foundation_without(None, "A") is None
    assert without([Atoms("LiCl")], "A") == [Atoms("LiCl")], "structures of a file have no composition"


# ── comparison ─────────────────────────────────────────────────────────────────────────────────


def with_error(composition: str, error_eV_A: float, *, cell: int = 1, **more) -> dict:
    """A frame of two atoms: one error in every force component, a disagreement of 0.1 eV/Å."""
    reference = np.ones((2, 3))
    frame = prediction(composition, forces=reference + error_eV_A, reference=reference, lineage=f"cell{cell}", **more)
    return frame | {"force_std_eV_A": np.full(2, FORCE_STD_EV_A)}


def of_factor(composition: str, factor: float, *, cells: int = 3) -> list[dict]:
    """Held-out frames whose calibration factor is `factor`."""
    return [with_error(composition, factor * FORCE_STD_EV_A / np.sqrt(3), cell=cell) for cell in range(cells)]


KNOWN = [*of_factor("LiF", 2.0), *of_factor("LiBr", 4.0)]


def test_an_excluded_composition_takes_the_largest_factor_of_the_others():
    unknown = [*KNOWN, *of_factor("LiCl", 6.0)]
    row = compare("LiCl", unknown, of_factor("LiCl", 1.5))
    assert row["uncertainty_factor"] == pytest.approx(4.0)
    assert row["z_std"] == pytest.approx(6.0 / 4.0)
    assert row["force_ratio"] == pytest.approx(4.0)
    assert row["force_rmse_without_meV_A"] == pytest.approx(600 / np.sqrt(3))
    assert row["force_rmse_with_meV_A"] == pytest.approx(150 / np.sqrt(3))
    assert (row["heldout_frames"], row["heldout_cells"], row["seen_by_ancestors"]) == (3, 3, None)
    assert row["flags"] == "z_std outside 0.85 to 1.15"
    assert tuple(row) == COLUMNS


def test_the_error_of_the_ratio_is_that_of_both_committees_on_the_same_cells():
    """Of two cells the jackknife is half the difference of their logarithms; a common factor cancels."""
    for scale in ((1.0, 1.0), (1.0, 5.0)):
        known = [with_error("LiCl", 0.01 * size, cell=cell) for cell, size in enumerate(scale)]
        steady = [with_error("LiCl", 0.03 * size, cell=cell) for cell, size in enumerate(scale)]
        row = compare("LiCl", [*KNOWN, *steady], known)
        assert (row["force_ratio"], row["force_ratio_err"]) == (pytest.approx(3.0), pytest.approx(0.0, abs=1e-9))
    uneven = [with_error("LiCl", error, cell=cell) for cell, error in enumerate((0.02, 0.04))]
    row = compare("LiCl", uneven, [with_error("LiCl", 0.01, cell=cell) for cell in range(2)])
    assert row["force_ratio"] == pytest.approx(np.sqrt((4 + 16) / 2))
    assert row["force_ratio_err"] == pytest.approx(row["force_ratio"] * np.log(4 / 2) / 2)


def test_flags_of_a_row():
    one = compare(
        "LiCl", [*KNOWN, *of_factor("LiCl", 4.0, cells=1)], of_factor("LiCl", 1.0, cells=1), seen_by_ancestors=["base"]
    )
    assert one["flags"] == "the foundation was trained on it; fewer than 3 held-out cells"
    assert (one["seen_by_ancestors"], one["force_ratio_err"]) == ("base", None)
    frames = [*KNOWN, *of_factor("LiCl", 4.0)]
    single = [each | {"force_std_eV_A": np.zeros(2)} for each in frames]
    row = compare("LiCl", single, of_factor("LiCl", 1.0))
    assert (row["uncertainty_factor"], row["z_std"]) == (None, None)
    assert row["flags"] == "the uncertainty is not calibrated"
    still = [each | {"reference_forces_eV_A": np.zeros((2, 3))} for each in of_factor("LiCl", 0.0)]
    perfect = [each | {"forces_eV_A": np.full((2, 3), 1e-5), "force_std_eV_A": np.zeros(2)} for each in still]
    row = compare("LiCl", [*KNOWN, *perfect], perfect)
    assert (row["force_ratio"], row["z_std"], row["uncertainty_factor"]) == (None, None, pytest.approx(4.0))
    assert row["flags"] == (
        "no force error to compare: forces vanish by symmetry, or an error is zero; "
        "the committee has no disagreement there"
    )
    nothing = compare("LiCl", KNOWN, [])
    assert (nothing["flags"], nothing["heldout_frames"]) == ("no held-out frame has a label", 0)
    assert nothing["force_ratio"] is None


def test_each_committee_predicts_the_composition_that_it_excluded(tmp_path):
    """A composition labelled by the model that excluded it is predicted without error by that model alone."""
    paths = save_models(tmp_path, seeds=(1, 2), hidden="4x0e", max_ell=1, correlation=1)
    released, other = (committee_of([path]) for path in paths)
    frames = []
    for index, name in enumerate(("A", "B", "A")):
        frame = rock_salt(repeats=(1, 1, 2), rattle_A=0.15, seed=index)
        frame.info |= {"composition": name, "lineage": f"{name}/{index}", "REF_energy": 0.0}
        frame.set_array("REF_forces", np.zeros((len(frame), 3)))
        (found,) = predict([frame], other)
        frame.info |= {"REF_energy": found["energy_eV_atom"] * len(frame), "REF_stress": found["stress_eV_A3"]}
        frame.arrays["REF_forces"][:] = found["forces_eV_A"]
        frames.append(frame)
    seen = {"A": [], "B": ["base"]}
    row, again = compare_committees(frames, released, [("A", other), ("B", released)], seen_by_ancestors=seen)
    assert [row["composition"], again["composition"]] == ["A", "B"]
    assert (row["heldout_frames"], again["heldout_frames"]) == (2, 1)
    for key in ("force_rmse_without_meV_A", "energy_rmse_without_meV_atom", "stress_rmse_without_MPa"):
        assert row[key] == pytest.approx(0, abs=1e-6)
        assert row[key.replace("without", "with")] > 0.1
    assert again["force_ratio"] == pytest.approx(1.0)
    assert again["force_rmse_without_meV_A"] == again["force_rmse_with_meV_A"] > 1
    calibration = {"pooled": {"factor": 2.0}, "compositions": {}}
    (zero_shot,) = errors_zero_shot(frames, released, calibration, compositions=["A"]).values()
    assert zero_shot["frames"] == 2
    assert zero_shot["force_rmse_meV_A"] == pytest.approx(row["force_rmse_with_meV_A"])
    frames[0].numbers[0] = 92
    with pytest.raises(SaltflowError, match="A: the potential does not know U"):
        compare_committees(frames, released, [("A", other)], seen_by_ancestors={"A": []})


# ── table and figure ───────────────────────────────────────────────────────────────────────────


def rows() -> list[dict]:
    unknown = [*KNOWN, *of_factor("LiCl", 6.0), *of_factor("LiI", 3.0, cells=1)]
    return [
        compare("LiCl", unknown, of_factor("LiCl", 3.0)),
        compare("LiI", unknown, of_factor("LiI", 2.0, cells=1), seen_by_ancestors=["base", "other"]),
        compare("LiAt", unknown, []),
    ]


def test_the_table_holds_every_row_and_a_dash_where_nothing_is_known(tmp_path):
    write_rows(rows(), tmp_path / "loco.tsv")
    with (tmp_path / "loco.tsv").open() as handle:
        first, second, last = csv.DictReader(handle, delimiter="\t")
    assert tuple(first) == COLUMNS
    assert float(first["force_ratio"]) == pytest.approx(2.0, abs=1e-5)
    assert (first["seen_by_ancestors"], second["seen_by_ancestors"]) == ("-", "base other")
    assert (second["force_ratio_err"], last["z_std"], last["heldout_frames"]) == ("-", "-", "0")


def test_the_figure_has_a_line_for_every_composition_with_held_out_frames(tmp_path):
    plot_loco(rows(), tmp_path / "loco.svg", title="potential salts")
    text = (tmp_path / "loco.svg").read_text()
    assert "LiI *" in text
    assert "LiAt" not in text
    first, second, last = rows()
    assert format_row(first) == "2.00 ± 0.00, 1.50"
    assert format_row(second) == "1.50, 0.50"
    assert format_row(last) == "?, ?"
    assert error_of(first | {"force_ratio_err": 0.5}) == pytest.approx(0.5 * 300 / np.sqrt(3))
    assert np.isnan(error_of(second))
    plot_loco(rows()[2:], tmp_path / "none.svg", title="potential salts")
    assert "has a held-out frame" in (tmp_path / "none.svg").read_text()
