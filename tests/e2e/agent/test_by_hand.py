"""The init container of the agent's page, written into Deployments of applications without OpenTelemetry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from e2e.agent.shops import SHOPS, backends, deployment, load
from support.builders.pages import blocks
from support.cluster.images import load_images
from support.cluster.kube import is_rolled_out
from support.polling import poll_until

from spanloom.testing import assert_shape
from spanloom_local.cluster import forwarded, wait_for_trace
from spanloom_local.journey import send

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
    responses = []
    for objects in (deployment(shop), with_agent(shop)):
        site.apply(*objects)
        poll_until(lambda: is_rolled_out(site.get(f"deployment/{shop.name}")), f"{shop.name} is ready", 120)
        with forwarded(site.namespace, shop.name, 8000) as url:
            responses.append(send(url, "GET", "/orders/7"))
    assert [(200, {"number": 7, "name": "users"})] * 2 == [(one.status, one.body) for one in responses]
    with forwarded(site.namespace, "traces-jaeger", 16686) as jaeger:
        trace = wait_for_trace(jaeger, responses[1], len(shop.tree.splitlines()), service=shop.name)
    assert_shape(trace, shop.tree)
