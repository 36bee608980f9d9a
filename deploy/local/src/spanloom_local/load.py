"""A steady, bounded load on users-api: `python -m spanloom_local.load http://127.0.0.1:8000 --rate 5`.

The chart helm/users runs this file in the image of users-api, so it imports the standard library and aiohttp only.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import signal
from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

AGENT = "spanloom-load"
DEFAULT_RATE = 5.0
MAX_RATE = 100.0
MAX_IN_FLIGHT = 20
KEPT_USERS = 60  # more than one page of users
TIMEOUT_SECONDS = 10.0
REPORT_SECONDS = 10.0
SKIPPED = "skipped"
UNKNOWN_USER = "00000000-0000-0000-0000-000000000000"
FORGED_TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
# A context that a caller made up. The edge drops it; deploy/demos/breakages/forged-trace-context.md has the opposite.
FORGED = {"traceparent": f"00-{FORGED_TRACE_ID}-b7ad6b7169203331-01"}
# Of twenty requests, one has the status 404, one 422, and one a forged context.
CYCLE = (
    "create", "read", "list", "read", "read", "forged", "read", "create", "list", "delete",
    "missing", "read", "list", "read", "create", "read", "invalid", "read", "delete", "read",
)  # fmt: skip


class Call(NamedTuple):
    """One request: method, path, JSON body and additional headers."""

    method: str
    path: str
    body: Mapping[str, str] | None = None
    headers: Mapping[str, str] | None = None


CREATE = Call("POST", "/users", {"name": "Load Test"})
CALLS = {
    "create": CREATE,
    "list": Call("GET", "/users"),
    "forged": Call("GET", "/users", headers=FORGED),
    "missing": Call("GET", f"/users/{UNKNOWN_USER}"),
    "invalid": Call("POST", "/users", {"name": ""}),
}


def next_call(number: int, users: Sequence[str]) -> Call:
    """Return the request with this number; `users` are the ids of created users, oldest first.

    The number of users grows to KEPT_USERS and stays: until then a user is created instead of deleted, then the oldest
    is deleted instead of one created.
    """
    kind = CYCLE[number % len(CYCLE)]
    if kind in ("create", "delete"):
        return Call("DELETE", f"/users/{users[0]}") if len(users) >= KEPT_USERS else CREATE
    if kind == "read":
        return Call("GET", f"/users/{users[number % len(users)]}") if users else CREATE
    return CALLS[kind]


def next_time(scheduled: float, now: float, rate: float) -> float:
    """Return the time of the next request; a process that was delayed does not catch up, so no burst follows."""
    return max(scheduled + 1 / rate, now)


@dataclass
class Load:
    """The requests in flight, the users that they created, and the number of responses by status."""

    session: aiohttp.ClientSession
    users: deque[str] = field(default_factory=deque)
    outcomes: Counter[str] = field(default_factory=Counter)
    in_flight: set[asyncio.Task[None]] = field(default_factory=set)

    def start(self, number: int) -> None:
        """Start the request with this number, or count it as skipped if MAX_IN_FLIGHT have no response yet."""
        if len(self.in_flight) >= MAX_IN_FLIGHT:
            self.outcomes[SKIPPED] += 1
            return
        call = next_call(number, self.users)
        if call.method == "DELETE":
            self.users.popleft()  # at once: no later request may read it
        task = asyncio.create_task(self.send(call))
        self.in_flight.add(task)
        task.add_done_callback(self.in_flight.discard)

    async def send(self, call: Call) -> None:
        """Send a request and count its status, or that there was no response; keep the id of a created user."""
        try:
            async with self.session.request(call.method, call.path, json=call.body, headers=call.headers) as response:
                content = await response.read()
        except (TimeoutError, aiohttp.ClientError):
            self.outcomes["no response"] += 1
            return
        self.outcomes[f"status {response.status}"] += 1
        if response.status == 201 and content:
            self.users.append((await response.json())["id"])


async def run(url: str, rate: float) -> None:
    """Send `rate` requests per second until SIGTERM or SIGINT, and print their outcomes every REPORT_SECONDS."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    once = aiohttp.TCPConnector(force_close=True)  # a connection that is kept stays with one pod, whatever starts
    async with aiohttp.ClientSession(url, connector=once, timeout=timeout, headers={"User-Agent": AGENT}) as session:
        load = Load(session)
        sending = [asyncio.create_task(_send(load, rate)), asyncio.create_task(_report(load))]
        await stopped.wait()
        for task in (*sending, *load.in_flight):
            task.cancel()


async def _send(load: Load, rate: float) -> None:
    loop = asyncio.get_running_loop()
    scheduled = loop.time()
    for number in count():
        load.start(number)
        scheduled = next_time(scheduled, loop.time(), rate)
        await asyncio.sleep(scheduled - loop.time())


async def _report(load: Load) -> None:
    while True:
        await asyncio.sleep(REPORT_SECONDS)
        print(summary(load.outcomes), flush=True)
        load.outcomes.clear()


def summary(outcomes: Counter[str]) -> str:
    """Return one line: `load: 50 requests ended in 10 s; status 200: 46, status 201: 3, status 404: 1; 0 skipped`."""
    counts = [f"{outcome}: {number}" for outcome, number in sorted(outcomes.items()) if outcome != SKIPPED]
    ended, skipped = outcomes.total() - outcomes[SKIPPED], outcomes[SKIPPED]
    return f"load: {ended} requests ended in {REPORT_SECONDS:g} s; {', '.join(counts)}; {skipped} skipped"


def rate_of(text: str) -> float:
    """Return a rate in requests per second; ArgumentTypeError if it is not above 0 and at most MAX_RATE."""
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate <= MAX_RATE:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a number above 0 and at most {MAX_RATE:g}")
    return rate


def url_of(text: str) -> str:
    """Return an http or https URL; ArgumentTypeError if it is another text."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise argparse.ArgumentTypeError(f"{text!r}; expected http://HOST:PORT")
    return text


def main() -> None:
    """Read the arguments and send requests until a signal."""
    parser = argparse.ArgumentParser("load", description="Send a steady load to users-api.")
    parser.add_argument("url", type=url_of, help="URL of users-api")
    parser.add_argument("--rate", type=rate_of, default=DEFAULT_RATE, help="requests per second (default: %(default)s)")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.url, arguments.rate))


if __name__ == "__main__":
    main()
