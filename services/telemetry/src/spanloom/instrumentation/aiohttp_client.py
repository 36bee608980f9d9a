"""One CLIENT span for every request of an aiohttp session, with its context in the request's headers."""

from __future__ import annotations

from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from spanloom.core.guard import around_coroutine
from spanloom.core.propagation.headers import inject
from spanloom.instrumentation.client_call import ClientCall, inject_dropped, traced_context
from spanloom.instrumentation.hooks import Hooks

if TYPE_CHECKING:
    from spanloom.instrumentation.hooks import Options


class ClientHooks(Hooks):
    """Instruments aiohttp's client when it is imported."""

    name = "aiohttp-client"

    def hook(self, _: Options) -> None:
        """Wrap the method that sends every request of a session."""
        self.on_import("aiohttp.client", self._wrap)

    def _wrap(self, module: Any) -> None:
        around = partial(around_coroutine, begin=ClientHook().begin, guard=self.guard)
        self.wrap(module.ClientSession, "_request", around)


class ClientHook:
    """Starts the spans of requests; created when aiohttp is imported, together with its dependencies."""

    def __init__(self) -> None:
        from multidict import CIMultiDict  # noqa: PLC0415
        from yarl import URL  # noqa: PLC0415

        self._headers_class: Any = CIMultiDict
        self._url_class: Any = URL

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ClientCall | None:
        """Start the span of a request `(session, method, url, …)` and inject its context into the headers."""
        context = traced_context()
        if context is None:
            return None
        headers = self._headers_class(kwargs.get("headers") or {})
        if inject_dropped(headers, context):
            kwargs["headers"] = headers
            return None
        url = self._url(args[0], args[2])
        if url is None:
            return None
        call = AiohttpCall.start(context, args[1], (url.host, url.port), (_url_attributes, url))
        inject(headers, context, call.span)
        kwargs["headers"] = headers
        return call

    def _url(self, session: Any, address: Any) -> Any:
        """Return the absolute URL, joined with the session's base URL; None if aiohttp will refuse it."""
        base = getattr(session, "_base_url", None)
        try:
            url = self._url_class(address)
            return base.join(url) if base is not None and not url.is_absolute() else url
        except (TypeError, ValueError):
            return None


class AiohttpCall(ClientCall):
    """One running request of aiohttp."""

    status_of = attrgetter("status")


def _url_attributes(url: Any) -> tuple[dict[str, str]]:
    """Return the URL without query, fragment and credentials; tested first, as few URLs contain them."""
    if url.raw_query_string or url.raw_fragment or url.raw_user or url.raw_password:
        url = url.with_query(None).with_fragment(None).with_user(None)
    return ({"url.full": str(url)},)
