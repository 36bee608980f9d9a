"""Routes of users-api."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from spanloom.problems import NotFound, each_parameter_once, require_json, responses
from users_api import users_db
from users_api.models import NewUser, User, UserPage

MAX_PAGE = 100
CURSOR = "^[A-Za-z0-9_-]{32}$"

router = APIRouter(prefix="/users", tags=["users"])
probes = APIRouter(tags=["probes"])


async def _users_db(request: Request) -> users_db.UsersDb:
    client: users_db.UsersDb = request.app.state.users_db
    return client


UsersDb = Annotated[users_db.UsersDb, Depends(_users_db)]


class Page(BaseModel):
    """Query parameters of a page."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=50, ge=1, le=MAX_PAGE, description="Maximum number of users.")
    after: str | None = Field(default=None, pattern=CURSOR, description="`next` of the previous page.")


@router.post(
    "", status_code=201, dependencies=[Depends(require_json)], responses=responses(400, 408, 413, 415, 422, 503)
)
async def post_user(client: UsersDb, new_user: NewUser, response: Response) -> User:
    """Create a user."""
    user = await users_db.create_user(client, new_user.name)
    response.headers["Location"] = f"/users/{user.id}"
    return user


@router.get("", dependencies=[Depends(each_parameter_once)], responses=responses(422, 503))
async def get_users(client: UsersDb, page: Annotated[Page, Query()]) -> UserPage:
    """List users, oldest first, in pages."""
    return await users_db.list_users(client, page.limit, page.after)


@router.get("/{user_id}", responses=responses(404, 422, 503))
async def get_user(client: UsersDb, user_id: UUID) -> User:
    """Read a user."""
    user = await users_db.read_user(client, user_id)
    if user is None:
        raise NotFound("The user does not exist.")
    return user


@router.delete("/{user_id}", status_code=204, response_class=Response, responses=responses(404, 422, 503))
async def delete_user(client: UsersDb, user_id: UUID) -> None:
    """Delete a user."""
    if not await users_db.delete_user(client, user_id):
        raise NotFound("The user does not exist.")


@probes.get("/healthz")
async def healthz() -> dict[str, str]:
    """Liveness probe: the process responds; no dependency is checked."""
    return {"status": "ok"}


@probes.get("/readyz")
async def readyz() -> dict[str, str]:
    """Readiness probe: the process accepts requests.

    users-db-service is not checked: requests get a 503 response while it is down.
    """
    return {"status": "ok"}
