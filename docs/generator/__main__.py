"""Write every generated page (`make docs`); with `--check` name those that are not current instead."""

from __future__ import annotations

import sys

import chart_readmes
import compatibility_page
import configuration_page
import crd_pages
import explain_page
import reports_page

MODULES = (chart_readmes, compatibility_page, configuration_page, explain_page, crd_pages, reports_page)
PAGES = {path: text for module in MODULES for path, text in module.pages()}

if __name__ == "__main__":
    if "--check" in sys.argv:
        stale = [str(path) for path, text in PAGES.items() if not path.exists() or path.read_text() != text]
        sys.exit("\n".join(["not current; `make docs` writes them:", *stale]) if stale else 0)
    for path, text in PAGES.items():
        path.write_text(text)
