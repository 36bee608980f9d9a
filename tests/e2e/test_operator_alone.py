"""The operator chart alone: a service without telemetry settings, one label, and its traces are in Jaeger."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from support.cluster.images import load_images
from support.cluster.kube import Kube, is_rolled_out, visible_fields, wait_for_state
from support.paths import ROOT
from support.polling import poll_until

from spanloom.testing import assert_shape
from spanloom_local.cluster import forwarded, wait_for_trace
from spanloom_local.journey import send

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cluster.kube import Object

pytestmark = pytest.mark.timeout(300)

LABEL = "spanloom.dev/inject"
# There is no users-db-service: the trace contains users-api's retries.
TREE = """\
shop SERVER GET /users
  shop INTERNAL list_users
    shop CLIENT GET
    shop CLIENT GET
    shop CLIENT GET"""


@pytest.fixture
def kube() -> Iterator[Kube]:
    """Create a namespace with Jaeger."""
    load_images()
    mine = Kube(f"alone-{uuid.uuid4().hex[:6]}")
    mine("create", "namespace", mine.namespace)
    try:
        mine.run("helm", "install", "traces", str(ROOT / "helm" / "jaeger"), "--wait", "--timeout=3m")
        yield mine
    finally:
        mine("delete", "namespace", mine.namespace, "--wait=false")


@contextmanager
def operator(kube: Kube) -> Iterator[None]:
    """Install the operator chart for the whole cluster with its default values, and uninstall it."""
    endpoint = f"--set=profile.exporter.endpoint=http://traces-jaeger.{kube.namespace}:4318"
    kube.run("helm", "install", "operator", str(ROOT / "helm" / "operator"), endpoint, "--wait", "--timeout=3m")
    try:
        yield
    finally:
        kube.run("helm", "uninstall", "operator", "--wait", "--timeout=3m")


def test_one_label_is_enough(kube: Kube) -> None:
    """The label produces traces; without the label or the operator, the Deployment is as it was before."""
    kube.apply(*users_api("shop"), *users_api("pay"))
    with operator(kube):
        before = {name: visible_fields(kube, name) for name in ("shop", "pay")}
        kube("label", "deployment", "shop", "pay", f"{LABEL}=true")
        for name in before:
            wait_for_state(kube, "Injected", name)
        poll_until(lambda: is_rolled_out(kube.get("deployment/shop")), "the injected pod is ready", 120)
        with (
            forwarded(kube.namespace, "shop", 8000) as edge,
            forwarded(kube.namespace, "traces-jaeger", 16686) as jaeger,
        ):
            response = send(edge, "GET", "/users")
            assert 503 == response.status
            assert_shape(wait_for_trace(jaeger, response, len(TREE.splitlines()), service="shop"), TREE)
        kube("label", "deployment", "shop", f"{LABEL}-")
        wait_for_state(kube, None)
        assert before["shop"] == visible_fields(kube, "shop")
    kube("label", "deployment", "pay", f"{LABEL}-")
    assert before["pay"] == visible_fields(kube, "pay")


def users_api(name: str) -> list[Object]:
    """Return a Deployment of users-api without telemetry settings, and its Service."""
    labels = {"app": name, "app.kubernetes.io/name": "users-api"}
    container = {
        "name": "users-api",
        "image": "users-api:0.1.0",
        "env": [{"name": "USERS_API_USERS_DB_URL", "value": "http://localhost:1"}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8000}, "periodSeconds": 1},
    }
    template = {"metadata": {"labels": labels}, "spec": {"enableServiceLinks": False, "containers": [container]}}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": 8000}]},
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template},
    }
    return [service, deployment]
