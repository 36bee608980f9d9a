"""Requests of WSGI applications: Flask and Django; and Django's routes, also under ASGI."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from spanloom.instrumentation.asgi import AsgiHook
from spanloom.instrumentation.base import LazyInstrumentor
from spanloom.instrumentation.routes import CALL
from spanloom.instrumentation.server_call import ServerCall, parent_context, server_durations
from spanloom.tracing.context import REQUEST_KEY, attach, get_current, suppressed
from spanloom.tracing.guard import leave
from spanloom.tracing.propagation import W3C_HEADERS, extract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry.context import Context

    from spanloom.instrumentation.base import Options
    from spanloom.settings import Settings
    from spanloom.tracing.duration_histogram import DurationHistogram
    from spanloom.tracing.guard import Guard

    Environ = dict[str, Any]
    Start = Callable[..., Any]

APPLICATIONS = {"flask.app": "Flask", "django.core.handlers.wsgi": "WSGIHandler"}
DJANGO_ASGI = ("django.core.handlers.asgi", "ASGIHandler")


class WsgiInstrumentor(LazyInstrumentor):
    """Hooks Flask and Django once they are imported."""

    name = "wsgi"

    def hook(self, options: Options) -> None:
        """Wrap the applications and Django's resolver."""
        wsgi, asgi = WsgiHook(options, self.guard), AsgiHook(options, self.guard)
        for module, name in APPLICATIONS.items():
            self.on_import(module, partial(self._wrap_application, name, wsgi.around))
        self.on_import(DJANGO_ASGI[0], partial(self._wrap_application, DJANGO_ASGI[1], asgi.around))
        self.on_import("django.core.handlers.base", self._wrap_resolver)

    def _wrap_application(self, name: str, around: Callable[[Any], Any], module: Any) -> None:
        self.wrap(getattr(module, name), "__call__", around)

    def _wrap_resolver(self, module: Any) -> None:
        def around(resolve: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(resolve)
            def resolved(handler: Any, request: Any) -> Any:
                match = resolve(handler, request)
                self.guard.run(_note_django_route, request, match)
                return match

            return resolved

        self.wrap(module.BaseHandler, "resolve_request", around)


def _note_django_route(request: Any, match: Any) -> None:
    call = (getattr(request, "scope", None) or request.META).get(CALL) or _outer_call()
    if call is not None and match.route is not None:
        call.route = "/" + match.route.lstrip("^/")


def _outer_call() -> Any:
    """Return the call of the server that runs this application, such as uvicorn; None when there is none."""
    request = get_current().get(REQUEST_KEY)
    return request.get(CALL) if isinstance(request, dict) else None


class WsgiHook:
    """What is wrapped around a WSGI application."""

    def __init__(self, options: Options, guard: Guard) -> None:
        self.settings, self.durations, self.guard = options.settings, server_durations(options.histogram), guard

    def around(self, app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        """Return the `__call__` of a class of applications with the hook around it."""

        @wraps(app)
        def wrapper(self_: Any, environ: Environ, start_response: Start) -> Iterable[bytes]:
            call = token = None
            if not self.guard.is_off:
                try:
                    call = self.begin(environ)
                    token = call and attach(call.context)
                except Exception as error:
                    self.guard.failed(error)
                    call = None
            if call is None:
                return app(self_, environ, start_response)
            try:
                body = app(self_, environ, self._observed(call, start_response))
            except BaseException as error:
                leave(self.guard, token, call.failed, error)
                raise
            streams = self.guard.run(_is_stream, body, environ)
            leave(self.guard, token, _ignore if streams else call.returned, None)
            return (self.guard.run(_Body, body, call, self.guard) or body) if streams else body

        return wrapper

    def begin(self, environ: Environ) -> WsgiCall | ExcludedWsgiCall | None:
        """Return what to do about a request; None when the server that runs the application has its call already."""
        if CALL in environ or _outer_call() is not None:
            return None
        if self.settings.excluded_paths.search(environ.get("PATH_INFO") or "/"):
            call: WsgiCall | ExcludedWsgiCall = ExcludedWsgiCall()
        else:
            call = WsgiCall(self.settings, self.durations, environ)
        environ[CALL] = call
        return call

    def _observed(self, call: WsgiCall | ExcludedWsgiCall, start_response: Start) -> Start:
        def observed(status: str, *args: Any, **kwargs: Any) -> Any:
            self.guard.run(call.responds, status)
            return start_response(status, *args, **kwargs)

        return observed


class WsgiCall(ServerCall):
    """A request by its WSGI environment (PEP 3333)."""

    def __init__(self, settings: Settings, durations: DurationHistogram, environ: Environ) -> None:
        self.client = environ.get("REMOTE_ADDR") or None
        parent = parent_context(settings, self.client, _extract, environ)
        super().__init__(settings, durations, environ, environ["REQUEST_METHOD"], parent)

    def responds(self, status: str) -> None:
        """Take note of the status line, `404 Not Found`, and of the rule that Flask has matched by now."""
        self.status = int(status.split(" ", 1)[0])
        rule = getattr(self.request.get("werkzeug.request"), "url_rule", None)
        if rule is not None:
            self.route = rule.rule

    def returned(self, _: object) -> None:
        """Finish a request."""
        super().returned(None)

    def scheme(self) -> str | None:
        """Return the scheme of the URL."""
        return self.request.get("wsgi.url_scheme")

    def described(self) -> tuple[Any, ...]:
        """Return path, HTTP version, host, agent, server and client."""
        environ = self.request
        port = str(environ.get("SERVER_PORT") or "")
        return (
            environ.get("SCRIPT_NAME", "") + (environ.get("PATH_INFO") or "/"),
            environ.get("SERVER_PROTOCOL", "").removeprefix("HTTP/") or None,
            environ.get("HTTP_HOST", "").encode("latin-1", "replace"),
            environ.get("HTTP_USER_AGENT", "").encode("latin-1", "replace"),
            (environ.get("SERVER_NAME", ""), int(port) if port.isdecimal() else None),
            self.client,
        )


class ExcludedWsgiCall:
    """A request that makes no telemetry, nor does anything it causes."""

    route: str | None = None

    def __init__(self) -> None:
        self.context: Context = suppressed(get_current())

    def responds(self, _: str) -> None:
        """Ignore the status."""

    def returned(self, _: object) -> None:
        """Ignore the end."""

    failed = returned


class _Body(Iterator[bytes]):
    """A response body: its span ends with it, and is current while the application produces it."""

    def __init__(self, body: Any, call: Any, guard: Guard) -> None:
        self._body, self._call, self._guard, self._items = body, call, guard, iter(body)
        self._is_open = True

    def __next__(self) -> bytes:
        token = attach(self._call.context)
        try:
            item: bytes = next(self._items)
        except BaseException as error:
            is_end = isinstance(error, StopIteration)
            leave(self._guard, token, _ignore if is_end else self._end(self._call.failed), error)
            raise
        leave(self._guard, token, _ignore, None)
        return item

    def close(self) -> None:
        """Close the application's body, then end the span: servers call this at the end in any case."""
        try:
            self._body.close()
        finally:
            self._guard.run(self._end(self._call.returned), None)

    def _end(self, finish: Callable[[Any], None]) -> Callable[[Any], None]:
        was_open, self._is_open = self._is_open, False
        return finish if was_open else _ignore


def _is_stream(body: Any, environ: Environ) -> bool:
    """Return whether a body is produced later; a server recognizes its own file wrapper, so that stays as it is."""
    file_wrapper = environ.get("wsgi.file_wrapper")
    is_file = isinstance(file_wrapper, type) and isinstance(body, file_wrapper)
    return hasattr(body, "close") and not is_file


def _extract(environ: Environ) -> Context:
    found = {name: environ.get(f"HTTP_{name.upper()}") for name in W3C_HEADERS}
    headers = [(name.encode(), str(value).encode("latin-1")) for name, value in found.items() if value]
    return extract(headers, dict(headers))


def _ignore(_: object) -> None: ...
