"""`python -m spanloom_operator`: the operator's process, under `opentelemetry-instrument` in its image."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from typing import TYPE_CHECKING

import kopf
from prometheus_client import start_http_server

from spanloom.web.garbage_collection import freeze_startup
from spanloom.web.service_settings import read_or_exit
from spanloom_operator.controller import handlers  # noqa: F401 - registers the handlers with kopf
from spanloom_operator.controller.controller import Controller
from spanloom_operator.controller.leases import LeaseLost
from spanloom_operator.controller.probe import serving
from spanloom_operator.kube.api import NOT_FOUND, ApiError
from spanloom_operator.kube.client import Client
from spanloom_operator.names import GROUP
from spanloom_operator.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "spanloom-operator"
NOISY_LOGGERS = ("kopf.objects", "aiohttp.access")  # a line for each profile and request


def main() -> None:
    """Run until a signal; an error of settings, login or permissions ends it with one line."""
    settings: Settings = read_or_exit(NAME, Settings.from_environ)
    configure_logging()
    try:
        start_http_server(settings.metrics_port, addr="::" if socket.has_dualstack_ipv6() else "0.0.0.0")  # noqa: S104
        freeze_startup()
        asyncio.run(serve(settings))
    except* (kopf.LoginError, ApiError, LeaseLost, OSError) as errors:
        sys.exit("\n".join(dict.fromkeys(f"{NAME}: {_line(error)}" for error in leaves(errors))))


def configure_logging() -> None:
    """Write JSON lines, as the distribution does already where it is installed."""
    if not logging.getLogger().handlers:
        kopf.configure(log_format=kopf.LogFormat.JSON)
    for name in NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


async def serve(settings: Settings) -> None:
    """Run kopf and the controller side by side; when one ends, so does the other, and what failed is raised."""
    async with Client(settings.connections) as api:
        controller, stop = Controller(api, settings), asyncio.Event()
        async with serving(settings.probe_port, controller.watches.stale_watches, settings.stale):
            work = asyncio.create_task(controller.run())
            work.add_done_callback(lambda _: stop.set())
            scopes = {*settings.namespaces, settings.namespace} if settings.namespaces else set()
            await kopf.operator(
                memo=kopf.Memo(controller=controller, work=work),
                standalone=True,
                clusterwide=not scopes,
                namespaces=scopes,
                stop_flag=stop,
            )
            if not work.cancelled():
                await work


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the exceptions of a group, and of the groups in it."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error


def _line(error: BaseException) -> str:
    if isinstance(error, ApiError) and error.code == NOT_FOUND:
        return f"{error}: are the CRDs of {GROUP} installed? kubectl apply -f helm/operator/crds"
    return str(error)


if __name__ == "__main__":
    main()
