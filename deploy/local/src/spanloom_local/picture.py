"""A picture of a trace on the page, made by headless Chromium."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from spanloom_local.processes import StackError, run

if TYPE_CHECKING:
    from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SIZE = "1280,660"
PAGE_MILLISECONDS = "3000"  # virtual time: the page's clock runs as fast as the machine can


def take_screenshot(url: str, file: Path) -> None:
    """Save the page at `url` as PNG; StackError if there is no browser or it fails."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise StackError("--picture requires Chromium. Install it (Debian: apt install chromium).")
    options = ["--headless", "--no-sandbox", "--hide-scrollbars", f"--window-size={SIZE}"]
    options += [f"--virtual-time-budget={PAGE_MILLISECONDS}", f"--screenshot={file.resolve()}"]
    run([browser, *options, url], f"{browser} could not make the picture")
