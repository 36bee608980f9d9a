"""The init container of the agent's page, written into Deployments of applications without OpenTelemetry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from e2e.agent.shops import SHOPS, assert_traced, backends, deployment, load, response_of
from support.builders.pages import blocks
from support.cluster.images import load_images

if TYPE_CHECKING:
    from collections.abc import Iterator

    from e2e.agent.shops import Shop
    from support.cluster.kube import Kube, Object

pytestmark = pytest.mark.timeout(600)

PAGE = "services/telemetry/agent/README.md"


@pytest.fixture(scope="module")
def site() -> Iterator[Kube]:
    load_images()
    with backends() as kube:
        yield kube


def with_agent(shop: Shop) -> list[Object]:
    """Return the Deployment of a shop with what the page adds to its Pod."""
    service, found = deployment(shop)
    [text] = [block.text for block in blocks(PAGE) if block.language == "yaml"]
    added = yaml.safe_load(text)["spec"]
    pod = found["spec"]["template"]["spec"]
    pod.update(initContainers=added["initContainers"], volumes=added["volumes"])
    container, more = pod["containers"][0], added["containers"][0]
    own = {"OTEL_SERVICE_NAME": shop.name, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://traces-jaeger:4318"}
    container["env"] += [{**item, "value": own.get(item["name"], item["value"])} for item in more["env"]]
    container["volumeMounts"] = more["volumeMounts"]
    return [service, found]


@pytest.mark.parametrize("shop", SHOPS, ids=lambda shop: shop.name)
def test_a_request_is_traced_through_to_postgresql(shop: Shop, site: Kube) -> None:
    """The Pod is admitted as restricted, with another user id and a group; its response is that of the bare one."""
    load(shop)
    site.apply(*deployment(shop))
    response_of(site, shop)

    site.apply(*with_agent(shop))
    assert_traced(site, shop, response_of(site, shop))
