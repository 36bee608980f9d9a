"""Files of the chart helm/users that are copies: Helm packages a chart without what lies outside of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "deploy/local/src/spanloom_local"
COPIES = ("load.py", "breakages/table.json", "breakages/users_api.py", "breakages/users_db.py")


def pages() -> Iterator[tuple[Path, str]]:
    """Yield the path and the text of each copy."""
    for name in COPIES:
        yield ROOT / "helm/users/files" / name, (PACKAGE / name).read_text()
