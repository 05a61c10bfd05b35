"""The results page as a scientist meets it: without a network, at three sizes of sweep, at three widths, on paper."""

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from finished_sweep import NO_REPLICA, NOT_CONVERGED, TEMPERATURES_K, FinishedSweep, ids, make_sweep
from inspection import A4_WIDTH, SMALLEST_CONTRAST, SMALLEST_TEXT, column, inspect
from playwright.sync_api import Page, expect

from saltflow.analysis.conductivity_table import tabulate, write_table
from saltflow.analysis.ranking.ranking import rank
from saltflow.analysis.ranking.so_far import read_so_far
from saltflow.analysis.sweep_results import page_blocks as blocks
from saltflow.analysis.sweep_results.page import write_page
from saltflow.analysis.sweep_results.viewer_frames import frames_of_trajectory
from saltflow.base.provenance import read_json, write_json
from saltflow.trajectory.h5md import open_trajectory

ROOT = Path(__file__).parents[2]
AXE = ROOT / "build/axe-core/axe.min.js"
SMALL, MIDDLING, LARGE = 12, 77, 700
ATOMS_OF_LARGE = 1300
MOST_BYTES = 20_000_000
MOST_SECONDS = 5.0
WIDTHS = (390, 820, 1440)
PATIENCE_MS = 120_000
ROWS = "#compositions > tbody > tr:not([hidden])"


def wait_until_drawn(page: Page) -> None:
    page.locator("html[data-ready]").wait_for(state="attached", timeout=PATIENCE_MS)


def wait_for_text(page: Page, selector: str, text: str) -> None:
    expect(page.locator(selector)).to_contain_text(text, timeout=PATIENCE_MS)


@dataclass(frozen=True)
class MadePage:
    """A page as a file, with the sweep that it shows."""

    path: Path
    sweep: FinishedSweep


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """The page of a sweep of so many compositions, made once."""
    made: dict[int, MadePage] = {}

    def page_of(number: int) -> MadePage:
        if number not in made:
            folder = tmp_path_factory.mktemp("results") / str(number)
            sweep = make_sweep(folder, number, atoms_of_trajectory=ATOMS_OF_LARGE if number == LARGE else 0)
            made[number] = MadePage(write_page(sweep.campaign(), folder), sweep)
        return made[number]

    return page_of


@pytest.fixture
def opened(visit, results):
    """Open the page of so many compositions and wait until it is drawn."""

    def open_page(number: int, **options):
        visited = visit(results(number).path, **options)
        visited.page.set_default_timeout(PATIENCE_MS)
        wait_until_drawn(visited.page)
        return visited

    return open_page


def numbers(page: Page, heading: str) -> list[float | None]:
    """The values in a column of numbers, of the rows that show."""
    place = page.locator("#compositions thead th").evaluate_all(
        "(cells, wanted) => cells.findIndex(cell => cell.textContent.startsWith(wanted))", heading
    )
    values = page.locator(ROWS).evaluate_all(f"rows => rows.map(row => row.cells[{place}].dataset.v)")
    return [float(value) if value else None for value in values]


def traces(page: Page, plot: str) -> list[dict]:
    """What a plot holds: name, meta, x and y of every trace."""
    return page.evaluate(
        "id => document.getElementById(id).data.map(({name, meta, x, y, text}) => "
        "({name, meta, x: [...x], y: [...y], text: text ? [...text] : []}))",
        plot,
    )


def exported(page: Page, kind: str) -> str:
    with page.expect_download() as download:
        page.locator(f"[data-export={kind}]").click()
    return Path(download.value.path()).read_text()


def ranking_of(results, number: int, folder: Path) -> list[dict]:
    """ranking.csv of a sweep, written as its rule does."""
    sweep = results(number).sweep
    campaign = sweep.campaign()
    write_table(rank(*read_so_far(campaign, sweep.folder), literature=campaign.literature), folder / "ranking.csv")
    with (folder / "ranking.csv").open() as lines:
        return list(csv.DictReader(lines))


@pytest.mark.parametrize("number", [SMALL, MIDDLING, LARGE])
def test_page_opens_without_network_and_without_complaints(opened, number):
    visited = opened(number, offline=True)
    page = visited.page
    page.locator("#compositions button.name").first.click()
    page.locator("#part .block").last.wait_for()
    assert len([url for url in visited.requests if not url.startswith(("data:", "blob:"))]) == 1
    assert visited.complaints == []
    assert page.evaluate("document.documentElement.dataset.ready") == "yes"
    assert page.locator(ROWS).count() == number


