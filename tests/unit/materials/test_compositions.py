"""The shipped catalogue is physical, and every bad row gives a sentence."""

import itertools
import os
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
from pymatgen.core import Composition as PymatgenComposition

from saltflow.base.errors import InputError
from saltflow.campaign.potentials_table import read_potentials
from saltflow.materials.compositions import (
    COLUMNS,
    Composition,
    FormulaRounding,
    counts,
    formula_units_for,
    parse_formula,
    read_compositions,
    salts,
)
from saltflow.materials.formulas import host_and_salts, parse_oxidation_states, parse_salts, total_charge
from saltflow.materials.ions.radii import ionic_radius_A
from saltflow.materials.nearest_formula import nearest_formula

CONFIG = Path(__file__).parents[3] / "config"
GOOD = {
    "id": "0.5Li2O+0.75LiCl-ZrCl4",
    "formula": "Li1.75ZrO0.5Cl4.75",
    "host": "ZrCl4",
    "salt": "0.5 Li2O + 0.75 LiCl",
    "mobile_ion": "Li",
    "oxidation_states": "Li:+1 Zr:+4 O:-2 Cl:-1",
    "family": "solid dissociation",
    "potential": "Zr-chloride",
    "start": "pack",
    "density_g_cm3": "2.08",
    "density_basis": "packing model",
    "sigma_mS_cm": "2.42",
    "sigma_temperature_C": "25",
    "sigma_origin": "read",
    "Ea_eV": "-",
    "Ea_origin": "-",
    "source": "Hu et al.",
    "note": "-",
}


@pytest.fixture(scope="module")
def catalogue() -> dict[str, Composition]:
    potentials = read_potentials(CONFIG / "potentials.tsv", references=["pbe-d3"])
    return read_compositions(CONFIG / "compositions.tsv", potentials=potentials)


@pytest.fixture
def write_table(tmp_path):
    def write(*rows: dict[str, str], columns=COLUMNS) -> Path:
        lines = ["\t".join(columns), *("\t".join({**GOOD, **row}[name] for name in columns) for row in rows)]
        table = tmp_path / "compositions.tsv"
        table.write_text("\n".join(lines) + "\n")
        return table

    return write


