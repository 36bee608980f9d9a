"""Limits of size and duration for request bodies."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fastapi import HTTPException

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 64 * 1024
MAX_BODY_SECONDS = 10.0


class BodyLimitMiddleware:
    """Refuse (413) bodies over MAX_BODY_BYTES, declared or not, and (408) bodies that take over MAX_BODY_SECONDS.

    The response of FastAPI's own `max_body_size` is text/plain, regardless of exception handlers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application with a body that is measured while it is read."""
        read_bytes, has_more = 0, True
        deadline = asyncio.get_running_loop().time() + MAX_BODY_SECONDS

        async def receive_limited() -> Message:
            nonlocal read_bytes, has_more
            try:
                # No deadline after the body: the next message is the client's disconnection.
                async with asyncio.timeout_at(deadline if has_more else None):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, f"The body must be received within {MAX_BODY_SECONDS:g} s.") from None
            has_more = bool(message.get("more_body"))
            read_bytes += len(message.get("body", b""))
            if read_bytes > MAX_BODY_BYTES:
                raise HTTPException(413, f"The body must not exceed {MAX_BODY_BYTES} bytes.")
            return message

        await self.app(scope, receive_limited, send)
