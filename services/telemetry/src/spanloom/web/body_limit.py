"""Limits of a request body: its size and the time it takes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fastapi import HTTPException

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 64 * 1024
MAX_BODY_SECONDS = 10.0


class BodyLimitMiddleware:
    """Refuse (413) bodies over MAX_BODY_BYTES, declared or not, and (408) those that take over MAX_BODY_SECONDS.

    FastAPI's own `max_body_size` answers text/plain, whatever its exception handlers say.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with a body that is measured while it is read."""
        read, more = 0, True
        deadline = asyncio.get_running_loop().time() + MAX_BODY_SECONDS

        async def limited() -> Message:
            nonlocal read, more
            try:
                # After the body there is no deadline: what is received then is the caller's disconnection.
                async with asyncio.timeout_at(deadline if more else None):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, f"The body must be here within {MAX_BODY_SECONDS:g} s.") from None
            more = bool(message.get("more_body"))
            read += len(message.get("body", b""))
            if read > MAX_BODY_BYTES:
                raise HTTPException(413, f"The body must not exceed {MAX_BODY_BYTES} bytes.")
            return message

        await self.app(scope, limited, send)