def problems_of(table: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        read_compositions(table, potentials=["Ta-chloride", "Zr-chloride"])
    return caught.value.problems


# The shipped catalogue


def test_catalogue_size_and_starts(catalogue):
    starts = Counter(composition.start for composition in catalogue.values())
    assert starts == {"pack": 112, "none": 20}


def test_catalogue_is_neutral(catalogue):
    assert {total_charge(row.amounts, row.oxidation_states) for row in catalogue.values()} == {0}


def test_formula_parser_agrees_with_pymatgen(catalogue):
    for composition in catalogue.values():
        expected = PymatgenComposition(composition.formula).get_el_amt_dict()
        assert {symbol: float(amount) for symbol, amount in composition.amounts.items()} == pytest.approx(
            expected, abs=1e-4
        )
        assert list(composition.amounts) == list(expected)


def test_host_and_salts_hold_the_atoms_of_the_formula(catalogue):
    dissolved = [composition for composition in catalogue.values() if composition.host]
    assert len(dissolved) == 85
    for composition in dissolved:
        total: Counter[str] = Counter()
        for coefficient, formula in [(Fraction(1), composition.host), *salts(composition)]:
            for symbol, amount in PymatgenComposition(formula).get_el_amt_dict().items():
                total[symbol] += coefficient * Fraction(amount)
        assert total == composition.amounts


@pytest.mark.parametrize("atoms", [1, 60, 1300])
def test_cells_of_the_catalogue_are_whole_and_neutral(catalogue, atoms):
    for composition in catalogue.values():
        formula_units = formula_units_for(composition, atoms=atoms)
        cell = counts(composition, formula_units)
        assert sum(cell[symbol] * state for symbol, state in composition.oxidation_states.items()) == 0
        assert all((coefficient * formula_units).denominator == 1 for coefficient, _ in salts(composition))


def test_oxyhalide_cell_is_the_published_one(catalogue):
    """62 x A4M4X10O3 = 1302 atoms (arXiv:2601.06384 works with about 1300)."""
    oxyhalides = [composition for composition in catalogue.values() if composition.family == "AMX2.5O0.75"]
    assert len(oxyhalides) == 27
    for composition in oxyhalides:
        assert formula_units_for(composition, atoms=1300) == 248
        assert sum(counts(composition, 248).values()) == 1302


def test_values_only_recalled_say_so(catalogue):
    """The conductivity of LiAlCl2.5O0.75 was recalled, its activation energy read."""
    composition = catalogue["LiAlCl2.5O0.75"]
    assert (composition.sigma_mS_cm, composition.sigma_origin) == (1.5, "recalled")
    assert (composition.Ea_eV, composition.Ea_origin) == (0.33, "read")
    assert catalogue["1.6Li2O-TaCl5"].sigma_origin == "recalled"
    assert "that it belongs to x = 1.6 is recalled" in catalogue["1.6Li2O-TaCl5"].note
    assert all(composition.source for composition in catalogue.values())


def test_identity_is_plain_and_survives_a_round_trip(catalogue):
    for composition in catalogue.values():
        identity = composition.identity()
        assert {type(value) for value in identity.values()} <= {str, float, dict}
        restored = Composition.from_identity(identity)
        assert restored.identity() == identity
        assert restored.amounts == composition.amounts
        assert "source" not in identity


# Formulas and cells


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("LiAlO0.75Cl2.5", {"Li": 1, "Al": 1, "O": Fraction(3, 4), "Cl": Fraction(5, 2)}),
        ("P0.3333O1.3333", {"P": Fraction(1, 3), "O": Fraction(4, 3)}),
        ("Li0.1429", {"Li": Fraction(1, 7)}),
        ("Li0.13Cl", {"Li": Fraction(13, 100), "Cl": 1}),
        ("CoCO", {"Co": 1, "C": 1, "O": 1}),
        ("LiTaOCl3Cl", {"Li": 1, "Ta": 1, "O": 1, "Cl": 4}),
    ],
)
def test_parse_formula(text, amounts):
    assert parse_formula(text) == amounts


@pytest.mark.parametrize(
    ("text", "flat"),
    [
        ("Li2(SO4)", "Li2SO4"),
        ("Li1.5Al0.5Ti1.5(PO4)3", "Li1.5Al0.5Ti1.5P3O12"),
        ("Li2[Zr(Cl4)]0.5", "Li2Zr0.5Cl2"),
        ("{(NH4)2}SO4", "N2H8SO4"),
        ("LiCl·2H2O", "LiClH4O2"),
        ("LiCl • 0.5D2O", "LiClHO0.5"),
        ("Ca(NO3)2*4H2O", "CaN2O10H8"),
        ("LiCl.H2O", "LiClH2O"),
        ("Li₃PO₄", "Li3PO4"),
        ("Li₀.₅Cl", "Li0.5Cl"),
        ("CaSO₄·½H₂O", "CaSO4.5H"),
        ("LiOD", "LiOH"),
    ],
)
def test_brackets_hydrates_subscripts_and_deuterium(text, flat):
    assert parse_formula(text) == parse_formula(flat)


@pytest.mark.parametrize(
    "text",
    ["", "li2O", "Li2(SO4", "Li2SO4)", "Li2(SO4]", "Li()", "Li 2O", "Li-1Cl", "Li1.Cl", "2LiCl", "LiCl·", "Li3-xPS4"],
)
def test_parse_formula_refuses_what_is_none(text):
    with pytest.raises(InputError, match="is not a formula"):
        parse_formula(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Li0,5TaCl5", "decimal comma; write Li0.5TaCl5"),
        ("CuSO4.5H2O", "may be a decimal or a hydrate"),
        ("LiX", "'X' is not an element"),
    ],
)
def test_what_can_be_read_in_two_ways_is_named(text, words):
    with pytest.raises(InputError, match=words):
        parse_formula(text)


