"""List, then watch, and begin again when the server says so: one source of objects that never falls silent unseen."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spanloom_operator.api import EXPIRED, ApiError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from spanloom_operator.api import Api

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0  # seconds
log = logging.getLogger(__name__)

Objects = list[dict[str, Any]]
Change = tuple[str, Any]
"""A watch event (type, object), ("PAGE", [objects]): some there are, or ("LISTED", [objects]): all there are."""


@dataclass
class Source:
    """Objects at `path`, those with the label `selector` only. `heard` is when it last was in touch (monotonic)."""

    api: Api
    path: str
    selector: str = ""
    clock: Callable[[], float] = time.monotonic
    heard: float = field(init=False)

    def __post_init__(self) -> None:
        self.heard = self.clock()

    async def list(self) -> tuple[Objects, str]:
        """Return all objects and the version to watch from."""
        items: Objects = []
        async for page in self.pages():
            items += page["items"]
        return items, page["metadata"]["resourceVersion"]

    async def pages(self) -> AsyncIterator[dict[str, Any]]:
        """Yield all objects, a page of `items` at a time; there is at least one."""
        async for page in self.api.pages(self.path, self.selector):
            self.heard = self.clock()
            yield page

    async def changes(self, version: str = "") -> AsyncIterator[Change]:
        """Yield changes for ever, after `version` when the list is known, else beginning with a list."""
        wait = FIRST_WAIT
        while True:
            try:
                if not version:
                    items: Objects = []
                    async for page in self.pages():
                        yield "PAGE", page["items"]  # nobody need wait for the others
                        items += page["items"]
                    version = page["metadata"]["resourceVersion"]
                    yield "LISTED", items
                async for event in self.api.watch(self.path, self.selector, version):
                    version, wait, self.heard = event["object"]["metadata"]["resourceVersion"], FIRST_WAIT, self.clock()
                    if event["type"] != "BOOKMARK":
                        yield event["type"], event["object"]
                self.heard = self.clock()
            except ApiError as error:
                version = "" if error.code == EXPIRED else version
                log.warning("watch of %s: %s", self.path, error, extra={"reason": "WatchFailed"})
                await asyncio.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)
