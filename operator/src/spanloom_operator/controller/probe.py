"""The liveness probe: GET /healthz, on IPv4 and IPv6."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

PATH = "/healthz"


@asynccontextmanager
async def serving(port: int, stale_watches: Callable[[float], list[str]], stale_seconds: float) -> AsyncIterator[None]:
    """Serve the probe inside the block; 503 while a watch is stale: only a new process helps then."""

    async def healthz(_: web.Request) -> web.Response:
        if stale := stale_watches(time.monotonic()):
            return web.Response(status=503, text=f"watch stale for more than {stale_seconds:g} s: {', '.join(stale)}\n")
        return web.Response(text="ok\n")

    application = web.Application()
    application.router.add_get(PATH, healthz)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, None, port).start()  # None: every address, of both families
        yield
    finally:
        await runner.cleanup()
