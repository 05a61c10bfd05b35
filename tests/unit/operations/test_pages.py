"""Figures as a page writes them, and the drawing of the rule graph."""

import pytest

from saltflow.operations.pages import number_formats as figures
from saltflow.operations.pages import rule_graph as graph
from saltflow.operations.pages.rendering import state_of

# A round of learning: labels train models, models find frames, frames are labelled.
NAMES = ("atoms", "initial_structures", "label", "train", "explore", "assess", "release", "simulate", "report")
EDGES = [
    ("initial_structures", "label"),
    ("label", "train"),
    ("atoms", "train"),
    ("train", "explore"),
    ("explore", "label"),
    ("train", "assess"),
    ("label", "assess"),
    ("assess", "release"),
    ("release", "train"),
    ("release", "simulate"),
    ("simulate", "simulate"),
    ("simulate", "report"),
    ("release", "report"),
]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (2.04e-5, "2.04 × 10⁻⁵"),
        (0.04218, "0.0422"),
        (4.2, "4.2"),
        (9.999, "10"),
        (123456, "123,000"),
        (1000, "1,000"),
        (None, "not recorded"),
    ],
)
def test_numbers_are_rounded_to_three_digits(value, text):
    assert figures.rounded(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.01, "<0.1"), (4.25, "4.2"), (9.97, "10.0"), (10.4, "10"), (None, "–")]
)
def test_amounts_in_a_column_keep_at_most_a_tenth(value, text):
    assert figures.amount(value) == text


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (0, "0 min"),
        (0.0001, "under 1 s"),
        (0.01, "36 s"),
        (0.5, "30 min"),
        (1, "1 h"),
        (47.9, "47.9 h"),
        (48, "2 days"),
        (100 * 24, "100 days"),
    ],
)
def test_durations_take_the_unit_that_reads_best(hours, text):
    assert figures.duration(hours) == text


def test_memory_and_storage_change_unit_at_a_thousand():
    assert [figures.memory(size) for size in (300, 31000)] == ["300 MB", "31 GB"]
    assert [figures.storage(size) for size in (0, 0.012, 4.25, 4480)] == ["0 GB", "12 MB", "4.25 GB", "4.48 TB"]


def test_small_shares_are_not_nothing():
    assert [figures.percent(share) for share in (None, 0, 0.004, 0.53)] == ["not recorded", "0 %", "<1 %", "53 %"]


def test_times_name_their_zone():
    assert figures.moment("2026-11-21T08:30:00+00:00") == "21 November 2026, 08:30 UTC"
    assert figures.moment("2026-11-21T08:30:00+01:00") == "21 November 2026, 08:30 UTC+01:00"


@pytest.mark.parametrize(
    ("tally", "state"),
    [
        (None, "n"),
        ({"due": 0, "done": 0, "failed": 0}, "n"),
        ({"due": 0, "done": 3, "failed": 0}, "d"),
        ({"due": 3, "done": 0, "failed": 0}, "u"),
        ({"due": 1, "done": 2, "failed": 0}, "p"),
        ({"due": 1, "done": 2, "failed": 1}, "f"),
    ],
)
def test_failure_outweighs_what_is_due_and_that_what_is_done(tally, state):
    assert state_of(tally) == state


def test_returns_that_follow_from_another_are_left_out():
    forward = [("explore", "label"), ("label", "train"), ("train", "assess")]
    returns = [("train", "explore"), ("assess", "explore"), ("train", "label"), ("assess", "train")]
    assert graph.reduced_returns(returns, forward) == [("assess", "explore")]


def test_arrows_that_follow_from_others_are_left_out():
    assert graph.reduced([("a", "b"), ("b", "c"), ("a", "c")]) == [("a", "b"), ("b", "c")]


def test_boxes_stand_apart_and_below_what_they_need():
    drawing = graph.draw(NAMES, EDGES)
    place = {box.name: box for box in drawing.boxes}
    assert [box.name for box in drawing.boxes] == list(NAMES)
    for one in drawing.boxes:
        assert 0 <= one.x <= drawing.width - graph.NODE_WIDTH
        assert 0 <= one.y <= drawing.height - graph.NODE_HEIGHT
        beside = [other for other in drawing.boxes if other.y == one.y and other is not one]
        assert all(abs(other.x - one.x) >= graph.NODE_WIDTH for other in beside)
    returning = {("explore", "label"), ("release", "train")}
    for start, end in EDGES:
        if start != end:
            assert (place[start].y < place[end].y) != ((start, end) in returning)
    assert len(drawing.returns) == 2


def test_graph_of_nothing_is_empty():
    drawing = graph.draw([], [])
    assert (drawing.boxes, drawing.arrows, drawing.returns) == ([], [], [])


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.3312, 0.0213, "0.331 ± 0.021"),
        (1234.6, 67.8, "1,235 ± 68"),
        (1.234e-6, 5.6e-8, "(1.234 ± 0.056) × 10⁻⁶"),
        (0.08, 0.64, "0.08 ± 0.64"),
        (2.5, None, "2.5"),
        (2.5, 0.0, "2.5"),
    ],
)
def test_numbers_have_the_digits_of_their_errors(value, error, text):
    assert figures.with_error(value, error) == text


@pytest.mark.parametrize(
    ("value", "text"), [(5.3e22, "5.3 × 10²²"), (999_999_999, "1,000,000,000"), (12_345_678, "12,300,000")]
)
def test_very_large_numbers_are_written_with_a_power(value, text):
    assert figures.rounded(value) == text
