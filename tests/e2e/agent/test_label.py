"""One label: the operator brings the agent into images of applications without OpenTelemetry, and removes it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from e2e.agent.shops import SHOPS, assert_traced, backends, deployment, load, response_of
from support.cluster.images import load_images
from support.cluster.kube import visible_fields, wait_for_state
from support.paths import HELM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from e2e.agent.shops import Shop
    from support.cluster.kube import Kube

pytestmark = pytest.mark.timeout(600)

LABEL = "spanloom.dev/inject"


@pytest.fixture(scope="module")
def site() -> Iterator[Kube]:
    """Install the operator for one namespace, whose default profile enables the agent."""
    load_images()
    with backends() as kube:
        profile = {"exporter": {"endpoint": "http://traces-jaeger:4318"}, "agent": {"enabled": True}}
        values = {"namespaces": [kube.namespace], "policy": {"enabled": False}, "profile": profile}
        arguments = [f"--set-json={key}={json.dumps(value)}" for key, value in values.items()]
        kube("apply", "--server-side", "--force-conflicts", "-f", str(HELM / "operator/crds"))
        kube.run("helm", "install", "operator", str(HELM / "operator"), *arguments, "--wait", "--timeout=3m")
        try:
            yield kube
        finally:
            kube.run("helm", "uninstall", "operator", "--wait", "--timeout=3m")


@pytest.mark.parametrize("shop", SHOPS, ids=lambda shop: shop.name)
def test_a_label_traces_an_image_without_opentelemetry(shop: Shop, site: Kube) -> None:
    """Whole traces through to PostgreSQL; without the label, the Deployment is equal to the original."""
    load(shop)
    site.apply(*deployment(shop))
    response_of(site, shop)
    before = visible_fields(site, shop.name)

    site("label", "deployment", shop.name, f"{LABEL}=true")
    wait_for_state(site, "Injected", shop.name)
    assert_traced(site, shop, response_of(site, shop))

    site("label", "deployment", shop.name, f"{LABEL}-")
    wait_for_state(site, None, shop.name)
    assert before == visible_fields(site, shop.name)
    response_of(site, shop)