def test_large_sweep_is_small_and_opens_fast(opened, results):
    assert results(LARGE).path.stat().st_size <= MOST_BYTES
    page = opened(LARGE).page
    # Time of the processor, as other tests run at the same time.
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.reload()
    wait_until_drawn(page)
    measured = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    assert 0 < measured["TaskDuration"] <= MOST_SECONDS


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_page(opened, width):
    page = opened(SMALL, viewport={"width": width, "height": 900}).page
    page.locator("#compositions button.name").first.click()
    page.locator("#part .block").last.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    wide = "all => all.filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.id || each.className)"
    assert page.locator("section, .plot, .block, .controls, dl").evaluate_all(wide) == []


def test_text_is_large_and_dark_enough(opened):
    page = opened(SMALL).page
    page.locator("#composition-choice").select_option(ids(SMALL)[0])
    page.locator("#part .block").last.wait_for()
    page.add_style_tag(content=".plot { display: none }")  # those are pictures, with 12 pixels and exponents
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        measured = inspect(page, "measureText")
        assert [each for each in measured if each["size"] < SMALLEST_TEXT] == []
        assert [each for each in measured if each["contrast"] < SMALLEST_CONTRAST] == []


def test_everything_has_a_name_and_a_place(opened):
    page = opened(SMALL).page
    page.add_style_tag(content=".plot { display: none }")
    problems = [each for each in inspect(page, "unnamed") if not each.startswith("no name")]
    assert problems == []
    assert [page.locator(landmark).count() for landmark in ("header", "nav", "main", "footer", "h1")] == [1] * 5


