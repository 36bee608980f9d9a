"""Fixtures of every suite that needs a cluster: releases, the operator's installation, namespaces, failure reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.cluster.diagnostics import cluster_state
from support.cluster.helm_release import helm_release
from support.cluster.namespaces import new_namespace
from support.cluster.operator_process import (
    ACCOUNT,
    installed_chart,
    operator_process,
    scope_settings,
    write_config,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from support.cluster.helm_release import Release
    from support.cluster.kube import Kube
    from support.cluster.operator_process import OperatorProcess

HOME = "op-e2e-home"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add pods, Events and logs of a test's release to the report of its failure."""
    report = yield
    release = getattr(item, "funcargs", {}).get("release")
    if report.failed and release:
        report.sections += cluster_state(release.kube)
    return report


@pytest.fixture(scope="session")
def release() -> Iterator[Release]:
    """Install the umbrella chart with its default values, once."""
    with new_namespace("e2e") as kube, helm_release(kube) as found:
        yield found


@pytest.fixture(scope="session")
def home() -> Iterator[Kube]:
    """Create the operator's namespace with the roles, policy and profile of its chart, without its pods."""
    with installed_chart(HOME) as kube:
        yield kube


@pytest.fixture(scope="session")
def config_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Kube, str], Path]:
    """Return a function that writes a kubeconfig of a ServiceAccount: a process with it has the chart's rights."""
    return lambda kube, name: write_config(kube, name, tmp_path_factory.mktemp("operator") / "kubeconfig")


@pytest.fixture(scope="session")
def account(home: Kube, config_of: Callable[[Kube, str], Path]) -> Path:
    """Return a kubeconfig of the operator's account."""
    return config_of(home, ACCOUNT)


@pytest.fixture
def kube() -> Iterator[Kube]:
    """Create a namespace for one test."""
    with new_namespace("op-e2e", restricted=False) as found:
        yield found


@pytest.fixture
def operating(
    kube: Kube, home: Kube, account: Path, tmp_path: Path
) -> Callable[..., AbstractContextManager[OperatorProcess]]:
    """Return a function that runs the operator with these settings inside a `with` block.

    It looks after the test's own namespace, unless it is to look after the cluster, or settings name others.
    """

    def run(
        account: Path = account, *, whole_cluster: bool = False, **settings: str
    ) -> AbstractContextManager[OperatorProcess]:
        is_scoped = not (whole_cluster or "NAMESPACES" in settings)
        scope = scope_settings(home, kube) if is_scoped else {"NAMESPACE": HOME}
        return operator_process(account, tmp_path / "operator.log", **{**scope, **settings})

    return run
