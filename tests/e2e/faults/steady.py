"""Steady requests to the Collector, and those that it has acknowledged."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

from support.polling import poll_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.cluster.helm_release import Release

PROTOBUF = {"Content-Type": "application/x-protobuf"}
PACE_SECONDS = 0.1
ENOUGH = 30  # requests

Acknowledged = dict[int, float]
"""The numbers of acknowledged requests, with the time of each, of `time.monotonic`."""


@contextmanager
def sending(release: Release, signal: str, body_of: Callable[[int], bytes]) -> Iterator[Acknowledged]:
    """Send the bodies of 0, 1, … inside the block, ten a second; yield what grows with them.

    URLError or HTTPError at the end of the block if one was not acknowledged.
    """
    acknowledged, over = Acknowledged(), threading.Event()

    def send() -> None:
        for number in count():
            if over.wait(PACE_SECONDS):
                return
            with urlopen(Request(f"{collector}/v1/{signal}", body_of(number), PROTOBUF), timeout=10):
                acknowledged[number] = time.monotonic()

    with release.reach("otel-collector", 4318) as collector, ThreadPoolExecutor(1) as pool:
        sent = pool.submit(send)
        try:
            yield acknowledged
        finally:
            over.set()
        sent.result()


def until_enough(acknowledged: Acknowledged) -> None:
    """Wait until many more requests are acknowledged."""
    goal = len(acknowledged) + ENOUGH
    poll_until(lambda: len(acknowledged) >= goal, f"{ENOUGH} more requests are acknowledged", 60)
