"""What the operator needs of an API server, and how it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BAD_REQUEST, NOT_FOUND, CONFLICT, EXPIRED = 400, 404, 409, 410
REFUSALS = frozenset({400, 403, 422})
"""Status codes of requests that would be refused again."""
FIELD_MANAGER_CONFLICT = "FieldManagerConflict"
"""Reason of a cause in the API server's Status when another field manager owns a field with another value."""

Object = dict[str, Any]
Key = tuple[str, str]
"""Namespace and name."""


class ApiError(Exception):
    """The API server refused a request, or could not be reached (`code` 0)."""

    def __init__(self, code: int, message: str, *, is_field_conflict: bool = False) -> None:
        super().__init__(message)
        self.code, self.is_field_conflict = code, is_field_conflict

    @property
    def is_stale(self) -> bool:
        """True when the request was decided on an old version of the object."""
        return self.code == CONFLICT and not self.is_field_conflict


class Api(Protocol):
    """Paths are those of the REST API; every method raises ApiError."""

    async def get(self, path: str) -> Object | None:
        """Return the object, or None when there is none."""

    def pages(
        self, path: str, selector: str = "", *, field_selector: str = "", metadata_only: bool = False
    ) -> AsyncIterator[Object]:
        """List in pages; the last one's metadata holds the resourceVersion to watch from."""

    def watch(self, path: str, selector: str, version: str, *, metadata_only: bool = False) -> AsyncIterator[Object]:
        """Yield events (type, object) after `version` until the server ends the watch."""

    async def apply(
        self, path: str, body: Object, manager: str, *, force: bool = False, dry_run: bool = False
    ) -> Object:
        """Server-side apply `body` as `manager`, and return the whole object; a dry run stores nothing."""

    async def merge(self, path: str, body: Object) -> Object:
        """Patch with a JSON merge patch, and return the whole object."""

    async def create(self, path: str, body: Object) -> bool:
        """Create an object; False when one of the same name exists."""

    async def delete(self, path: str) -> None:
        """Delete an object, if it exists."""


async def items(api: Api, path: str, *, field_selector: str = "", metadata_only: bool = False) -> AsyncIterator[Object]:
    """Yield the objects of a list, a page at a time."""
    async for page in api.pages(path, field_selector=field_selector, metadata_only=metadata_only):
        for item in page["items"]:
            yield item


def key_of(thing: Object) -> Key:
    """Return namespace and name of an object."""
    return thing["metadata"]["namespace"], thing["metadata"]["name"]


def version_of(thing: Object) -> int:
    """Return the resourceVersion as a number: versions of one resource may be compared (Kubernetes 1.35, KEP-5504)."""
    return int(thing["metadata"]["resourceVersion"])
