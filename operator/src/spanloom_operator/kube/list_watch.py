"""List, then watch, and list again when the server asks for it."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spanloom_operator.kube.api import EXPIRED, ApiError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from spanloom_operator.kube.api import Api

FIRST_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS = 0.5, 30.0
log = logging.getLogger(__name__)

Objects = list[dict[str, Any]]
Change = tuple[str, Any]
"""A watch event (type, object), ("PAGE", [objects]): some of the list, or ("LISTED", [objects]): all of it."""


@dataclass
class ListWatch:
    """Objects at `path`, those with the label `selector` only. `last_contact` is a monotonic time in seconds."""

    api: Api
    path: str
    selector: str = ""
    metadata_only: bool = False
    clock: Callable[[], float] = time.monotonic
    last_contact: float = field(init=False)

    def __post_init__(self) -> None:
        self.last_contact = self.clock()

    async def list(self) -> tuple[Objects, str]:
        """Return all objects and the version to watch from."""
        found: Objects = []
        async for page in self.pages():
            found += page["items"]
        return found, page["metadata"]["resourceVersion"]

    async def pages(self) -> AsyncIterator[dict[str, Any]]:
        """Yield all objects, a page of `items` at a time; there is at least one."""
        async for page in self.api.pages(self.path, self.selector, metadata_only=self.metadata_only):
            self.last_contact = self.clock()
            yield page

    async def changes(self, version: str = "") -> AsyncIterator[Change]:
        """Yield changes for ever, after `version` when the list is known, else beginning with a list."""
        backoff = FIRST_BACKOFF_SECONDS
        while True:
            try:
                if not version:
                    found: Objects = []
                    async for page in self.pages():
                        yield "PAGE", page["items"]  # the first ones need not wait for the others
                        found += page["items"]
                    version = page["metadata"]["resourceVersion"]
                    yield "LISTED", found
                events = self.api.watch(self.path, self.selector, version, metadata_only=self.metadata_only)
                async for event in events:
                    version, backoff = event["object"]["metadata"]["resourceVersion"], FIRST_BACKOFF_SECONDS
                    self.last_contact = self.clock()
                    if event["type"] != "BOOKMARK":
                        yield event["type"], event["object"]
                self.last_contact = self.clock()
            except ApiError as error:
                version = "" if error.code == EXPIRED else version
                log.warning("watch of %s failed: %s", self.path, error, extra={"reason": "WatchFailed"})
                await asyncio.sleep(backoff)
                backoff = min(2 * backoff, MAX_BACKOFF_SECONDS)
