"""One CLIENT span for every request that httpx sends, with its context in the request's headers.

The hook is at the transport: a redirect is a request of its own. Transports of the application's own, such as those of
test clients, send nothing and are not traced.
"""

from __future__ import annotations

from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from spanloom.core.guard import around, around_coroutine
from spanloom.core.propagation.headers import inject
from spanloom.instrumentation.client_call import ClientCall, inject_dropped, traced_context
from spanloom.instrumentation.hooks import Hooks

if TYPE_CHECKING:
    from spanloom.instrumentation.hooks import Options

METHODS = (
    ("HTTPTransport", "handle_request", around),
    ("AsyncHTTPTransport", "handle_async_request", around_coroutine),
)


class HttpxHooks(Hooks):
    """Instruments httpx when it is imported."""

    name = "httpx"

    def hook(self, _: Options) -> None:
        """Wrap the methods that send a request."""
        self.on_import("httpx", self._wrap)

    def _wrap(self, module: Any) -> None:
        for owner, method, wrapper in METHODS:
            self.wrap(getattr(module, owner), method, partial(wrapper, begin=begin, guard=self.guard))


class HttpxCall(ClientCall):
    """One running request of httpx."""

    status_of = attrgetter("status_code")


def begin(args: tuple[Any, ...], kwargs: dict[str, Any]) -> HttpxCall | None:
    """Start the span of `transport.handle_request(request)` and inject its context into the request's headers."""
    context = traced_context()
    request = args[1] if len(args) > 1 else kwargs["request"]
    if context is None or inject_dropped(request.headers, context):
        return None
    url = request.url
    call = HttpxCall.start(context, request.method, (url.host, url.port or _default_port(url)), (_url_attributes, url))
    inject(request.headers, context, call.span)
    return call


def _default_port(url: Any) -> int:
    return 443 if url.scheme == "https" else 80


def _url_attributes(url: Any) -> tuple[dict[str, str]]:
    """Return the URL without query, fragment and credentials."""
    return ({"url.full": str(url.copy_with(query=None, fragment=None, username=None, password=None))},)
