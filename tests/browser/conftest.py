"""The system's Chromium, headless, with pages that note every request and every word on the console."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from documents import account_document, plan_document
from playwright.sync_api import Browser, Page, sync_playwright

from saltflow.operations.pages.account_page import account_page
from saltflow.operations.pages.plan_page import plan_page

CHROMIUM = shutil.which("chromium")
# Root in a container has no sandbox to enter; nothing here may look for a network or a GPU.
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"),
    *("--use-angle=swiftshader", "--enable-unsafe-swiftshader"),  # WebGL by the CPU
)


@dataclass
class Visit:
    """An open page, the addresses it asked for and what it complained about."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")  # while it runs, so does an event loop, beside which Snakemake's API cannot plan
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium here: tests/setup.sh installs it where it may")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Plan and account of a middling and of a large sweep, as files."""
    folder = tmp_path_factory.mktemp("pages")
    made = {}
    for number in (77, 700):
        made[f"plan {number}"] = plan_page(plan_document(number))
        made[f"account {number}"] = account_page(account_document(number))
    paths = {name: folder / f"{name.replace(' ', '-')}.html" for name in made}
    for name, path in paths.items():
        path.write_text(made[name], encoding="utf-8")
    return paths


@pytest.fixture
def visit(browser: Browser, pages: dict[str, Path]) -> Iterator[Callable[..., Visit]]:
    """Open a page by its name, with options of the browser's context."""
    contexts = []

    def open_page(name: str | Path, **options: object) -> Visit:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        visit = Visit(context.new_page())
        visit.page.on("request", lambda request: visit.requests.append(request.url))
        visit.page.on("console", lambda message: visit.complaints.append(message.text))
        visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        visit.page.on("dialog", lambda dialog: visit.complaints.append(dialog.message))
        visit.page.goto((name if isinstance(name, Path) else pages[name]).as_uri())
        return visit

    yield open_page
    for context in contexts:
        context.close()
