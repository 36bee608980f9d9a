"""Fixtures of the tests of the admission policy."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import pytest
from e2e.operator.patches import BASE
from support.builders.deployments import of_kind
from support.cluster.kube import Kube

if TYPE_CHECKING:
    from pathlib import Path

    from spanloom_operator.kinds import Kind


@pytest.fixture
def operator(kube: Kube, account: Path, kind: Kind) -> Kube:
    """Create a workload `shop`, and return kubectl with the operator's account."""
    kube.apply(of_kind(kind, deepcopy({**BASE, "metadata": {**BASE["metadata"], "namespace": kube.namespace}})))
    return Kube(kube.namespace, str(account))
