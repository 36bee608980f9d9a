"""One CLIENT span for every request of urllib3, which requests and botocore send by, with its context in the headers.

Retries of urllib3's own are part of the request; a redirect that requests follows is a request of its own.
"""

from __future__ import annotations

from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from spanloom.core.guard import around
from spanloom.core.propagation.headers import inject
from spanloom.instrumentation.client_call import OuterClientCall, inject_dropped, traced_context
from spanloom.instrumentation.hooks import Hooks

if TYPE_CHECKING:
    from spanloom.core.context import Context
    from spanloom.instrumentation.hooks import Options

HEADERS_POSITION = 4  # urlopen(pool, method, url, body, headers, …)


class Urllib3Hooks(Hooks):
    """Instruments urllib3 when it is imported."""

    name = "urllib3"

    def hook(self, _: Options) -> None:
        """Wrap the method of a connection pool that sends a request."""
        self.on_import("urllib3.connectionpool", self._wrap)

    def _wrap(self, module: Any) -> None:
        self.wrap(module.HTTPConnectionPool, "urlopen", partial(around, begin=begin, guard=self.guard))


class Urllib3Call(OuterClientCall):
    """One running request of urllib3."""

    status_of = attrgetter("status")


def begin(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Urllib3Call | None:
    """Start the span of `pool.urlopen(method, url, body, headers, …)` and inject its context into the headers.

    Headers by position are the caller's own and stay as they are.
    """
    context = traced_context()
    if context is None or len(args) > HEADERS_POSITION:
        return None
    pool, method, url = _request(*args, **kwargs)
    headers = _copy(kwargs.get("headers"), pool.headers)
    if inject_dropped(headers, context):
        kwargs["headers"] = headers
        return None
    return _start(context, pool, method, url, headers, kwargs)


def _request(pool: Any, method: str = "", url: str = "", *_: Any, **__: Any) -> tuple[Any, str, str]:
    return pool, method, url


def _copy(headers: Any, default: Any) -> Any:
    chosen = default if headers is None else headers
    return chosen.copy() if hasattr(chosen, "copy") else dict(chosen)


def _start(context: Context, pool: Any, method: str, url: str, headers: Any, kwargs: dict[str, Any]) -> Urllib3Call:
    address = (pool.scheme, pool.host, pool.port, url)
    server = (pool.host, pool.port or _default_port(pool))
    call = Urllib3Call.start(context, method.upper(), server, (_url_attributes, address))
    inject(headers, context, call.span)
    kwargs["headers"] = headers
    return call


def _default_port(pool: Any) -> int:
    return 443 if pool.scheme == "https" else 80


def _url_attributes(address: tuple[str, str, int | None, str]) -> tuple[dict[str, str]]:
    """Return the URL without query, fragment and credentials; `url` is a path, or absolute behind a proxy."""
    scheme, host, port, url = address
    parts = urlsplit(url)
    own = f"[{host.strip('[]')}]" if ":" in host else host
    network = parts.netloc.rpartition("@")[2] or (f"{own}:{port}" if port else own)
    return ({"url.full": urlunsplit((parts.scheme or scheme, network, parts.path or "/", "", ""))},)
