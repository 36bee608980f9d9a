"""OTLP over HTTP: one attempt to send one request, with the standard library's client.

OpenTelemetry specification, "OTLP", section "OTLP/HTTP". A connection is kept; one that the receiver closed in the
meantime is opened again.
"""

from __future__ import annotations

import gzip
import zlib
from base64 import b64encode
from time import time
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from http.client import HTTPConnection

RETRYABLE = frozenset({429, 502, 503, 504})
COMPRESS: Mapping[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress}


class Destination(NamedTuple):
    """Where requests of one signal go: `url` with its path, headers, compression ("", "gzip", "deflate"), TLS files."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    compression: str = ""
    certificate: str = ""
    client_certificate: str = ""
    client_key: str = ""


class Response(NamedTuple):
    """Outcome of an attempt: `problem` is empty for success; `retry_after` is in seconds, None if not given."""

    problem: str = ""
    is_retryable: bool = False
    retry_after: float | None = None


class Sender:
    """Sends requests to one destination."""

    def __init__(self, destination: Destination, user_agent: str) -> None:
        self._destination = destination
        self._url = urlsplit(destination.url)
        self._headers = {
            "Content-Type": "application/x-protobuf",
            "User-Agent": user_agent,
            **({"Content-Encoding": destination.compression} if destination.compression else {}),
            **dict(destination.headers),
        }
        self._connection: HTTPConnection | None = None

    def send(self, body: bytes, timeout: float) -> Response:
        """Make one attempt of at most `timeout` seconds for each step (connect, write, read)."""
        compress = COMPRESS.get(self._destination.compression)
        data = compress(body) if compress else body
        is_kept = self._connection is not None
        try:
            return self._attempt(data, timeout)
        except Exception as error:
            self.close()
            if is_kept and isinstance(error, (ConnectionError, OSError)) and not isinstance(error, TimeoutError):
                return self.send(body, timeout)  # the receiver closed the connection while it was idle
            return Response(_describe(error), is_retryable=True)

    def _attempt(self, data: bytes, timeout: float) -> Response:
        connection = self._connection = self._connection or self._connect()
        connection.timeout = timeout
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        connection.request("POST", self._target, data, self._headers)
        response = connection.getresponse()
        response.read()
        if 200 <= response.status < 300:
            return Response()
        retry_after = _seconds(response.headers.get("Retry-After"))
        return Response(f"{response.status} {response.reason}", response.status in RETRYABLE, retry_after)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def forget(self) -> None:
        """Leave the connection to the parent process, without closing it there (after a fork)."""
        self._connection = None

    def _connect(self) -> HTTPConnection:
        from http.client import HTTPConnection, HTTPSConnection  # noqa: PLC0415 not before there is something to send

        url, proxy = self._url, self._proxy()
        host, port = url.hostname or "", url.port
        is_tls = url.scheme == "https"
        self._target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        if proxy is not None:
            host, port = proxy.hostname or "", proxy.port or 80
        connection: Any = HTTPSConnection(host, port, context=self._tls()) if is_tls else HTTPConnection(host, port)
        if proxy is not None and is_tls:
            connection.set_tunnel(url.hostname, url.port or 443, _authorization(proxy))
        elif proxy is not None:
            self._target = self._destination.url
            self._headers.update(_authorization(proxy))
        return connection  # type: ignore[no-any-return]

    def _proxy(self) -> Any:
        """Return the proxy that HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY ask for; None for none."""
        from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined] # noqa: PLC0415 see _connect

        proxies = getproxies_environment()
        found = proxies.get(self._url.scheme) or proxies.get("all")
        if not found or proxy_bypass_environment(self._url.netloc.rpartition("@")[2], proxies):
            return None
        return urlsplit(found if "://" in found else f"http://{found}")

    def _tls(self) -> Any:
        from ssl import create_default_context  # noqa: PLC0415 see _connect

        wanted = self._destination
        context = create_default_context(cafile=wanted.certificate or None)
        if wanted.client_certificate:
            context.load_cert_chain(wanted.client_certificate, wanted.client_key or None)
        return context


def _authorization(proxy: Any) -> dict[str, str]:
    if not proxy.username:
        return {}
    credentials = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(credentials.encode()).decode()}"}


def _seconds(retry_after: str | None) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110, section 10.2.3): a number or a date."""
    if not retry_after:
        return None
    try:
        return float(retry_after) if retry_after.strip().isdigit() else _until(retry_after)
    except (TypeError, ValueError, OverflowError):
        return None


def _until(date: str) -> float:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 imports socket

    return max(0.0, parsedate_to_datetime(date).timestamp() - time())


def _describe(error: BaseException) -> str:
    """Return type and system's text of an error of the connection."""
    return f"{type(error).__name__}: {getattr(error, 'strerror', None) or getattr(error, 'reason', None) or error}"
