"""A picture of the page with traces, metrics and logs, made by headless Chromium."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

from spanloom_local.journey import READ, send_journey, trace_of
from spanloom_local.polling import poll_until
from spanloom_local.processes import StackError, run

if TYPE_CHECKING:
    from pathlib import Path

    from spanloom.traces.model import Trace
    from spanloom_local.journey import Response
    from spanloom_local.stack import Stack

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SIZE = "1280,946"
TRAFFIC_SECONDS = 75.0  # charts with something to see
PAUSE_SECONDS = 0.15
PAGE_MILLISECONDS = "3000"  # virtual time: the page's clock runs as fast as the machine can


def take_picture(stack: Stack, file: Path) -> None:
    """Send requests for TRAFFIC_SECONDS, then save the page with the trace of the last READ as PNG."""
    responses = _send_traffic(stack)
    trace = poll_until(lambda: _complete(stack, responses[READ.title]), "the trace arrives")
    take_screenshot(f"{stack.receiver.url}/#{trace.trace_id}", file)


def _send_traffic(stack: Stack) -> dict[str, Response]:
    """Return the responses of the last journey by the titles of its steps."""
    responses: dict[str, Response] = {}
    end = time.monotonic() + TRAFFIC_SECONDS
    while time.monotonic() < end:
        for step, response in send_journey(stack.url):
            stack.processes.check()
            responses[step.title] = response
            time.sleep(PAUSE_SECONDS)
    return responses


def _complete(stack: Stack, response: Response) -> Trace | None:
    """Return the trace of a READ when all of its spans and log lines have arrived."""
    store = stack.receiver.store
    trace = trace_of(response, store.traces().values())
    if trace is None or trace.shape() != READ.tree or not store.lines.of_trace(trace.trace_id):
        return None
    return trace


def take_screenshot(url: str, file: Path) -> None:
    """Save the page at `url` as PNG; StackError if there is no browser or it fails."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise StackError("--picture requires Chromium. Install it (Debian: apt install chromium).")
    options = ["--headless", "--no-sandbox", "--hide-scrollbars", f"--window-size={SIZE}"]
    options += [f"--virtual-time-budget={PAGE_MILLISECONDS}", f"--screenshot={file.resolve()}"]
    run([browser, *options, url], f"{browser} could not make the picture")
