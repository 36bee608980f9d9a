"""docs/compatibility.md: what the project is tried with, from the tables that the tests run."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from compatibility.versions import NEWEST, PLATFORMS, VERSIONS
from markdown import table

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[1] / "compatibility.md"
TEXT = """\
# Compatibility

## Libraries

The versions that `make test-matrix` runs the distribution with: the same responses as without it, and the same traces
as with the newest. `make test` runs the lowest and the newest of each.

{versions}

Tried in their newest version, as `tests/compatibility/environments/newest.txt` pins it:
{newest}.

With a version of OpenTelemetry's SDK that the fast path does not know, spans are made and sent by the SDK's public
classes, at a higher cost; one line on standard error says so.

## Platforms

{platforms}

Written by `make docs` from `tests/compatibility/versions.py`.
"""


def pages() -> Iterator[tuple[Path, str]]:
    """Yield the file and the text of the page."""
    yield (
        PAGE,
        TEXT.format(
            versions=table(("library", "versions"), _versions()),
            newest=", ".join(name for name in NEWEST if not name.startswith("opentelemetry-")),
            platforms=table(("platform", "versions", "how it is tried"), PLATFORMS),
        ),
    )


def _versions() -> Iterator[tuple[str, str]]:
    for library, found in groupby(VERSIONS, lambda version: version.library):
        yield library, ", ".join(f"{one.version} ({one.why})" if one.why else one.version for one in found)
