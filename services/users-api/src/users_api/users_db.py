"""Client of users-db-service, with a deadline and retries of idempotent requests."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
import stamina
from pydantic import BaseModel, ValidationError

from spanloom import instrument
from users_api.models import User, UserPage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from users_api.settings import Settings

Model = TypeVar("Model", bound=BaseModel)
log = logging.getLogger(__name__)

IDEMPOTENT = frozenset({"GET", "DELETE"})
# Less than uvicorn's keep-alive timeout of 5 s: a POST must not be sent on a connection that is being closed.
KEEP_ALIVE_SECONDS = 4
MIN_BACKOFF_SECONDS = 0.05
MAX_BACKOFF_SECONDS = 0.5


class UsersDbUnavailableError(Exception):
    """users-db-service sent no usable response before the deadline; the response is not part of the message."""


@dataclass(frozen=True)
class Response:
    """A response of users-db-service; `is_retry` if the request was sent more than once and may have been processed."""

    status: int
    body: bytes
    is_retry: bool


class UsersDb:
    """One keep-alive HTTP client per process."""

    def __init__(self, session: aiohttp.ClientSession, settings: Settings) -> None:
        self.session, self.settings = session, settings

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator[UsersDb]:
        """Open the client; connections are opened on demand."""
        count_requests = aiohttp.TraceConfig()
        count_requests.on_request_headers_sent.append(_count_request)
        async with aiohttp.ClientSession(
            base_url=str(settings.users_db_url).rstrip("/") + "/",
            connector=aiohttp.TCPConnector(keepalive_timeout=KEEP_ALIVE_SECONDS),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=settings.connect_timeout_seconds),
            trace_configs=[count_requests],
        ) as session:
            yield cls(session, settings)

    async def request(self, method: str, path: str, expected: set[int], **options: Any) -> Response:
        """Send a request and return the response if its status is in `expected`; retry idempotent methods.

        Raises UsersDbUnavailableError if there is none before the deadline, which covers all attempts.
        """
        requests = SimpleNamespace(count=0)
        try:
            async with asyncio.timeout(self.settings.deadline_seconds):
                async for attempt in self._attempts(method):
                    with attempt:
                        status, body = await self._send(method, path, expected, trace_request_ctx=requests, **options)
        except (TimeoutError, UsersDbUnavailableError) as error:
            reason = str(error) or "no response before the deadline"
            log.warning("users-db-service is not available: %s", reason)
            raise UsersDbUnavailableError(reason) from None
        return Response(status, body, is_retry=requests.count > 1)

    def _attempts(self, method: str) -> Any:
        return stamina.retry_context(
            on=UsersDbUnavailableError,
            attempts=self.settings.attempts if method in IDEMPOTENT else 1,
            timeout=None,
            wait_initial=MIN_BACKOFF_SECONDS,
            wait_jitter=MIN_BACKOFF_SECONDS,
            wait_max=MAX_BACKOFF_SECONDS,
        )

    async def _send(self, method: str, path: str, expected: set[int], **options: Any) -> tuple[int, bytes]:
        try:
            async with self.session.request(method, path, allow_redirects=False, **options) as response:
                status, body = response.status, await response.read()
        except aiohttp.ClientError as error:
            raise UsersDbUnavailableError(type(error).__name__) from None
        if status not in expected:
            raise UsersDbUnavailableError(f"unexpected status {status}")
        return status, body


async def _count_request(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: Any) -> None:
    """Count sent requests: aiohttp itself retries an idempotent request on a broken keep-alive connection."""
    context.trace_request_ctx.count += 1


def _parse(model: type[Model], response: Response) -> Model:
    try:
        return model.model_validate_json(response.body)
    except ValidationError:
        log.warning("users-db-service sent a response that is not a valid %s", model.__name__)
        raise UsersDbUnavailableError(f"invalid {model.__name__}") from None


@instrument(skip_all=True)
async def create_user(users_db: UsersDb, name: str) -> User:
    """Create a user and return it; never retried."""
    return _parse(User, await users_db.request("POST", "users", {201}, json={"name": name}))


@instrument(skip=("users_db",))
async def read_user(users_db: UsersDb, user_id: UUID) -> User | None:
    """Return the user, or None if there is none."""
    response = await users_db.request("GET", f"users/{user_id}", {200, 404})
    return _parse(User, response) if response.status == 200 else None


@instrument(skip=("users_db", "after"))
async def list_users(users_db: UsersDb, limit: int, after: str | None) -> UserPage:
    """Return a page of up to `limit` users after a cursor."""
    query = {"limit": str(limit)} | ({"after": after} if after is not None else {})
    return _parse(UserPage, await users_db.request("GET", "users", {200}, params=query))


@instrument(skip=("users_db",))
async def delete_user(users_db: UsersDb, user_id: UUID) -> bool:
    """Delete the user and return whether it existed; a retry that finds none counts as deleted."""
    response = await users_db.request("DELETE", f"users/{user_id}", {204, 404})
    return response.status == 204 or response.is_retry