@pytest.mark.parametrize(
    ("text", "states"),
    [
        ("Li:+1 Fe:+2.5 O:-2", {"Li": 1, "Fe": 2.5, "O": -2}),
        ("Fe:+2.6667 O:-2", {"Fe": 8 / 3, "O": -2}),
        ("Li:+1.0 D:+1", {"Li": 1, "H": 1}),
    ],
)
def test_mixed_valence(text, states):
    found = parse_oxidation_states(text)
    assert found == states
    assert all(isinstance(found[symbol], type(state)) for symbol, state in states.items())


def test_magnetite_is_neutral_with_its_mean_valence():
    assert total_charge(parse_formula("Fe3O4"), parse_oxidation_states("Fe:+2.6667 O:-2")) == 0


@pytest.mark.parametrize("text", ["Fe:+2,5 O:-2", "Fe:+2 Fe:+3 O:-2", "Fe:+2/+3"])
def test_wrong_oxidation_states_are_refused(text):
    with pytest.raises(InputError, match=r"decimal comma|twice|such as 'Li:\+1"):
        parse_oxidation_states(text)


def test_a_mixed_valence_has_a_radius_between():
    assert ionic_radius_A("Fe", 2) > ionic_radius_A("Fe", 2.5) > ionic_radius_A("Fe", 3)


# Decimal stoichiometries


LLTO = {"formula": "Li0.333La0.557TiO3", "host": "-", "salt": "-", "oxidation_states": "Li:+1 La:+3 Ti:+4 O:-2"}


