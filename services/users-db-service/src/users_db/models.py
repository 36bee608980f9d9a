"""Models of users: database table, request and response."""

from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, JsonValue, StringConstraints, WithJsonSchema
from sqlalchemy import Column, DateTime, Index, Text, func
from sqlmodel import Field, SQLModel

MAX_PAGE = 100
# Character classes without brackets: Unicode categories Cc, Zl and Zp; white space, which is trimmed.
CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
SPACE = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
EXAMPLE: dict[str, JsonValue] = {
    "id": "5f0c1b0e-7a0c-4d59-9d55-0f8f2a1b6c3d",
    "name": "Ada Lovelace",
    "created_at": "2026-11-02T09:30:00Z",
}


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=rf"^[^{CONTROL}]*$"),
    # The same rule for OpenAPI, which has no trimming.
    WithJsonSchema(
        {
            "type": "string",
            "description": "1 to 200 characters without surrounding white space; no control characters.",
            "pattern": rf"^[{SPACE}]*[^{CONTROL}{SPACE}]([^{CONTROL}]{{0,198}}[^{CONTROL}{SPACE}])?[{SPACE}]*$",
        }
    ),
]


class NewUser(BaseModel):
    """Request body for creating a user."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "Ada Lovelace"}]})

    name: Name


class User(SQLModel, table=True):
    """A row of `users`: the id is generated here, the time by the database."""

    __tablename__ = "users"
    __table_args__ = (Index("users_created_at_id", "created_at", "id"),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    name: str = Field(sa_column=Column(Text, nullable=False))
    created_at: datetime = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now())
    )


class UserOut(BaseModel):
    """A user in a response."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [EXAMPLE]})

    id: UUID
    name: str
    created_at: datetime


class UserPage(BaseModel):
    """A page of users, oldest first; `next` is the `after` of the next page, null on the last page."""

    items: list[UserOut]
    next: str | None
