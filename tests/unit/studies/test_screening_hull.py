"""Hulls, windows and reactions of planted energies, whose answers are closed forms."""

import pytest

from saltflow.base.errors import SaltflowError
from saltflow.labels.energy_above_hull import energy_above_hull
from saltflow.materials.formulas import parse_formula
from saltflow.studies.screening.convex_hull import Phase, Phases
from saltflow.studies.screening.funnel import Funnel

# eV; elements have energies of their own, which every answer has to be free of.
METALS = {"Li": -1.9, "P": -5.3, "S": -4.1}
FORMATION = {"Li2S": -4.0, "P2S5": -2.0, "Li3P": -3.0, "Li3PS4": -8.0}
CHARGES = {"Li": 1, "P": 5, "S": -2}


def phase(name: str, formula: str, formation_eV: float, *, units: int = 1) -> Phase:
    amounts = {element: int(amount) for element, amount in parse_formula(formula).items()}
    energy_eV = formation_eV + sum(METALS[element] * amount for element, amount in amounts.items())
    return Phase(name, "".join(f"{element}{units * amount}" for element, amount in amounts.items()), units * energy_eV)


@pytest.fixture
def phases():
    known = [phase(element, element, 0.0, units=2) for element in METALS]
    known += [phase(formula, formula, formation_eV, units=3) for formula, formation_eV in FORMATION.items()]
    return [*known, phase("polymorph", "Li3PS4", -7.8)]


def test_energies_above_the_hull_are_those_of_the_planted_mixtures(phases):
    found = Phases(phases)
    stable = found.stability("Li3PS4", CHARGES)
    assert stable.formation_eV_atom == pytest.approx(-1.0)
    assert stable.above_hull_eV_atom == pytest.approx(-0.2 / 8)  # below its own polymorph
    metastable = found.stability("polymorph", CHARGES)
    assert metastable.above_hull_eV_atom == pytest.approx(0.2 / 8)
    assert metastable.decomposes_to == ("Li3PS4",)
    without = Phases([each for each in phases if each.name != "Li3PS4"]).stability("polymorph", CHARGES)
    assert without.above_hull_eV_atom == pytest.approx((-7.8 - 1.5 * -4.0 - 0.5 * -2.0) / 8)
    assert without.decomposes_to == ("Li2S", "P2S5")


def test_an_independent_linear_program_says_the_same(phases):
    """The hull of reference methods, which is solved by scipy."""
    for judged in phases:
        if judged.name in METALS:
            continue
        others = [each for each in phases if each is not judged]
        counts = [{name: float(number) for name, number in parse_formula(each.formula).items()} for each in others]
        crystals = [
            {"name": each.name, "counts": count, "energy_eV_atom": each.energy_eV / sum(count.values())}
            for each, count in zip(others, counts, strict=True)
        ]
        own = {name: float(number) for name, number in parse_formula(judged.formula).items()}
        expected, _ = energy_above_hull(own, judged.energy_eV / sum(own.values()), crystals)
        found = Phases(phases).stability(judged.name, CHARGES)
        assert found.above_hull_eV_atom == pytest.approx(expected, abs=1e-9)


def test_the_window_is_where_no_lithium_is_exchanged(phases):
    """Li3PS4 + 5 Li → P + 4 Li2S at (16 − 8)/5 V; Li3PS4 → 3 Li + P2S5/2 + 3/2 S at (8 − 1)/3 V."""
    found = Phases(phases)
    for name in ("Li3PS4", "polymorph"):
        assert found.window_V(name, "Li") == pytest.approx((8 / 5, 7 / 3))
    assert found.window_V("Li2S", "Li") == pytest.approx((0.0, 2.0))
    binary = Phases([phase("Li", "Li", 0.0), phase("S", "S", 0.0), phase("Li2S", "Li2S", -4.0)])
    assert binary.window_V("Li2S", "Li") == pytest.approx((0.0, 2.0))


def test_a_reaction_releases_what_its_products_are_lower_by(phases):
    found = Phases(phases)
    energy_eV, reaction = found.reaction("Li2S", "P2S5")
    assert energy_eV == pytest.approx((-8.0 - 1.5 * -4.0 - 0.5 * -2.0) / 8)  # 3/2 Li2S + 1/2 P2S5 → Li3PS4
    assert reaction.endswith("Li3PS4")
    assert found.reaction("Li3PS4", "Li2S")[0] == 0.0
    with pytest.raises(SaltflowError, match="no phase H2O is given"):
        found.reaction("Li2S", "H2O")


def test_what_the_hull_lacks_is_said(phases):
    few = Phases([each for each in phases if each.name not in ("P2S5", "P")])
    assert few.missing_elements("Li3PS4") == ["P"]
    assert few.missing_elements("Li2S") == []
    no_salt = Phases([each for each in phases if each.name != "P2S5"])
    assert no_salt.stability("Li3PS4", CHARGES).lacks == ("P-S",)
    assert Phases(phases).stability("Li3PS4", CHARGES).lacks == ()


def test_a_funnel_keeps_every_reason_and_ranks_what_is_left():
    funnel = Funnel(["a", "b", "c", "d"], potential="planted")
    funnel.pass_through("first", "not d", lambda left: {"d": "no charge"})
    for name, above in (("a", 0.04), ("b", 0.01), ("c", 0.3)):
        funnel.rows[name]["above_hull_eV_atom"] = f"{above:.4f}"
    funnel.pass_through("second", "low", lambda left: {name: "unstable" for name in left if name == "c"})
    assert [(stage["entered"], stage["passed"]) for stage in funnel.record()] == [(4, 3), (3, 2)]
    assert funnel.left == ["a", "b"]
    lines = [line.split("\t") for line in funnel.text().splitlines()]
    assert [line[0] for line in lines] == ["member", "b", "a", "c", "d"]
    assert [line[lines[0].index("status")] for line in lines[3:]] == ["unstable", "no charge"]
