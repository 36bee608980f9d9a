"""The load: which request follows, how fast, and how many at once."""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.servers.scripted_server import HANG, scripted_server

from spanloom_local import load
from spanloom_local.load import CREATE, CYCLE, KEPT_USERS, MAX_IN_FLIGHT, Load, next_call, next_time


def replay(number: int) -> tuple[list[str], Counter[tuple[str, str]]]:
    """Follow this many requests; return the users that are left, and the requests by method and kind of path."""
    users: list[str] = []
    calls: Counter[tuple[str, str]] = Counter()
    for index in range(number):
        call = next_call(index, users)
        path = call.path if call.path in ("/users", f"/users/{load.UNKNOWN_USER}") else "/users/{user_id}"
        calls[call.method, path] += 1
        if call == CREATE:
            users.append(f"user-{index}")
        elif call.method == "DELETE":
            users.remove(call.path.removeprefix("/users/"))
    return users, calls


@given(st.integers(0, 2000))
def test_the_number_of_users_is_bounded(number: int) -> None:
    """However long it runs, at most KEPT_USERS users exist, and only users that exist are read and deleted."""
    users, _ = replay(number)
    assert len(users) <= KEPT_USERS


def test_the_load_uses_every_route_with_a_small_share_of_errors() -> None:
    """Once KEPT_USERS exist, twenty requests use all four routes; one is for an unknown user, one invalid."""
    _, before = replay(400)
    _, after = replay(400 + len(CYCLE))
    calls = after - before
    assert {"GET", "POST", "DELETE"} == {method for method, _ in calls}
    assert 1 == calls["GET", f"/users/{load.UNKNOWN_USER}"]
    assert 1 == sum(load.CALLS[kind].body == {"name": ""} for kind in CYCLE if kind in load.CALLS)
    assert len(CYCLE) == calls.total()


@pytest.mark.parametrize(
    ("scheduled", "now", "expected"),
    [(10.0, 10.1, 10.25), (10.0, 10.25, 10.25), (10.0, 99.0, 99.0)],
    ids=["waits", "is due", "was delayed"],
)
def test_a_delay_causes_no_burst(scheduled: float, now: float, expected: float) -> None:
    """Requests start a quarter of a second apart at a rate of 4; after a delay, the rate is the same again."""
    assert expected == next_time(scheduled, now, 4)


async def test_the_number_of_requests_in_flight_is_bounded() -> None:
    """While a server does not respond, MAX_IN_FLIGHT requests wait; further ones are counted, not sent."""
    with scripted_server(HANG) as server:
        async with aiohttp.ClientSession(server.url) as session:
            found = Load(session)
            for number in range(MAX_IN_FLIGHT + 3):
                found.start(number)
            assert (MAX_IN_FLIGHT, {"skipped": 3}) == (len(found.in_flight), found.outcomes)
            for task in found.in_flight:
                task.cancel()
            await asyncio.gather(*found.in_flight, return_exceptions=True)


async def test_a_server_that_is_down_is_counted() -> None:
    """A request without a response is counted and ends nothing."""
    async with aiohttp.ClientSession("http://127.0.0.1:9") as session:
        found = Load(session)
        await found.send(CREATE)
    assert {"no response": 1} == found.outcomes


def test_the_summary_counts_outcomes() -> None:
    """One line has the number of requests and how many had each status code, or no response."""
    outcomes = Counter({"status 200": 4, "no response": 1, "skipped": 2})
    assert "load: 5 requests ended in 10 s; no response: 1, status 200: 4; 2 skipped" == load.summary(outcomes)


@pytest.mark.parametrize("text", ["0", "-1", "101", "nan", "inf", "fast", ""])
def test_a_wrong_rate_is_refused(text: str) -> None:
    """A rate that is not above 0 and at most 100 causes one line with the value and what is expected."""
    with pytest.raises(argparse.ArgumentTypeError, match=r"expected a number above 0 and at most 100"):
        load.rate_of(text)


@pytest.mark.parametrize("text", ["", "users-api:8000", "ftp://users-api", "http://"])
def test_a_wrong_url_is_refused(text: str) -> None:
    """What is no URL of HTTP causes one line with the value and what is expected."""
    with pytest.raises(argparse.ArgumentTypeError, match=r"expected http://HOST:PORT"):
        load.url_of(text)
