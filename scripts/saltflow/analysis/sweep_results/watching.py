"""The results page of a running sweep, served to the browsers of this machine and made again as products come."""

import time
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from posixpath import normpath
from threading import Lock
from urllib.parse import unquote, urlsplit

from saltflow.analysis.sweep_results.page import PAGE, StudiesSoFar, as_written, make_page
from saltflow.base.errors import SaltflowError
from saltflow.campaign.campaign import Campaign
from saltflow.operations.status import format_status, read_status

LOOPBACK = "127.0.0.1"
HOSTS = (LOOPBACK, "localhost")
SERVED = ("/results/", "/logs/")  # what the page links to
EVERY_S = 60


class LivePage:
    """The page of a sweep, at most `EVERY_S` old.

    Args:
        campaign: what the sweep is made of.
        folder: its working directory.
        studies: as for `make_page`.
    """

    def __init__(self, campaign: Campaign, folder: Path, *, studies: StudiesSoFar = as_written):
        self._campaign, self._folder, self._studies = campaign, folder, studies
        self._lock, self._made_at, self._content = Lock(), -float("inf"), b""

    def content(self) -> bytes:
        """The page with the status of the sweep, as UTF-8."""
        with self._lock:
            if time.monotonic() - self._made_at >= EVERY_S:
                status = format_status(read_status(self._campaign, self._folder))
                live = {"every_s": EVERY_S, "status": status}
                self._content = make_page(self._campaign, self._folder, studies=self._studies, live=live).encode()
                self._made_at = time.monotonic()
            return self._content


class _Handler(SimpleHTTPRequestHandler):
    """Answers with the live page, or with a file that it links to."""

    def __init__(self, *arguments: object, page: LivePage, **named: object):
        self._page = page
        super().__init__(*arguments, **named)

    def do_GET(self) -> None:
        """Send the page, a product or a log; another site that calls itself by our address is refused."""
        path = normpath(unquote(urlsplit(self.path).path))
        if self.headers.get("Host", "").partition(":")[0] not in HOSTS:
            self.send_error(403)
        elif path == "/":
            self.send_response(302)
            self.send_header("Location", f"/{PAGE}")
            self.end_headers()
        elif path == f"/{PAGE}":
            self._send_page()
        elif f"{path}/".startswith(SERVED):
            super().do_GET()
        else:
            self.send_error(404)

    def do_HEAD(self) -> None:
        """Not offered."""
        self.send_error(405)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing of each request."""

    def _send_page(self) -> None:
        try:
            content = self._page.content()
        except SaltflowError as error:
            self.send_error(500, explain=str(error))
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)


def results_server(
    campaign: Campaign, folder: Path, *, studies: StudiesSoFar = as_written, port: int
) -> ThreadingHTTPServer:
    """A server of the live page, not yet serving, that only this machine reaches.

    Args:
        campaign, folder, studies: as for `LivePage`.
        port: 0 takes any that is free.

    Raises:
        SaltflowError: the port is taken.
    """
    handler = partial(_Handler, directory=str(folder), page=LivePage(campaign, folder, studies=studies))
    try:
        return ThreadingHTTPServer((LOOPBACK, port), handler)
    except OSError as error:
        raise SaltflowError(
            f"Port {port} cannot be served on ({error.strerror}); choose another one with --port."
        ) from None


def watch_results(
    campaign: Campaign, folder: Path, *, studies: StudiesSoFar = as_written, port: int, say: Callable[[str], None]
) -> None:
    """Serve the live page until Ctrl-C.

    Args:
        campaign, folder, studies, port: as for `results_server`.
        say: writes a line for the user.

    Raises:
        SaltflowError: the port is taken.
    """
    with results_server(campaign, folder, studies=studies, port=port) as server:
        say(f"Results: http://{LOOPBACK}:{server.server_port}/ (made again every {EVERY_S} s; Ctrl-C ends it)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("")
