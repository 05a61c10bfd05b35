"""What a test asks of an open page."""

from pathlib import Path

from playwright.sync_api import Page

A4_WIDTH = 695  # CSS pixels between the margins of the printed page
SMALLEST_TEXT = 12
# WCAG 2.2, success criterion 1.4.3.
SMALLEST_CONTRAST = 4.5

INSPECTION = Path(__file__).with_name("inspection.js").read_text()


def inspect(page: Page, what: str) -> list:
    """What a function of inspection.js finds on a page."""
    return page.evaluate(f"() => {{ {INSPECTION}; return {what}(); }}")


def column(page: Page, table: str, place: int) -> list[str]:
    """What stands in a column, top to bottom, of the rows that show."""
    rows = page.locator(f"{table} > tbody > tr:not([hidden]):not(.detail)")
    return rows.evaluate_all(f"rows => rows.map(row => row.cells[{place}].textContent.trim())")