@pytest.mark.skipif(not AXE.is_file(), reason="there is no axe-core here: tests/setup.sh installs it where npm is")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(opened, scheme):
    page = opened(SMALL, color_scheme=scheme).page
    page.locator("#composition-choice").select_option(ids(SMALL)[0])
    page.locator("#part .block").last.wait_for()
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    serious = [
        (each["id"], [node["html"][:120] for node in each["nodes"]])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
    assert serious == []


def test_essentials_need_no_script(visit, results):
    page = visit(results(SMALL).path, java_script_enabled=False).page
    assert page.locator(ROWS).count() == SMALL
    assert not page.locator("form.controls").is_visible()
    assert "replica 1: gas; replica 2: gas" in page.locator("#answer").inner_text()


def test_table_has_the_numbers_of_the_ranking(opened, results, tmp_path):
    page = opened(MIDDLING).page
    ranking = ranking_of(results, MIDDLING, tmp_path)
    assert column(page, "#compositions", 0) == [row["composition"] for row in ranking]
    for heading, name in (
        ("σ", "sigma_mS_cm"),
        ("Ea", "Ea_eV"),
        ("density", "density_g_cm3"),
        ("σ lit.", "measured_sigma_mS_cm"),
    ):
        wanted = [float(row[name]) if row[name] else None for row in ranking]
        shown = numbers(page, "ρ" if heading == "density" else heading)
        assert shown == [value if value is None else pytest.approx(value, rel=1e-5) for value in wanted]


def test_sorting_keeps_missing_values_last(opened):
    page = opened(MIDDLING).page
    known = sorted(value for value in numbers(page, "Ea") if value is not None)
    heading = page.locator("#compositions thead button", has_text=re.compile("^Ea eV"))
    heading.focus()
    for expected in (known, known[::-1]):
        page.keyboard.press("Enter")
        shown = numbers(page, "Ea")
        assert [value for value in shown if value is not None] == expected
        assert None not in shown[: len(expected)]


def test_filters_hold_for_table_plots_and_exports(opened):
    page = opened(MIDDLING).page
    page.locator("#filters [data-key=family]").select_option("hydride")
    page.locator("#filters [data-key=status]").select_option("done")
    wanted = [name for place, name in enumerate(ids(MIDDLING)) if place % 3 == 2 and place % 10 not in (4, 5, 6)]
    assert sorted(column(page, "#compositions", 0)) == sorted(wanted)
    assert page.locator("#filters output").inner_text() == f"{len(wanted)} of {MIDDLING} shown"
    wait_for_text(page, "#arrhenius-note", f"{len(wanted)} compositions of those")
    rows = list(csv.DictReader(io.StringIO(exported(page, "csv"))))
    assert [row["composition"] for row in rows] == column(page, "#compositions", 0)
    assert {row["family"] for row in rows} == {"hydride"}
    page.get_by_label("Name or formula").fill(wanted[0])
    assert wanted[0] in column(page, "#compositions", 0)


def test_exports_are_what_is_shown(opened, results, tmp_path):
    page = opened(SMALL).page
    ranking = ranking_of(results, SMALL, tmp_path)
    rows = list(csv.DictReader(io.StringIO(exported(page, "csv"))))
    for row, ranked in zip(rows, ranking, strict=True):
        assert row["composition"] == ranked["composition"]
        assert row["sigma_mS_cm"] == pytest.approx(ranked["sigma_mS_cm"]) or float(row["sigma_mS_cm"]) == pytest.approx(
            float(ranked["sigma_mS_cm"]), rel=1e-5
        )
    table = exported(page, "tex")
    assert table.count(r"\\") == SMALL + 1
    assert table.index(r"\toprule") < table.index(r"\midrule") < table.index(r"\bottomrule")
    assert table.count("{") == table.count("}")
    words = exported(page, "html")
    assert words.count("<tr>") == SMALL + 1
    assert "unreliable" in words


def test_arrhenius_plot_has_the_numbers_of_the_conductivity_table(opened, results):
    page = opened(SMALL).page
    name = ids(SMALL)[1]
    page.get_by_label("Name or formula").fill(name)
    wait_for_text(page, "#arrhenius-note", "1 composition of those")
    folder = results(SMALL).sweep.folder / "results"
    points = [read_json(folder / name / f"md/{kelvin}K/transport.json") for kelvin in TEMPERATURES_K]
    release = read_json(folder / "potentials/chlorides/released.json")
    transition = read_json(folder / name / "arrhenius.json")["glass_transition"]
    table = tabulate(points, {"chlorides": release}, {name: transition}, dispersion={name: "none"}, domain={})
    found = next(each for each in traces(page, "arrhenius-plot") if each["meta"] == "used" and each["name"] == name)
    np.testing.assert_allclose(found["x"], 1000 / table["temperature_K"], rtol=1e-6)
    np.testing.assert_allclose(found["y"], table["sigma_E_mS_cm"] * table["temperature_K"], rtol=1e-5)
    assert any(each["meta"] == "band" and name in each["name"] for each in traces(page, "arrhenius-plot"))


def test_parity_plot_has_the_numbers_of_the_ranking(opened, results, tmp_path):
    page = opened(MIDDLING).page
    ranking = {row["composition"]: row for row in ranking_of(results, MIDDLING, tmp_path)}
    for plot, simulated, measured in (
        ("parity-sigma", "sigma_mS_cm", "measured_sigma_mS_cm"),
        ("parity-Ea", "Ea_eV", "measured_Ea_eV"),
    ):
        drawn = {
            name: (x, y)
            for each in traces(page, plot)[1:]
            for name, x, y in zip(each["text"], each["x"], each["y"], strict=True)
        }
        wanted = {name for name, row in ranking.items() if row[simulated] and row[measured]}
        assert set(drawn) == wanted
        for name, (x, y) in drawn.items():
            assert (x, y) == pytest.approx((float(ranking[name][measured]), float(ranking[name][simulated])), rel=1e-5)
    # Of the law in tests/unit/finished_sweep.py: literature is 0.8 times σ, and so in the same order.
    assert "ρ of all: 1" in page.locator("#parity-sigma-note").inner_text()


def test_unreliable_numbers_are_grey_with_their_word_and_leave_the_axes_alone(opened):
    page = opened(SMALL).page
    name = ids(SMALL)[NOT_CONVERGED]
    row = page.locator(f"#compositions tr[data-id='{name}']")
    assert row.locator("td").nth(1).inner_text() == "not converged"
    assert row.locator("td.doubtful").count() >= 3
    grey, black = (
        page.locator(each).first.evaluate("cell => getComputedStyle(cell).color")
        for each in (f"tr[data-id='{name}'] td.doubtful", "#compositions td.number:not(.doubtful):not(.quiet)")
    )
    assert grey != black
    ends = page.evaluate("document.getElementById('arrhenius-plot').layout.yaxis.range")
    assert ends[1] - ends[0] < 8


def test_plots_without_data_say_why(opened):
    page = opened(SMALL).page
    page.locator("#composition-choice").select_option(ids(SMALL)[NO_REPLICA])
    page.locator("#part .block").last.wait_for()
    assert "no accepted replica: replica 1: gas" in page.locator("#part .plot.empty").first.inner_text()
    page.get_by_label("Name or formula").fill("nothing is called so")
    page.locator("#arrhenius-plot.empty").wait_for()
    assert "No composition" in page.locator("#arrhenius-plot").inner_text()


def test_order_plot_follows_the_reader(opened):
    page = opened(MIDDLING).page
    page.locator("#descriptor").select_option("density_g_cm3")
    page.locator("#target").select_option("D")
    wait_for_text(page, "#order-plot .xtitle", "density")
    drawn = dict(item for each in traces(page, "order-plot") for item in zip(each["text"], each["x"], strict=True))
    assert drawn[ids(MIDDLING)[3]] == pytest.approx(1.53)
    assert "Spearman" in page.locator("#order-note").inner_text()


def test_viewer_shows_the_atoms_of_the_trajectory(opened, results):
    page = opened(SMALL).page
    name = ids(SMALL)[0]
    page.locator("#composition-choice").select_option(name)
    page.get_by_role("button", name="Show the structure").click()
    page.locator(".player").wait_for()
    run = open_trajectory(results(SMALL).sweep.folder / "trajectory.h5md")
    edges_A = run.cells_A[0].diagonal()
    for frame in (0, 100):
        page.locator(".player input").fill(str(frame))
        atoms = page.evaluate(
            "name => viewers.get(name).viewer.getModel().selectedAtoms({}).map(({elem, x, y, z, bonds}) => "
            "[elem, x, y, z, bonds.length])",
            name,
        )
        assert [atom[0] for atom in atoms] == list(run.symbols)
        positions_A = run.read_positions_A(slice(frame, frame + 1), slice(0, len(atoms)))[0]
        away = np.array([atom[1:4] for atom in atoms]) - positions_A
        assert np.abs(away - edges_A * np.round(away / edges_A)).max() < 0.01
        assert {atom[4] for atom in atoms if atom[0] == "Li"} == {0}
        assert max(atom[4] for atom in atoms if atom[0] == "Al") <= 4
    before = page.locator(".player output").inner_text()
    page.get_by_role("button", name="Play").click()
    expect(page.locator(".player output")).not_to_have_text(before, timeout=PATIENCE_MS)
    page.get_by_role("button", name="Pause").click()


def test_a_study_shows_its_structure_and_its_curve(visit, tmp_path):
    sweep = make_sweep(tmp_path, 4)
    frames = frames_of_trajectory(tmp_path / "trajectory.h5md", structures=1, bonds_A={"Al-Cl": 2.6}, mobile_ion="Li")
    curve = blocks.panel("", x="path (Å)", y="E (eV)", traces=[blocks.trace("barrier", [0, 1, 2], [0.0, 0.4, 0.1])])
    trails = [blocks.trail("the way of an ion", [[0, 0, 0], [1, 2, 0], [2, 2, 3]], colour=2)]
    part = {
        "title": "Barrier in LiAlCl4",
        "blocks": [
            blocks.structure("Path", "barrier", {**frames.facts, "unit": "Å", "trails": trails}, data=frames.data),
            blocks.plots("Profile", [curve]),
        ],
    }
    write_json(tmp_path / "results/studies/barriers/page.json", {"title": "All", "blocks": [], "parts": [part]})
    page = visit(write_page(sweep.campaign(), tmp_path)).page
    wait_until_drawn(page)
    page.locator("summary", has_text="Barrier in LiAlCl4").click()
    page.locator("#studies .js-plotly-plot").wait_for(timeout=PATIENCE_MS)
    assert page.evaluate("[...document.querySelector('#studies .plot').data[0].y]") == [0.0, 0.4, 0.1]
    page.get_by_role("button", name="Show the paths").click()
    page.locator(".player").wait_for(timeout=PATIENCE_MS)
    assert page.locator(".player output").inner_text() == "0 Å"
    assert "the way of an ion" in page.locator("#studies").inner_text()
    assert page.evaluate("viewers.get('barrier').viewer.getModel().selectedAtoms({}).length") == frames.facts["atoms"]


def test_keyboard_reaches_the_table_and_its_compositions(opened):
    page = opened(SMALL).page
    page.locator("#filters input").focus()
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.closest('th, form, section')?.textContent.trim().slice(0, 9)")
        )
    assert ids(SMALL)[0] in reached
    page.locator("#compositions button.name").first.focus()
    page.keyboard.press("Enter")
    page.locator("#part .block").last.wait_for()


def test_text_of_a_user_is_never_markup(visit, tmp_path):
    attack = "<img src=x onerror=alert(1)><b>"
    sweep = make_sweep(tmp_path, 4)
    table = tmp_path / "compositions.tsv"
    table.write_text(table.read_text().replace("oxychloride", attack))
    visited = visit(write_page(sweep.campaign(), tmp_path))
    wait_until_drawn(visited.page)
    visited.page.locator("#colour-by").select_option("family")
    visited.page.locator("#composition-choice").select_option(ids(4)[1])
    visited.page.locator("#part .block").last.wait_for()
    assert visited.complaints == []
    assert visited.page.locator("img").count() == 0


def test_paper(opened):
    page = opened(MIDDLING, viewport={"width": A4_WIDTH, "height": 1000}).page
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert not page.locator("form.controls").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= A4_WIDTH
    sheets = len(re.findall(rb"/Type /Page\b(?!s)", page.pdf(prefer_css_page_size=True)))
    assert 3 <= sheets <= 16
