"""The client of users-db-service: within a deadline, repeating only what may be repeated."""

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
# Below the 5 s after which uvicorn closes an idle connection: a POST should not meet a closing one.
KEEP_ALIVE_SECONDS = 4
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 0.5


class UsersDbUnavailableError(Exception):
    """users-db-service gave no useful answer in time; what it did say goes no further."""


@dataclass(frozen=True)
class Answer:
    """A useful answer of users-db-service; `repeated` when it was asked before and may have obeyed then."""

    status: int
    body: bytes
    repeated: bool


class UsersDb:
    """One keep-alive HTTP client for the whole process."""

    def __init__(self, session: aiohttp.ClientSession, settings: Settings) -> None:
        self.session, self.settings = session, settings

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator[UsersDb]:
        """Lend the client; its connections are made as they are needed."""
        count_sent = aiohttp.TraceConfig()
        count_sent.on_request_headers_sent.append(_count_sent)
        async with aiohttp.ClientSession(
            base_url=str(settings.users_db_url).rstrip("/") + "/",
            connector=aiohttp.TCPConnector(keepalive_timeout=KEEP_ALIVE_SECONDS),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=settings.connect_timeout_seconds),
            trace_configs=[count_sent],
        ) as session:
            yield cls(session, settings)

    async def ask(self, method: str, path: str, useful: set[int], **options: Any) -> Answer:
        """Return an answer whose status is `useful`, asking again if the method is idempotent.

        Raises UsersDbUnavailableError when there is none before the deadline, which is that of all attempts together.
        """
        sent = SimpleNamespace(times=0)
        try:
            async with asyncio.timeout(self.settings.deadline_seconds):
                async for attempt in self._attempts(method):
                    with attempt:
                        status, body = await self._ask_once(method, path, useful, trace_request_ctx=sent, **options)
        except (TimeoutError, UsersDbUnavailableError) as error:
            reason = str(error) or "no answer in time"
            log.warning("users-db-service is not available: %s", reason)
            raise UsersDbUnavailableError(reason) from None
        return Answer(status, body, repeated=sent.times > 1)

    def _attempts(self, method: str) -> Any:
        return stamina.retry_context(
            on=UsersDbUnavailableError,
            attempts=self.settings.attempts if method in IDEMPOTENT else 1,
            timeout=None,
            wait_initial=FIRST_PAUSE_SECONDS,
            wait_jitter=FIRST_PAUSE_SECONDS,
            wait_max=LONGEST_PAUSE_SECONDS,
        )

    async def _ask_once(self, method: str, path: str, useful: set[int], **options: Any) -> tuple[int, bytes]:
        try:
            async with self.session.request(method, path, allow_redirects=False, **options) as response:
                status, body = response.status, await response.read()
        except aiohttp.ClientError as error:
            raise UsersDbUnavailableError(type(error).__name__) from None
        if status not in useful:
            raise UsersDbUnavailableError(f"answered {status}")
        return status, body


async def _count_sent(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: Any) -> None:
    """Count what went out: aiohttp itself repeats an idempotent request whose kept connection broke."""
    context.trace_request_ctx.times += 1


def _read(model: type[Model], answer: Answer) -> Model:
    try:
        return model.model_validate_json(answer.body)
    except ValidationError:
        log.warning("users-db-service answered something that is no %s", model.__name__)
        raise UsersDbUnavailableError(f"answered no {model.__name__}") from None


@instrument(skip_all=True)
async def create_user(users_db: UsersDb, name: str) -> User:
    """Store a new user and return it; asked once only."""
    return _read(User, await users_db.ask("POST", "users", {201}, json={"name": name}))


@instrument(skip=("users_db",))
async def read_user(users_db: UsersDb, user_id: UUID) -> User | None:
    """Return the user, or None."""
    answer = await users_db.ask("GET", f"users/{user_id}", {200, 404})
    return _read(User, answer) if answer.status == 200 else None


@instrument(skip=("users_db", "after"))
async def list_users(users_db: UsersDb, limit: int, after: str | None) -> UserPage:
    """Return the page of up to `limit` users that starts after a cursor."""
    query = {"limit": str(limit)} | ({"after": after} if after is not None else {})
    return _read(UserPage, await users_db.ask("GET", "users", {200}, params=query))


@instrument(skip=("users_db",))
async def delete_user(users_db: UsersDb, user_id: UUID) -> bool:
    """Delete the user and tell whether there was one: a repeated call that finds none has done it before."""
    answer = await users_db.ask("DELETE", f"users/{user_id}", {204, 404})
    return answer.status == 204 or answer.repeated
