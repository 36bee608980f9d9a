"""The resources of users-db-service."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from spanloom.problems import NotFound, Unavailable, require_json, responses

from users_db import db, paging
from users_db.models import MAX_PAGE, NewUser, User, UserOut, UserPage

router = APIRouter()
probes = APIRouter(tags=["probes"])


def _database(request: Request) -> db.Database:
    database: db.Database = request.app.state.database
    return database


Database = Annotated[db.Database, Depends(_database)]


class Page(BaseModel):
    """Which part of the list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=50, ge=1, le=MAX_PAGE)
    after: Annotated[str, StringConstraints(pattern=paging.PATTERN), AfterValidator(paging.decode)] | None = None


@router.post("/users", status_code=201, dependencies=[Depends(require_json)], responses=responses(400, 413, 415, 422, 503))
async def post_user(database: Database, new: NewUser, response: Response) -> UserOut:
    """Make a user."""
    user = await db.insert_user(database, new.name)
    response.headers["Location"] = f"/users/{user.id}"
    return UserOut.model_validate(user)


@router.get("/users", responses=responses(422, 503))
async def get_users(database: Database, page: Annotated[Page, Query()]) -> UserPage:
    """List users, oldest first, a page at a time."""
    # One more than asked for tells whether there is a next page.
    users = await db.select_users(database, page.limit + 1, page.after)
    return _page(users, page.limit)


@router.get("/users/{user_id}", responses=responses(404, 422, 503))
async def get_user(database: Database, user_id: UUID) -> UserOut:
    """Read a user."""
    user = await db.select_user(database, user_id)
    if user is None:
        raise NotFound("There is no such user.")
    return UserOut.model_validate(user)


@router.delete("/users/{user_id}", status_code=204, responses=responses(404, 422, 503))
async def delete_user(database: Database, user_id: UUID) -> None:
    """Delete a user."""
    if not await db.remove_user(database, user_id):
        raise NotFound("There is no such user.")


@probes.get("/healthz")
async def healthz() -> dict[str, str]:
    """Tell that the process answers; depends on nothing."""
    return {"status": "ok"}


@probes.get("/readyz", responses=responses(503))
async def readyz(database: Database) -> dict[str, str]:
    """Tell that the database answers and has the table of users."""
    try:
        await db.check(database)
    except (db.DatabaseUnavailable, db.DatabaseFailure):
        raise Unavailable from None
    return {"status": "ok"}


def _page(users: list[User], limit: int) -> UserPage:
    items = [UserOut.model_validate(user) for user in users[:limit]]
    last = items[-1] if len(users) > limit else None
    return UserPage(items=items, next=last and paging.encode(paging.Place(last.created_at, last.id)))
