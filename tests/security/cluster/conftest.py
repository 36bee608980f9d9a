"""One release for the attacks on a cluster. Its services send logs, too, and soon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from security.canaries import SETTINGS
from support.released import new_namespace, pytest_runtest_makereport, released

from spanloom_local.journey import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from e2e.release import Release

__all__ = ["pytest_runtest_makereport"]

# Not at debug: there each export makes log records, which are exported, until the kubelet has rotated the rest away
TELLING = {key: value for key, value in SETTINGS.items() if key != "SPANLOOM_FILTER"}


@pytest.fixture(scope="package")
def release() -> Iterator[Release]:
    """Install the umbrella once for this folder."""
    users = {"services": {service: {"env": TELLING} for service in SERVICES}}
    with new_namespace("security") as kube, released(kube, users=users) as found:
        yield found
