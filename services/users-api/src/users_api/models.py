"""Users as asked for and answered at the edge, and as users-db-service answers them."""

import unicodedata
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, JsonValue, StringConstraints

MAX_NAME_CHARACTERS = 200
CONTROL = frozenset({"Cc", "Zl", "Zp"})
EXAMPLE: dict[str, JsonValue] = {
    "id": "5f0c1b0e-7a0c-4d59-9d55-0f8f2a1b6c3d",
    "name": "Ada Lovelace",
    "created_at": "2026-11-02T09:30:00Z",
}


def _without_control(name: str) -> str:
    if any(unicodedata.category(character) in CONTROL for character in name):
        raise ValueError("must not contain control characters or line separators")
    return name


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME_CHARACTERS),
    AfterValidator(_without_control),
]


class NewUser(BaseModel):
    """What a user is made of."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "Ada Lovelace"}]})

    name: Name


class User(BaseModel):
    """A user."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    id: UUID
    name: str
    created_at: datetime


class UserPage(BaseModel):
    """A page of users by age, oldest first; `next` is the `after` of the next page, null on the last."""

    items: list[User]
    next: str | None
