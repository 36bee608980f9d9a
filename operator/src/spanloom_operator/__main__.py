"""`python -m spanloom_operator`: the operator's process, under `opentelemetry-instrument` in its image."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys

import kopf
from prometheus_client import start_http_server

from spanloom_operator import handlers  # noqa: F401 - registers the handlers with kopf
from spanloom_operator.api import ApiError, Client
from spanloom_operator.run import Operator
from spanloom_operator.settings import InvalidSettings, Settings


def main() -> None:
    """Run until a signal; what is wrong with the settings or the login is said in a line."""
    try:
        settings = Settings.of(os.environ)
        if not logging.getLogger().handlers:  # under the distribution, records are lines of JSON already
            kopf.configure(log_format=kopf.LogFormat.JSON)
        for noisy in ("kopf.objects", "kopf.activities.probe", "aiohttp.access"):  # one line a probe and a profile
            logging.getLogger(noisy).setLevel(logging.WARNING)
        start_http_server(settings.metrics_port)
        gc.collect()
        gc.freeze()  # what start-up made stays: no full collection need walk through it again
        gc.set_threshold(20_000)  # one object of the API server is hundreds of dictionaries, and seldom garbage
        asyncio.run(serve(settings))
    except* (InvalidSettings, kopf.LoginError, ApiError, OSError) as errors:
        sys.exit("\n".join(f"spanloom-operator: {error}" for error in errors.exceptions))


async def serve(settings: Settings) -> None:
    """Run kopf and the operator side by side; when one ends, so does the other, and what failed is raised."""
    async with Client(settings.connections) as api:
        operator, stop = Operator(api, settings), asyncio.Event()
        work = asyncio.create_task(operator.run())
        work.add_done_callback(lambda _: stop.set())
        scopes = {*settings.namespaces, settings.namespace} if settings.namespaces else set()
        await kopf.operator(
            memo=kopf.Memo(operator=operator, work=work),
            standalone=True,
            clusterwide=not scopes,
            namespaces=scopes,
            liveness_endpoint=f"http://0.0.0.0:{settings.probe_port}/healthz",
            stop_flag=stop,
        )
        if not work.cancelled():
            await work


if __name__ == "__main__":
    main()
