"""PostgreSQL's pod is killed: requests fail with 503 until it is back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.polling import poll_until

from e2e.faults.faults import containers, kill, the_pod, wait_until_ready
from e2e.faults.load import edges, load, statuses
from spanloom_local.journey import CREATE, READ, send

if TYPE_CHECKING:
    from support.cluster.helm_release import Release
    from support.plugins.faults import Record

PART = "postgres"


@pytest.mark.timeout(300)
@pytest.mark.fault("PostgreSQL's pod killed (SIGKILL to all its processes)")
def test_killed(release: Release, record: Record) -> None:
    """Requests get 503 during the fault and 200 after it, from the same pods; each has its server span.

    A user that was acknowledged before the fault is still stored.
    """
    services = [containers(the_pod(release, part)) for part in ("users-api", "users-db-service")]
    with load(release) as responses, release.reach("users-api", 8000) as edge:
        user = send(edge, CREATE.method, CREATE.route, CREATE.body).body["id"]
        before = the_pod(release, PART)
        kill(before)
        poll_until(lambda: statuses(responses)[503], "responses have status 503")
        wait_until_ready(release, PART, after=before)
        repaired = len(responses)
        poll_until(lambda: statuses(responses[repaired:])[200], "requests succeed again")
        read = send(edge, READ.method, READ.route.format(user_id=user))
    with release.reach("jaeger", 16686) as jaeger:
        poll_until(lambda: edges(jaeger, responses) == len(responses), "every request has its server span", 60)
        record(statuses(responses), len(responses), edges(jaeger, responses))
    assert {200, 503} == set(statuses(responses))
    assert (200, user) == (read.status, read.body["id"])
    assert services == [containers(the_pod(release, part)) for part in ("users-api", "users-db-service")]
