"""The pages as an admin meets them: without a network, from the keyboard, at two sizes, on screen and on paper."""

import json
import re
from pathlib import Path

import pytest
from documents import account_document, plan_document
from inspection import A4_WIDTH, SMALLEST_CONTRAST, SMALLEST_TEXT, column, inspect

from saltflow.operations.pages.plan_page import plan_page

EVERY_PAGE = ("plan 77", "plan 700", "account 77", "account 700")
each_page = pytest.mark.parametrize("name", EVERY_PAGE)


@each_page
def test_page_opens_without_network_and_without_complaints(visit, name):
    visited = visit(name, offline=True)
    assert [url for url in visited.requests if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in visited.requests if url.startswith("file:")]) == 1
    assert visited.complaints == []
    assert visited.page.locator("h1").inner_text().startswith(("Plan of a sweep", "Account of a sweep"))


@each_page
def test_nothing_is_wider_than_its_room(visit, name):
    page = visit(name).page
    assert inspect(page, "overflowing") == []
    page.set_viewport_size({"width": 1920, "height": 1080})
    assert inspect(page, "overflowing") == []


@each_page
def test_text_is_large_and_dark_enough(visit, name):
    page = visit(name).page
    if name.startswith("plan"):
        page.locator("#compositions-map tbody th").first.click()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        measured = inspect(page, "measureText")
        assert len(measured) > 5
        assert [each for each in measured if each["size"] < SMALLEST_TEXT] == []
        assert [each for each in measured if each["contrast"] < SMALLEST_CONTRAST] == []


@pytest.mark.parametrize("name", ["plan 77", "account 77"])
def test_everything_has_a_name_and_a_place(visit, name):
    page = visit(name).page
    assert inspect(page, "unnamed") == []
    assert [page.locator(landmark).count() for landmark in ("header", "nav", "main", "footer", "h1")] == [1] * 5


def test_large_sweep_opens_fast_and_is_small(visit, pages):
    assert pages["plan 700"].stat().st_size < 2_000_000
    page = visit("plan 700").page
    assert page.evaluate("performance.getEntriesByType('navigation')[0].domComplete") < 8000  # ms; half a second alone


def test_essentials_need_no_script(visit):
    page = visit("plan 77", java_script_enabled=False).page
    plan = plan_document(77)
    text = page.locator("body").inner_text()
    assert f"{plan['counts']['due']:,}" in text
    assert plan["limits"][0]["sentence"] in text
    assert page.locator("#compositions-map tbody tr").count() == 77
    assert not page.locator("form.controls").is_visible()
    assert not page.locator("#download").is_visible()


def test_tab_reaches_links_graph_tables_and_grid_in_order(visit):
    page = visit("plan 77").page
    reached = []
    for _ in range(140):
        page.keyboard.press("Tab")
        reached.append(inspect(page, "focused"))
    places = list(dict.fromkeys(place for place, _, _ in reached if place != "BODY"))
    assert places == ["skip", "contents", "answer", "reasons", "flow", "rules", "prices", "basis", "compositions"]
    assert all(visible for place, _, visible in reached if place != "BODY")
    # The whole grid is one stop.
    assert [tag for place, tag, _ in reached if place == "compositions"].count("TH") == 1


def test_graph_leads_to_the_row_of_a_rule(visit):
    page = visit("plan 77").page
    page.locator("svg a", has_text="run_md").focus()
    page.keyboard.press("Enter")
    assert page.url.endswith("#rule-run_md")
    assert page.locator("#rule-run_md").is_visible()


def test_grid_moves_by_arrows_and_opens_by_enter(visit):
    page = visit("plan 77").page
    grid = page.locator("#compositions-map")
    first = grid.locator("tbody th").first
    first.focus()
    at = "[document.activeElement.cellIndex, document.activeElement.parentElement.dataset.id]"
    ids = [row["id"] for row in plan_document(77)["compositions"]]
    for key, expected in (
        ("ArrowDown", [0, ids[1]]),
        ("ArrowRight", [1, ids[1]]),
        ("End", [7, ids[1]]),
        ("ArrowRight", [7, ids[1]]),
        ("PageDown", [7, ids[21]]),
        ("Control+End", [7, ids[76]]),
        ("ArrowDown", [7, ids[76]]),
        ("Control+Home", [0, ids[0]]),
        ("ArrowUp", [0, ids[0]]),
    ):
        page.keyboard.press(key)
        assert page.evaluate(at) == expected, key
    page.keyboard.press("Enter")
    assert first.get_attribute("aria-expanded") == "true"
    colour = "cell => getComputedStyle(cell).backgroundColor"
    inside, outside = (
        page.locator(cell).first.evaluate(colour) for cell in ("tr.detail td.d", "#compositions-map td.d")
    )
    assert inside == outside
    assert page.locator("tr.detail tbody th").all_inner_texts() == ["500 K", "600 K", "700 K", "800 K", "900 K"]
    page.keyboard.press("Enter")
    assert page.locator("tr.detail").count() == 0


def test_focused_cell_is_not_hidden_by_the_header(visit):
    page = visit("plan 700").page
    page.locator("#compositions-map tbody th").first.focus()
    page.keyboard.press("Control+End")
    for _ in range(60):
        page.keyboard.press("ArrowUp")
    cell, header = (
        page.evaluate(f"(({what}).getBoundingClientRect()).toJSON()")
        for what in ("document.activeElement", "document.querySelector('#compositions-map thead th')")
    )
    assert cell["top"] >= header["bottom"] - 1


