"""OTLP receivers with a token, and with mutual TLS: a sender with neither is refused, and no span of it is accepted."""

from __future__ import annotations

import json
import ssl
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import grpc
import pytest
import trustme
from support.builders.otlp import proto_span, traces_body
from support.cluster.namespaces import new_namespace
from support.paths import HELM
from support.polling import poll_until

from spanloom_local.cluster import forwarded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.cluster.kube import Kube

pytestmark = pytest.mark.timeout(180)

CHART = HELM / "otel-collector"
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
SECONDS = 20
OURS, FOREIGN = trustme.CA(), trustme.CA()
SERVER = OURS.issue_cert("localhost", "127.0.0.1")
TOKENS = ("first-token", "second-token")
RECEIVERS = {
    "token": {"bearerToken": {"existingSecret": "tokens"}},
    "mtls": {"tls": {"existingSecret": "server", "verifyClients": True}},
}


@dataclass(frozen=True)
class Caller:
    """A sender: its `Authorization` header, TLS or not, and its client certificate."""

    authorization: str = ""
    tls: bool = False
    certificate: trustme.LeafCert | None = None


AUTHENTICATED = {
    "token": {"the first token": Caller(f"Bearer {TOKENS[0]}"), "the second token": Caller(f"Bearer {TOKENS[1]}")},
    "mtls": {"a certificate of the CA": Caller(tls=True, certificate=OURS.issue_cert("client.example"))},
}
UNAUTHENTICATED = {
    "token": {
        "no token": Caller(),
        "a wrong token": Caller("Bearer wrong"),
        "the beginning of a token": Caller(f"Bearer {TOKENS[0][:-1]}"),
        "two tokens in one": Caller(f"Bearer {' '.join(TOKENS)}"),
        "a token by another scheme": Caller(f"Basic {TOKENS[0]}"),
    },
    "mtls": {
        "no TLS": Caller(),
        "no certificate": Caller(tls=True),
        "a certificate of another CA": Caller(tls=True, certificate=FOREIGN.issue_cert("client.example")),
        "a self-made certificate": Caller(tls=True, certificate=trustme.CA().issue_cert("localhost")),
    },
}
REFUSALS = {"token": {"401", "UNAUTHENTICATED"}, "mtls": {"400", "no response", "UNAVAILABLE"}}


def by_http(url: str, caller: Caller, body: bytes) -> str:
    """Send over HTTP and return the status code; `no response` if the connection is closed without a response."""
    headers = {"Content-Type": "application/x-protobuf", "Authorization": caller.authorization}
    if caller.tls:
        url = url.replace("http:", "https:")
    try:
        with (
            _context(caller) as context,
            urlopen(Request(f"{url}/v1/traces", body, headers), timeout=SECONDS, context=context) as response,
        ):
            return str(response.status)
    except HTTPError as error:
        return str(error.code)
    except OSError:
        return "no response"


@contextmanager
def _context(caller: Caller) -> Iterator[ssl.SSLContext]:
    context = ssl.create_default_context()
    OURS.configure_trust(context)
    if caller.certificate:
        caller.certificate.configure_cert(context)
    yield context


def by_grpc(url: str, caller: Caller, body: bytes) -> str:
    """Send over gRPC and return the name of the status."""
    target, metadata = url.removeprefix("http://"), (("authorization", caller.authorization),)
    with _channel(target, caller) as channel:
        try:
            channel.unary_unary(EXPORT, _as_it_is)(body, timeout=SECONDS, metadata=metadata)
        except grpc.RpcError as error:
            return str(error.code().name)
        return "OK"


def _as_it_is(body: bytes) -> bytes:
    return body


def _channel(target: str, caller: Caller) -> grpc.Channel:
    if not caller.tls:
        return grpc.insecure_channel(target)
    key = chain = None
    if caller.certificate:
        key = caller.certificate.private_key_pem.bytes()
        chain = b"".join(pem.bytes() for pem in caller.certificate.cert_chain_pems)
    return grpc.secure_channel(target, grpc.ssl_channel_credentials(OURS.cert_pem.bytes(), key, chain))


PROTOCOLS: dict[str, tuple[int, Callable[[str, Caller, bytes], str]]] = {
    "http": (4318, by_http),
    "grpc": (4317, by_grpc),
}
EVERY_WAY = [(protection, protocol) for protection in RECEIVERS for protocol in PROTOCOLS]


@pytest.fixture(scope="module")
def kube() -> Iterator[Kube]:
    """Install the Collector's chart once with tokens and once with mutual TLS."""
    with new_namespace("receivers") as found, TemporaryDirectory() as directory:
        _make_secrets(found, Path(directory))
        for name, receivers in RECEIVERS.items():
            found.run("helm", "install", name, str(CHART), f"--set-json=receivers={json.dumps(receivers)}")
        for name in RECEIVERS:
            found("rollout", "status", f"statefulset/{name}-otel-collector", "--timeout=120s")
        yield found
        for name in RECEIVERS:
            found.run("helm", "uninstall", name)


def _make_secrets(kube: Kube, directory: Path) -> None:
    files = {
        "token": "\n".join(TOKENS).encode(),
        "tls.crt": b"".join(pem.bytes() for pem in SERVER.cert_chain_pems),
        "tls.key": SERVER.private_key_pem.bytes(),
        "ca.crt": OURS.cert_pem.bytes(),
    }
    for name, content in files.items():
        (directory / name).write_bytes(content)
    kube("create", "secret", "generic", "tokens", f"--from-file={directory / 'token'}")
    kube("create", "secret", "generic", "server", *(f"--from-file={directory / name}" for name in list(files)[1:]))


@pytest.mark.parametrize(("protection", "protocol"), EVERY_WAY)
def test_unauthenticated_senders_are_refused(kube: Kube, protection: str, protocol: str) -> None:
    """Every sender without credentials is refused; the Collector has only the spans of the others."""
    port, send = PROTOCOLS[protocol]
    callers = {**UNAUTHENTICATED[protection], **AUTHENTICATED[protection]}
    with forwarded(kube.namespace, f"{protection}-otel-collector", port) as url:
        responses = {
            who: send(url, caller, traces_body(proto_span(1, name=f"{protocol} {who}")))
            for who, caller in callers.items()
        }
    assert {"200" if protocol == "http" else "OK"} == {responses[who] for who in AUTHENTICATED[protection]}
    assert {responses[who] for who in UNAUTHENTICATED[protection]} <= REFUSALS[protection]
    poll_until(
        lambda: senders(kube, protection, protocol, AUTHENTICATED) == AUTHENTICATED[protection].keys(),
        "their spans are in",
    )
    assert set() == senders(kube, protection, protocol, UNAUTHENTICATED)


def senders(kube: Kube, protection: str, protocol: str, callers: dict[str, dict[str, Caller]]) -> set[str]:
    """Return the senders whose spans the Collector has printed."""
    log = kube("logs", f"statefulset/{protection}-otel-collector", "--tail=-1")
    return {who for who in callers[protection] if f"{protocol} {who}" in log}
