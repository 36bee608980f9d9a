"""A cluster, the chart's roles and policy in it, and the operator's process with no more rights than those."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from support import operating as process
from support.kube import Kube

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

HOME = "op-e2e-home"


@pytest.fixture(scope="session")
def home() -> Iterator[Kube]:
    """Make the operator's namespace, with everything of the chart but its pods."""
    with process.installed(HOME) as kube:
        yield kube


@pytest.fixture(scope="session")
def config_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Kube, str], Path]:
    """Return what writes a kubeconfig of a service account: what the process may do is what the chart allows."""
    return lambda kube, name: process.write_config(kube, name, tmp_path_factory.mktemp("operator") / "kubeconfig")


@pytest.fixture(scope="session")
def account(home: Kube, config_of: Callable[[Kube, str], Path]) -> Path:
    """Write a kubeconfig of the operator's account."""
    return config_of(home, process.ACCOUNT)


@pytest.fixture
def kube(home: Kube) -> Iterator[Kube]:
    """Make a namespace of the test's own."""
    mine = Kube(f"op-e2e-{uuid.uuid4().hex[:8]}")
    mine("create", "namespace", mine.namespace)
    yield mine
    mine("delete", "namespace", mine.namespace, "--wait=false")


@pytest.fixture
def operating(account: Path, tmp_path: Path) -> Callable[..., AbstractContextManager[Path]]:
    """Return what runs the operator for a while, with settings, and gives its log."""

    @contextmanager
    def run(account: Path = account, **settings: str) -> Iterator[Path]:
        with process.operating(account, tmp_path / "operator.log", **{"NAMESPACE": HOME, **settings}) as operator:
            yield operator.log

    return run