def test_cells_say_their_state_by_sign_as_well_as_by_colour(visit):
    page = visit("plan 77").page
    signs = {
        state: page.locator(f"#compositions-map tbody td.{state}").first.evaluate(
            "cell => getComputedStyle(cell, '::before').content"
        )
        for state in "dupf"
    }
    assert len(set(signs.values())) == 4
    assert "none" not in signs.values()


def test_filter_by_name_and_by_state(visit):
    page = visit("plan 700").page
    plan = plan_document(700)
    page.get_by_label("Composition or potential").fill("tacl5 LiCl")
    wanted = [
        row["id"]
        for row in plan["compositions"]
        if all(word in f"{row['id']} {row['potential']}".lower() for word in ("tacl5", "licl"))
    ]
    assert wanted
    assert column(page, "#compositions-map", 0) == wanted
    assert page.locator("form.controls output").inner_text() == f"{len(wanted)} of 700 shown"
    page.get_by_label("Composition or potential").fill("")
    page.get_by_label("With stages that are").select_option("failed")
    failed = [row["id"] for row in plan["compositions"] if any(each["failed"] for each in row["stages"].values())]
    assert column(page, "#compositions-map", 0) == failed
    page.get_by_label("With stages that are").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.cellIndex") is None  # a heading of the table, to sort by
    page.locator("#compositions-map tbody [tabindex='0']").focus()
    assert page.evaluate("document.activeElement.textContent") == failed[0]


def test_sorting_by_numbers_and_by_names(visit):
    page = visit("plan 77").page
    plan = plan_document(77)
    heading = page.locator("#compositions-map thead button", has_text="GPU")
    heading.focus()
    page.keyboard.press("Enter")
    hours = sorted(row["gpu_hours"] for row in plan["compositions"])
    shown = page.locator("#compositions-map > tbody > tr").evaluate_all(
        "rows => rows.map(row => Number(row.cells[6].dataset.v))"
    )
    assert shown == pytest.approx(hours)
    assert page.locator("#compositions-map th[aria-sort=ascending]").count() == 1
    page.keyboard.press("Enter")
    assert page.locator("#compositions-map th[aria-sort=descending]").count() == 1
    assert float(page.locator("#compositions-map > tbody > tr td").nth(5).get_attribute("data-v")) == hours[-1]
    page.locator("#rules thead button", has_text="Rule").click()
    assert column(page, "#rules table", 0) == sorted(row["rule"] for row in plan["rules"])


def test_open_row_stays_with_its_composition_when_sorted(visit):
    page = visit("plan 77").page
    row = page.locator("#compositions-map tbody tr").nth(5)
    name = row.get_attribute("data-id")
    row.locator("th").click()
    page.locator("#compositions-map thead button", has_text="Composition").click()
    assert page.locator("tr.detail").evaluate("detail => detail.previousElementSibling.dataset.id") == name


def test_account_costs_sort_and_search(visit):
    page = visit("account 700").page
    account = account_document(700)
    page.get_by_label("Composition", exact=True).fill("zrcl4")
    wanted = [row["id"] for row in account["compositions"] if "zrcl4" in row["id"].lower()]
    assert column(page, "#compositions-table", 0) == wanted
    page.locator("#compositions-table thead button", has_text="CPU-hours reserved").click()
    hours = page.locator("#compositions-table tbody tr:not([hidden])").evaluate_all(
        "rows => rows.map(row => Number(row.cells[4].dataset.v))"
    )
    assert hours == sorted(hours)


def test_download_holds_the_plan(visit):
    page = visit("plan 77").page
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as JSON").click()
    assert json.loads(Path(download.value.path()).read_text()) == plan_document(77)


@pytest.mark.parametrize(("name", "most"), [("plan 77", 12), ("plan 700", 26), ("account 700", 22)])
def test_paper(visit, name, most):
    page = visit(name, viewport={"width": A4_WIDTH, "height": 1000}).page
    page.emulate_media(media="print")
    assert inspect(page, "overflowing") == []
    assert not page.locator("nav").is_visible()
    assert not page.locator("form.controls").is_visible()
    rows = page.locator("#compositions tbody > tr")
    assert rows.last.evaluate("row => row.closest('.window, .wide').clientHeight") > 60
    sheets = len(re.findall(rb"/Type /Page\b(?!s)", page.pdf(prefer_css_page_size=True)))
    assert 3 <= sheets <= most


def test_first_sheet_holds_the_answer_and_the_signature(visit):
    page = visit("plan 700", viewport={"width": A4_WIDTH, "height": 1000}).page
    assert not page.locator(".signature").is_visible()
    page.emulate_media(media="print")
    signature = page.locator(".signature").bounding_box()
    assert signature["y"] + signature["height"] < 1000  # A4 between its margins is 1009 CSS pixels high


def test_text_of_a_user_is_never_markup(visit, tmp_path):
    plan = plan_document(4)
    attack = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    plan["compositions"][0]["id"] = attack
    plan["reasons"][0]["detail"] = attack
    path = tmp_path / "plan.html"
    path.write_text(plan_page(plan), encoding="utf-8")
    visited = visit(path)
    visited.page.locator("#compositions-map tbody th").first.click()
    assert visited.complaints == []
    assert visited.page.locator("img").count() == 0
    assert column(visited.page, "#compositions-map", 0)[0] == attack
