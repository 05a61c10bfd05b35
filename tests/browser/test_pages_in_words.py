"""What the pages say, read as text: no browser needed."""

import copy
import html
import re

import pytest
from documents import account_document, plan_document
from jinja2 import UndefinedError

from saltflow.operations.pages.account_page import account_page
from saltflow.operations.pages.plan_page import plan_page


def words_of(page: str) -> str:
    """The words of a page, without markup, style, data and script."""
    body = re.sub(r"<(style|script).*?</\1>", " ", page, flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))


def finished_plan() -> dict:
    """A plan in which nothing is due."""
    plan = plan_document(4, broken_limits=False)
    plan["counts"] |= {"due": 0, "submissions": 0}
    plan["totals"] |= {"wall_hours": [], "largest_job": None}
    plan["loss"] = {"cpu_hours": 0.0, "gpu_hours": 0.0, "rules": [], "because": [], "jobs": [], "sentence": ""}
    return plan | {"reasons": [], "difference": None, "estimates": []}


def test_plan_says_the_answer_with_its_units():
    plan = plan_document(77)
    words = words_of(plan_page(plan))
    assert "Plan of a sweep: 77 electrolytes at 5 temperatures" in words
    assert f"Jobs to run {plan['counts']['due']:,} in {plan['counts']['submissions']:,} submissions" in words
    assert "1 limit would be broken" in words
    assert "run_md asks for 48 h on partition gpu, which allows 24 h" in words
    assert "Largest job 31 GB 8 cores, 1 GPU, 2 days" in words
    assert "Storage at the end 493 GB peak 701 GB 23,947 files" in words
    assert "references.pbe-d3.cutoff_Ry: 400 → 500" in words
    assert re.search(r"15,070 jobs: [\d,]+ new, .*\d failed before", words)
    assert "c.admin approved on 2 November 2026, 10:00 UTC" in words
    assert "jobs to do 4,120" in words
    assert "done again Finished jobs that hold 3,080.0 GPU-hours are due again (77 run_md)" in words


def test_plan_without_broken_limits_says_so():
    words = words_of(plan_page(plan_document(4, broken_limits=False)))
    assert "✓ No known limit would be broken" in words
    assert plan_document(4)["notes"][0] in words


def test_what_was_not_checked_is_never_green():
    silent = "Limits of partitions were not checked: SLURM does not answer on this machine."
    page = plan_page(plan_document(4, broken_limits=False, unchecked=[silent]))
    assert f"! Not checked: no known limit would be broken, but {silent}" in words_of(page)
    assert 'class="verdict warn"' in page
    assert 'class="verdict good"' not in page
    both = plan_page(plan_document(4, unchecked=[silent]))
    assert 'class="verdict bad"' in both
    assert 'class="verdict warn"' in both


def test_plan_of_a_finished_sweep():
    words = words_of(plan_page(finished_plan()))
    assert "Nothing to do: everything is made and up to date." in words
    assert "No job is due." in words
    assert "done again" not in words
    assert "No plan of this folder has been approved yet" in words


def test_what_is_assumed_is_marked_and_weighed():
    plan = plan_document(4)
    hours = {row["rule"]: row["gpu_hours"]["expected"] for row in plan["rules"]}
    share = f"{100 * hours['explore'] / sum(hours.values()):.0f} % of the GPU-hours"
    assert share in words_of(plan_page(plan))
    for row in (*plan["estimates"], *plan["rules"]):
        row["basis"] = "calibration of 2026-11-18 on H200"
    assert "nobody has measured" not in words_of(plan_page(plan))


def test_signature_refers_to_exactly_this_plan():
    plan = plan_document(4)
    other = copy.deepcopy(plan)
    other["totals"]["files"] += 1
    signed, signed_other = (
        re.search(r"Approved is plan <code>(\w+)</code>", plan_page(each)) for each in (plan, other)
    )
    assert signed[1] != signed_other[1]
    assert plan_page(plan) == plan_page(copy.deepcopy(plan))


def test_plan_that_lacks_something_makes_no_page():
    plan = plan_document(4)
    del plan["command"]
    with pytest.raises(UndefinedError, match="command"):
        plan_page(plan)


def test_pages_name_no_address_outside():
    for page in (plan_page(plan_document(77)), account_page(account_document(77))):
        assert not re.search(r"""(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?//""", page)


def test_account_says_where_its_numbers_come_from():
    account = account_document(4)
    words = words_of(account_page(account))
    assert account["source_sentence"] in words
    assert "Set mem_mb of run_md to 15500." in words
    assert "Waiting in the queue 42 min median of all jobs; longest 31 h" in words
    assert "out of memory" in words


def test_account_without_accounting_says_not_recorded():
    words = words_of(account_page(account_document(4, accounting=False)))
    assert "Waiting in the queue not recorded" in words
    assert "GPU-hours reserved 36.8 use: not recorded" in words


def test_account_of_a_sweep_without_failures():
    account = account_document(4) | {"failures": [], "running": []}
    words = words_of(account_page(account))
    assert "No attempt failed." in words
    assert "Running now" not in words
