"""The alerts of the operator: each is caused for real, in a real Prometheus with the chart's rules, and clears."""

from __future__ import annotations

import json
import ssl
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest
import trustme
from e2e.operator.shop import label, profile, shop, unlabel
from support.cluster.kube import wait_for_state
from support.cluster.operator_process import ACCOUNT, write_config
from support.cluster.prometheus import samples
from support.polling import poll_until
from support.processes.commands import free_port
from support.processes.prometheus import firing, running_prometheus, until_clears, until_fires
from support.servers.tcp_proxy import tcp_proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from support.cluster.kube import Kube
    from support.cluster.operator_process import OperatorProcess

    Operating = Callable[..., AbstractContextManager[OperatorProcess]]

pytestmark = pytest.mark.timeout(900)
STALE_SECONDS = 400  # the alert's 300, and the watches' own timeout
CHECK_SECONDS = 330  # the operator looks at certificates every 300
NEEDS_ITS_OWN = "import os, signal, sys; 'OTEL_SERVICE_NAME' in os.environ and sys.exit(1); signal.pause()"


@contextmanager
def watched(operator: OperatorProcess, folder: Path) -> Iterator[str]:
    """Run Prometheus, which scrapes the operator, inside the block; yield its URL."""
    with running_prometheus(folder, free_port(), [f"127.0.0.1:{operator.metrics_port}"]) as prometheus:
        yield prometheus


@contextmanager
def tls_server(port: int, days: int) -> Iterator[None]:
    """Serve a certificate that ends in so many days inside the block."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost", not_after=datetime.now(UTC) + timedelta(days=days)).configure_cert(context)
    with ThreadingHTTPServer(("127.0.0.1", port), SimpleHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever).start()
        try:
            yield
        finally:
            server.shutdown()


def test_an_injection_that_is_rolled_back(kube: Kube, operating: Operating, tmp_path: Path) -> None:
    """InjectionRolledBack fires for an application that does not start with it, until its label is removed."""
    kube.apply(shop(kube, 1, command=["python3", "-c", NEEDS_ITS_OWN]))
    kube("rollout", "status", "deployment/shop", "--timeout=60s")
    with operating(GRACE="6") as operator, watched(operator, tmp_path) as prometheus:
        assert set() == firing(prometheus)
        label(kube)
        wait_for_state(kube, "RolledBack")
        until_fires(prometheus, "InjectionRolledBack")
        unlabel(kube)
        until_clears(prometheus, "InjectionRolledBack")


@pytest.mark.long
def test_a_watch_that_receives_nothing(kube: Kube, home: Kube, operating: Operating, tmp_path: Path) -> None:
    """OperatorWatchStale fires while the API server sends the operator nothing, and clears when it does again."""
    with tcp_proxy() as proxy:
        config = json.loads(kube("config", "view", "--raw", "--minify", "-o", "json"))
        proxy.target = config["clusters"][0]["cluster"]["server"]
        account = write_config(home, ACCOUNT, tmp_path / "kubeconfig", proxy.url.replace("http:", "https:"))
        with operating(account) as operator, watched(operator, tmp_path) as prometheus:
            poll_until(lambda: samples(prometheus, "spanloom_operator_ready == 1"), "the operator has started")
            with proxy.mode("hold"):
                until_fires(prometheus, "OperatorWatchStale", STALE_SECONDS)
            until_clears(prometheus, "OperatorWatchStale")


@pytest.mark.long
def test_a_certificate_that_ends_soon(kube: Kube, operating: Operating, tmp_path: Path) -> None:
    """CertificateExpiring fires for the endpoint of a profile, until a new certificate is presented."""
    port = free_port()
    endpoint = f"https://localhost:{port}"
    kube.apply(profile(kube, exporter={"endpoint": endpoint, "protocol": "http/protobuf"}))
    with operating(ENDPOINTS=endpoint) as operator, watched(operator, tmp_path) as prometheus:
        with tls_server(port, days=5):
            until_fires(prometheus, "CertificateExpiring", CHECK_SECONDS)
        with tls_server(port, days=90):
            until_clears(prometheus, "CertificateExpiring", CHECK_SECONDS)
