"""Jaeger is down: spans wait in the Collector."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from support.polling import poll_until

from e2e.faults.faults import without
from e2e.faults.load import WHOLE, load, statuses, until_stored

if TYPE_CHECKING:
    from support.cluster.helm_release import Release
    from support.plugins.faults import Record

OUTAGE_SECONDS = 120


@pytest.mark.timeout(420)
@pytest.mark.long
@pytest.mark.fault("Jaeger down for 2 minutes")
def test_down_for_two_minutes(release: Release, record: Record) -> None:
    """Every request gets its response, and every span of the outage is in Jaeger afterwards."""
    with without(release, "jaeger"), load(release) as responses:
        over = time.monotonic() + OUTAGE_SECONDS
        poll_until(lambda: time.monotonic() > over, "the outage is over", OUTAGE_SECONDS + 1)
    found = until_stored(release, responses)
    record(statuses(responses), WHOLE * len(responses), found)
    assert {200} == set(statuses(responses))
    assert WHOLE * len(responses) == found