def test_the_nearest_formula_is_neutral_whole_and_as_near_as_any():
    """All whole numbers of up to 60 atoms are tried in another way."""
    amounts, states = parse_formula("Li0.33La0.56TiO3"), {"Li": 1, "La": 3, "Ti": 4, "O": -2}
    nearest = nearest_formula(amounts, states, atoms=60)
    assert sum(nearest.counts.values()) <= 60
    assert sum(states[symbol] * count for symbol, count in nearest.counts.items()) == 0
    changes = []
    for units in range(1, 13):
        for lithium, lanthanum, titanium in itertools.product(range(1, 10), range(1, 13), range(units - 1, units + 2)):
            charge = lithium + 3 * lanthanum + 4 * titanium
            if charge % 2 or titanium < 1 or lithium + lanthanum + titanium + charge // 2 > 60:
                continue
            counts = (lithium, lanthanum, titanium, charge // 2)
            wanted = [float(units * amount) for amount in amounts.values()]
            changes.append(max(abs(count / exact - 1) for count, exact in zip(counts, wanted, strict=True)))
    assert min(changes) <= nearest.largest_change <= 2 * min(changes)


def test_a_decimal_stoichiometry_names_its_nearest_formula_until_it_is_confirmed(write_table):
    rounding = FormulaRounding(atoms=300, largest_change=0.0)
    with pytest.raises(InputError, match=r"Li3La5Ti9O27 \(Li \+0.1 %, La -0.26 %\).*cells.formula_rounding: 0.0026"):
        read_compositions(write_table(LLTO), potentials=["Zr-chloride"], rounding=rounding)
    confirmed = FormulaRounding(atoms=300, largest_change=0.0026)
    found = read_compositions(write_table(LLTO), potentials=["Zr-chloride"], rounding=confirmed)[GOOD["id"]]
    assert found.formula == "Li3La5Ti9O27"
    assert "rounded from Li0.333La0.557TiO3" in found.note
    assert sum(counts(found, formula_units_for(found, atoms=300)).values()) == 308


def test_a_wrong_charge_is_no_rounding(write_table):
    wrong = {**LLTO, "formula": "Li0.333La0.777TiO3"}
    with pytest.raises(InputError, match=r"the charges add up to \+0.664 e"):
        read_compositions(
            write_table(wrong), potentials=["Zr-chloride"], rounding=FormulaRounding(atoms=300, largest_change=0.5)
        )


def test_no_row_of_the_catalogue_is_rounded(catalogue):
    potentials = [row.potential for row in catalogue.values()]
    rounding = FormulaRounding(atoms=300, largest_change=0.0)
    again = read_compositions(CONFIG / "compositions.tsv", potentials=potentials, rounding=rounding)
    assert {name: row.formula for name, row in again.items()} == {name: row.formula for name, row in catalogue.items()}


def test_peroxide_adds_up():
    assert host_and_salts("TaCl5", parse_salts("0.5 Li2O2")) == parse_formula("LiTaOCl5")


def composition_of(**changes: str) -> Composition:
    row = {**GOOD, **changes}
    return Composition.from_identity(
        {name: row[name] for name in ("id", "formula", "host", "salt", "mobile_ion", "start")}
        | {"oxidation_states": {"Li": 1}, "density_g_cm3": 2.0}
    )


def test_formula_units_make_the_salt_whole_too():
    """0.5 Li2O2 per host: the elements alone would allow one formula unit, whole salts need two."""
    peroxide = composition_of(formula="LiTaOCl5", host="TaCl5", salt="0.5 Li2O2")
    assert formula_units_for(peroxide, atoms=1) == 2
    assert formula_units_for(peroxide, atoms=9 * 8) == 8


def test_formula_units_are_the_nearest():
    mixture = composition_of()  # 8 atoms per formula unit, in steps of 4 formula units = 32 atoms
    nearest = {atoms: formula_units_for(mixture, atoms=atoms) for atoms in (1, 32, 48, 49, 80, 81, 96)}
    assert nearest == {1: 4, 32: 4, 48: 4, 49: 8, 80: 8, 81: 12, 96: 12}


def test_counts_refuse_fractions_of_atoms():
    with pytest.raises(InputError, match="fraction of an atom of Li, O, Cl; take a multiple of 4"):
        counts(composition_of(), 3)


# Bad input


def test_good_row_is_read(write_table):
    composition = read_compositions(write_table({}), potentials=["Zr-chloride"])[GOOD["id"]]
    assert composition.sigma_mS_cm == 2.42
    assert composition.Ea_eV is None
    assert composition.note == ""
    assert salts(composition) == [(Fraction(1, 2), "Li2O"), (Fraction(3, 4), "LiCl")]


BAD_CELLS = [
    ({"id": "a/b"}, "column id: 'a/b' is not a safe folder name; use letters"),
    ({"id": "a..b"}, "column id: 'a..b' is not a safe folder name"),
    ({"id": "a;b"}, "column id: 'a;b' is not a safe folder name"),
    ({"id": "a b"}, "column id: 'a b' is not a safe folder name"),
    ({"id": ".hidden"}, "column id: '.hidden' is not a safe folder name"),
    ({"id": "Summary"}, "column id: 'Summary' is a reserved word; choose another"),
    ({"id": "potentials"}, "column id: 'potentials' is a reserved word"),
    ({"id": "-"}, "line 2, column id: the name is empty; give one"),
    ({"formula": "Li1.75XxO0.5Cl4.75"}, "column formula: 'Xx' is not an element; correct the symbol"),
    ({"formula": "-"}, "column formula: '' is not a formula"),
    (
        {"formula": "Li1.75ZrO0.5Cl4.75F0"},
        "column formula: the amount of F in 'Li1.75ZrO0.5Cl4.75F0' is zero",
    ),
    (
        {"oxidation_states": "Li:+1 Zr:+4 Cl:-1"},
        "column oxidation_states: the oxidation state of O is missing; add it",
    ),
    (
        {"oxidation_states": "Li:+1 Zr:+4 O:-2 Cl:-1 S:-2"},
        "column oxidation_states: S is not in 'Li1.75ZrO0.5Cl4.75'",
    ),
    (
        {"oxidation_states": "Li+1"},
        "column oxidation_states: 'Li+1' is not a list of oxidation states; write it",
    ),
    (
        {"oxidation_states": "Li:+1 Zr:+4 O:-2 Cl:-1 Cl:-1"},
        "column oxidation_states: an element appears twice",
    ),
    (
        {"oxidation_states": "Li:+1 Zr:+5 O:-2 Cl:-1"},
        "column oxidation_states: the charges add up to +1 e per formula unit, not 0; correct",
    ),
    (
        {"mobile_ion": "Na"},
        "column mobile_ion: 'Na' is not in the formula 'Li1.75ZrO0.5Cl4.75'; name one of Li",
    ),
    ({"mobile_ion": "-"}, "column mobile_ion: no element is named; name one of Li, Zr, O, Cl"),
    (
        {"potential": "Zr-chlorid"},
        "column potential: 'Zr-chlorid' is not in potentials.tsv; name one of Ta-chloride, Zr-chlo",
    ),
    ({"potential": "-"}, "column potential: a simulated composition needs one; name one of Ta-chloride"),
    ({"start": "packed"}, "packed' does not exist; write 'pack', 'none' or a structure file"),
    ({"start": "-"}, "column start: the cell is empty; write 'pack', 'none' or a structure file"),
    ({"density_g_cm3": "-1.7"}, "column density_g_cm3: '-1.7' is not a positive number"),
    ({"density_g_cm3": "1,7"}, "column density_g_cm3: '1,7' is not a positive number"),
    ({"density_g_cm3": "nan"}, "column density_g_cm3: 'nan' is not a positive number"),
    ({"density_g_cm3": "0.2"}, "column density_g_cm3: 0.2 g/cm3 is no density of a solid; write one from 0.3 to 25"),
    ({"density_g_cm3": "2080"}, "column density_g_cm3: 2080 g/cm3 is no density of a solid"),
    ({"density_g_cm3": "-"}, "column density_g_cm3: an empty cell is not a positive number"),
    (
        {"density_basis": "measured"},
        "column density_basis: 'measured' is unknown; write one of 'packing model'",
    ),
    (
        {"host": "TaCl5"},
        "column salt: host and salt do not add up to the formula (Zr 0 instead of 1, Cl 5.75 instead",
    ),
    (
        {"host": "-"},
        "column salt: host and salt do not add up to the formula (Zr 0 instead of 1, Cl 0.75 instead",
    ),
    ({"host": "ZrXx4"}, "column host: 'Xx' is not an element"),
    ({"salt": "0.5 Li2O, LiCl"}, "column salt: '0.5 Li2O, LiCl' is not a list of salts; write it such as"),
    ({"salt": "0 Li2O"}, "column salt: '0 Li2O' is not a list of salts"),
    ({"sigma_mS_cm": "2,42"}, "column sigma_mS_cm: '2,42' is not a positive number"),
    (
        {"sigma_temperature_C": "RT"},
        "column sigma_temperature_C: 'RT' is not a temperature in °C; write a number",
    ),
    ({"sigma_temperature_C": "-300"}, "column sigma_temperature_C: '-300' is not a temperature in °C"),
    ({"sigma_temperature_C": "-"}, "column sigma_temperature_C: a conductivity needs its temperature"),
    (
        {"sigma_origin": "-"},
        "column sigma_origin: '' does not say where sigma_mS_cm comes from; write one of 'read'",
    ),
    ({"Ea_eV": "low", "Ea_origin": "read"}, "column Ea_eV: 'low' is not a positive number"),
    ({"Ea_origin": "read"}, "column Ea_origin: there is an origin but no Ea_eV; give the value or write '-'"),
]


@pytest.mark.parametrize(("cells", "sentence"), BAD_CELLS)
def test_bad_cell_is_named_with_its_remedy(write_table, cells, sentence):
    found = [problem for problem in problems_of(write_table(cells)) if sentence in problem]
    assert len(found) == 1
    assert found[0].startswith("compositions.tsv, line 2")
    if cells.get("id") != "-":
        assert f"({cells.get('id', GOOD['id'])})" in found[0]


@pytest.mark.parametrize("twin", [GOOD["id"], GOOD["id"].upper()])
def test_duplicated_id(write_table, twin):
    (problem,) = problems_of(write_table({}, {"id": twin}))
    assert f"line 3 ({twin}), column id: '{twin}' is a duplicate of '{GOOD['id']}'" in problem


def test_tab_in_a_cell_and_missing_cells(write_table):
    table = write_table({"id": "Li\tCl"}, {})
    table.write_text(table.read_text() + "short\tLiCl\n")
    long, short = problems_of(table)
    assert long.startswith("compositions.tsv, line 2 (Li): 19 cells instead of 18, so the columns are shifted")
    assert "remove the tab inside a cell" in long
    assert short.startswith("compositions.tsv, line 4 (short): 2 cells instead of 18")


def test_all_problems_of_all_rows_come_at_once(write_table):
    table = write_table({"id": "first", "density_g_cm3": "0", "mobile_ion": "K"}, {"id": "second", "start": "none.cif"})
    problems = problems_of(table)
    assert len(problems) == 3
    assert [("(first)" in problem, "(second)" in problem) for problem in problems] == [
        (True, False),
        (True, False),
        (False, True),
    ]


def test_start_none_needs_no_potential(write_table):
    table = write_table({"start": "none", "potential": "-"})
    assert read_compositions(table, potentials=["Zr-chloride"])[GOOD["id"]].potential == ""


def test_structure_file_is_sought_beside_the_table(write_table, tmp_path):
    (tmp_path / "structures").mkdir()
    structure = tmp_path / "structures" / "crystal.cif"
    structure.write_text("data_crystal\n")
    relative, absolute = (
        {"id": "relative", "start": "structures/crystal.cif"},
        {"id": "absolute", "start": str(structure)},
    )
    compositions = read_compositions(write_table(relative, absolute), potentials=["Zr-chloride"])
    assert compositions["absolute"].start == str(structure)
    assert compositions["relative"].start == os.path.relpath(structure)


def test_headers(write_table):
    (missing,) = problems_of(write_table({}, columns=COLUMNS[:-1]))
    assert missing == "compositions.tsv: the column 'note' is missing; add it to the header."
    table = write_table({})
    table.write_text(table.read_text().replace("density_g_cm3", "density_gcm3", 1))
    missing, unknown = problems_of(table)
    assert "the column 'density_g_cm3' is missing" in missing
    assert "the column 'density_gcm3' is unknown; did you mean 'density_g_cm3'?" in unknown
    table.write_text(table.read_text().replace("density_gcm3", "id", 1))
    assert "compositions.tsv: the column 'id' appears 2 times; keep one." in problems_of(table)


def test_empty_and_unreadable_tables(write_table, tmp_path):
    assert problems_of(write_table()) == ["compositions.tsv has a header but no row; add one row per id."]
    empty = tmp_path / "empty.tsv"
    empty.write_text("\n")
    assert "is empty; give it a header and at least one row" in problems_of(empty)[0]
    assert "cannot be read (No such file or directory)" in problems_of(tmp_path / "absent.tsv")[0]
    empty.write_bytes("id\tformula\n".encode("utf-16"))
    assert "line 1: this is not UTF-8 text; save the file as UTF-8" in problems_of(empty)[0]


def test_windows_line_ends_and_byte_order_mark(write_table):
    table = write_table({})
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes().replace(b"\n", b"\r\n"))
    assert list(read_compositions(table, potentials=["Zr-chloride"])) == [GOOD["id"]]
