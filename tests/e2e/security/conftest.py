"""A release for the attacks on a cluster. Its services export logs, and export every signal often."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.builders.canaries import SETTINGS
from support.builders.deployments import EXPORTER
from support.cluster.helm_release import helm_release
from support.cluster.namespaces import new_namespace

from e2e.security.tenants import profile, tenant_rights
from spanloom_local.journey import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cluster.helm_release import Release
    from support.cluster.kube import Kube

# Not at level debug: each export would make log records, which are exported, until the kubelet has rotated all others.
VERBOSE = {key: value for key, value in SETTINGS.items() if key != "SPANLOOM_FILTER"}


@pytest.fixture(scope="package")
def release() -> Iterator[Release]:
    """Install the umbrella chart once for this folder."""
    users = {"services": {service: {"env": VERBOSE} for service in SERVICES}}
    with new_namespace("security") as kube, helm_release(kube, users=users) as found:
        yield found


@pytest.fixture(scope="module")
def other_namespace() -> Iterator[Kube]:
    """Create a namespace in which the tenant has no rights, with a profile that names a Secret."""
    with new_namespace("op-security", restricted=False) as kube:
        headers = {"secretKeyRef": {"name": "other-secret", "key": "other-key"}}
        kube.apply(profile("other", {"exporter": {**EXPORTER, "headers": headers}}))
        yield kube


@pytest.fixture(scope="module")
def tenant_namespace() -> Iterator[Kube]:
    """Create the tenant's namespace; the tenant may write profiles and Deployments' metadata in it."""
    with new_namespace("op-security", restricted=False) as kube, tenant_rights(kube):
        yield kube
