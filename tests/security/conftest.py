"""The stack under attack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.processes.stack import running_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.processes.stack import Stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Run both services, PostgreSQL and a receiver."""
    with running_stack() as found:
        yield found
