"""HTTP requests of WSGI applications (Flask, Django), and Django's routes, also under ASGI."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from spanloom.core.context import REQUEST_KEY, attach, get_current, suppressed
from spanloom.core.guard import finish_call
from spanloom.core.propagation.headers import extract_wsgi
from spanloom.instrumentation.asgi import AsgiHook
from spanloom.instrumentation.hooks import Hooks
from spanloom.instrumentation.routes import CALL
from spanloom.instrumentation.server_call import ServerCall, parent_context, server_durations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from spanloom.core.context import Context
    from spanloom.core.guard import Guard
    from spanloom.core.metrics.instruments import Recorder
    from spanloom.instrumentation.hooks import Options
    from spanloom.settings import Settings

    Environ = dict[str, Any]
    Start = Callable[..., Any]

APPLICATIONS = {"flask.app": "Flask", "django.core.handlers.wsgi": "WSGIHandler"}
DJANGO_ASGI = ("django.core.handlers.asgi", "ASGIHandler")


class WsgiHooks(Hooks):
    """Instruments Flask and Django when they are imported."""

    name = "wsgi"

    def hook(self, options: Options) -> None:
        """Wrap the applications and Django's resolver."""
        wsgi, asgi = WsgiHook(options, self.guard), AsgiHook(options, self.guard)
        for module, name in APPLICATIONS.items():
            self.on_import(module, partial(self._wrap_application, name, wsgi.around))
        self.on_import("flask.app", lambda module: self.wrap(module.Flask, "handle_exception", self._around_handler))
        self.on_import(DJANGO_ASGI[0], partial(self._wrap_application, DJANGO_ASGI[1], asgi.around))
        self.on_import("django.core.handlers.base", self._wrap_resolver)

    def _wrap_application(self, name: str, around: Callable[[Any], Any], module: Any) -> None:
        self.wrap(getattr(module, name), "__call__", around)

    def _around_handler(self, handle: Callable[..., Any]) -> Callable[..., Any]:
        """Record the exceptions that Flask turns into status 500."""

        @wraps(handle)
        def handle_and_record(app: Any, error: Any) -> Any:
            self.guard.run(_record_exception, error)
            return handle(app, error)

        return handle_and_record

    def _wrap_resolver(self, module: Any) -> None:
        def around(resolve: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(resolve)
            def resolve_and_record(handler: Any, request: Any) -> Any:
                match = resolve(handler, request)
                self.guard.run(_record_django_route, request, match)
                return match

            return resolve_and_record

        self.wrap(module.BaseHandler, "resolve_request", around)


def _record_exception(error: Exception) -> None:
    call = _outer_call()
    if isinstance(call, WsgiCall):
        call.error = error


def _record_django_route(request: Any, match: Any) -> None:
    call = (getattr(request, "scope", None) or request.META).get(CALL) or _outer_call()
    if call is not None and match.route is not None:
        call.route = "/" + match.route.lstrip("^/")


def _outer_call() -> Any:
    """Return the call of the server that runs the application, such as uvicorn's; None if there is none."""
    request = get_current().get(REQUEST_KEY)
    return request.get(CALL) if isinstance(request, dict) else None


class WsgiHook:
    """The wrapper around a WSGI application."""

    def __init__(self, options: Options, guard: Guard) -> None:
        self.settings, self.durations, self.guard = options.settings, server_durations(), guard

    def around(self, app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        """Return the wrapped `__call__` of an application class."""

        @wraps(app)
        def wrapper(self_: Any, environ: Environ, start_response: Start) -> Iterable[bytes]:
            call = token = None
            if not self.guard.is_disabled:
                try:
                    call = self.begin(environ)
                    token = call and attach(call.context)
                except Exception as error:
                    self.guard.record_failure(error)
                    call = None
            if call is None:
                return app(self_, environ, start_response)
            try:
                body = app(self_, environ, self._with_status_hook(call, start_response))
            except BaseException as error:
                finish_call(self.guard, token, call.on_error, error)
                raise
            is_stream = self.guard.run(_is_stream, body, environ)
            finish_call(self.guard, token, _ignore if is_stream else call.on_return, None)
            return (self.guard.run(_Body, body, call, self.guard) or body) if is_stream else body

        return wrapper

    def begin(self, environ: Environ) -> WsgiCall | ExcludedWsgiCall | None:
        """Return the call of a request; None if the server that runs the application already created one."""
        if CALL in environ or _outer_call() is not None:
            return None
        if self.settings.excluded_paths.search(environ.get("PATH_INFO") or "/"):
            call: WsgiCall | ExcludedWsgiCall = ExcludedWsgiCall()
        else:
            call = WsgiCall(self.settings, self.durations, environ)
        environ[CALL] = call
        return call

    def _with_status_hook(self, call: WsgiCall | ExcludedWsgiCall, start_response: Start) -> Start:
        def start_with_hook(status: str, *args: Any, **kwargs: Any) -> Any:
            self.guard.run(call.on_status, status)
            return start_response(status, *args, **kwargs)

        return start_with_hook


class WsgiCall(ServerCall):
    """One request (PEP 3333)."""

    def __init__(self, settings: Settings, durations: Recorder, environ: Environ) -> None:
        self.error: Exception | None = None
        self.client = environ.get("REMOTE_ADDR") or None
        parent = parent_context(settings, self.client, extract_wsgi, environ)
        super().__init__(settings, durations, environ, environ["REQUEST_METHOD"], parent)

    def on_status(self, status: str) -> None:
        """Record the status line, `404 Not Found`, and the rule that Flask matched."""
        self.status = int(status.split(" ", 1)[0])
        rule = getattr(self.request.get("werkzeug.request"), "url_rule", None)
        if rule is not None:
            self.route = rule.rule

    def on_return(self, _: object) -> None:
        """Finish the call; an exception that the framework has turned into a response is recorded."""
        if self.error is not None:
            self.on_error(self.error)
        else:
            super().on_return(None)

    def scheme(self) -> str | None:
        """Return the URL scheme."""
        return self.request.get("wsgi.url_scheme")

    def request_details(self) -> tuple[Any, ...]:
        """Return path, HTTP version, host, user agent, server and client."""
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
    """A request without telemetry; instrumentation is suppressed below it."""

    route: str | None = None

    def __init__(self) -> None:
        self.context: Context = suppressed(get_current())

    def on_status(self, _: str) -> None:
        """Ignore the status."""

    def on_return(self, _: object) -> None:
        """Ignore the result."""

    on_error = on_return


class _Body(Iterator[bytes]):
    """A response body; its span ends with it, and is current while the application produces it."""

    def __init__(self, body: Any, call: Any, guard: Guard) -> None:
        self._body, self._call, self._guard, self._items = body, call, guard, iter(body)
        self._is_open = True

    def __next__(self) -> bytes:
        token = attach(self._call.context)
        try:
            item: bytes = next(self._items)
        except BaseException as error:
            is_end = isinstance(error, StopIteration)
            finish_call(self._guard, token, _ignore if is_end else self._end(self._call.on_error), error)
            raise
        finish_call(self._guard, token, _ignore, None)
        return item

    def close(self) -> None:
        """Close the application's body, then end the span; servers call `close` in any case."""
        try:
            self._body.close()
        finally:
            self._guard.run(self._end(self._call.on_return), None)

    def _end(self, finish: Callable[[Any], None]) -> Callable[[Any], None]:
        was_open, self._is_open = self._is_open, False
        return finish if was_open else _ignore


def _is_stream(body: Any, environ: Environ) -> bool:
    """Return whether a body is produced later.

    A server's own file wrapper is not replaced, as servers recognize it.
    """
    file_wrapper = environ.get("wsgi.file_wrapper")
    is_file = isinstance(file_wrapper, type) and isinstance(body, file_wrapper)
    return hasattr(body, "close") and not is_file


def _ignore(_: object) -> None: ...
