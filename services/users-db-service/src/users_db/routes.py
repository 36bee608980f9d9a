"""Routes of users-db-service."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from spanloom.problems import NotFound, Unavailable, each_parameter_once, require_json, responses
from users_db import db, paging
from users_db.models import MAX_PAGE, NewUser, User, UserOut, UserPage

router = APIRouter(prefix="/users", tags=["users"])
probes = APIRouter(tags=["probes"])


async def _database(request: Request) -> db.Database:
    database: db.Database = request.app.state.database
    return database


Database = Annotated[db.Database, Depends(_database)]


class Page(BaseModel):
    """Query parameters of a page."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=50, ge=1, le=MAX_PAGE, description="Maximum number of users.")
    after: str | None = Field(default=None, pattern=paging.PATTERN, description="`next` of the previous page.")

    def position(self) -> paging.Position | None:
        """Return the position after which the page starts; None for the first page."""
        return None if self.after is None else paging.decode(self.after)


@router.post(
    "", status_code=201, dependencies=[Depends(require_json)], responses=responses(400, 408, 413, 415, 422, 503)
)
async def post_user(database: Database, new_user: NewUser, response: Response) -> UserOut:
    """Create a user."""
    user = await db.insert_user(database, new_user.name)
    response.headers["Location"] = f"/users/{user.id}"
    return UserOut.model_validate(user)


@router.get("", dependencies=[Depends(each_parameter_once)], responses=responses(422, 503))
async def get_users(database: Database, page: Annotated[Page, Query()]) -> UserPage:
    """List users, oldest first, in pages."""
    # One more than requested shows whether there is a next page.
    users = await db.select_users(database, page.limit + 1, page.position())
    return _page(users, page.limit)


@router.get("/{user_id}", responses=responses(404, 422, 503))
async def get_user(database: Database, user_id: UUID) -> UserOut:
    """Read a user."""
    user = await db.select_user(database, user_id)
    if user is None:
        raise NotFound("The user does not exist.")
    return UserOut.model_validate(user)


@router.delete("/{user_id}", status_code=204, response_class=Response, responses=responses(404, 422, 503))
async def delete_user(database: Database, user_id: UUID) -> None:
    """Delete a user."""
    if not await db.remove_user(database, user_id):
        raise NotFound("The user does not exist.")


@probes.get("/healthz")
async def healthz() -> dict[str, str]:
    """Liveness probe: the process responds; no dependency is checked."""
    return {"status": "ok"}


@probes.get("/readyz", responses=responses(503))
async def readyz(database: Database) -> dict[str, str]:
    """Readiness probe: the database responds and has the table of users."""
    try:
        await db.check(database)
    except (db.DatabaseUnavailableError, db.DatabaseRefusedError):
        raise Unavailable from None
    return {"status": "ok"}


def _page(users: list[User], limit: int) -> UserPage:
    items = [UserOut.model_validate(user) for user in users[:limit]]
    if len(users) <= limit:
        return UserPage(items=items, next=None)
    return UserPage(items=items, next=paging.encode(paging.Position(items[-1].created_at, items[-1].id)))
