"""Sampling strategies of a Jaeger backend (a real Jaeger: tests/integration)."""

from __future__ import annotations

import json
import os
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.sampling import Decision, ParentBased
from support.polling import poll_until
from support.servers.scripted_server import HANG, response, scripted_server

from spanloom.core.spans import strategies
from spanloom.core.spans.remote_sampling import RemoteSampler
from spanloom.core.spans.strategies import ByOperation, Rate, to_ratio, to_strategy
from spanloom.core.spans.tracer import Scope
from spanloom.core.telemetry import Options, Telemetry
from spanloom.sdk.remote_sampler import sdk_sampler

if TYPE_CHECKING:
    from collections.abc import Callable

ALL, NONE = {"samplingRate": 1}, {"samplingRate": 0}
OPERATIONS = {
    "defaultSamplingProbability": 0,
    "perOperationStrategies": [{"operation": "GET", "probabilisticSampling": ALL}],
}
DOCUMENTS: dict[str, tuple[Any, dict[str, bool]]] = {
    "all": ({"strategyType": 0, "probabilisticSampling": ALL}, {"GET": True, "POST": True}),
    "none": ({"strategyType": 0, "probabilisticSampling": NONE}, {"GET": False, "POST": False}),
    "type by its name": ({"strategyType": "PROBABILISTIC", "probabilisticSampling": ALL}, {"GET": True}),
    "type left out": ({"probabilisticSampling": ALL}, {"GET": True}),
    "rate left out": ({"probabilisticSampling": {}}, {"GET": False}),
    "rate limiting": ({"strategyType": 1, "rateLimitingSampling": {"maxTracesPerSecond": 9}}, {"GET": True}),
    "no trace per second": ({"strategyType": "RATE_LIMITING", "rateLimitingSampling": {}}, {"GET": False}),
    "by operation": ({"probabilisticSampling": ALL, "operationSampling": OPERATIONS}, {"GET": True, "POST": False}),
    "with a lower bound": (
        {"operationSampling": {**OPERATIONS, "defaultLowerBoundTracesPerSecond": 1}},
        {"GET": True, "POST": True, "PUT": True},
    ),
}


@pytest.mark.parametrize(("document", "expected"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_strategy_is_read_as_jaeger_writes_it(document: Any, expected: dict[str, bool]) -> None:
    """Numbers that are zero may be left out; the type is a number or a name."""
    strategy = to_strategy(document)
    assert expected == {name: strategy.allows(1, name) for name in expected}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"strategyType": 7}, "a strategy of type 7, expected PROBABILISTIC or RATE_LIMITING"),
        ({"probabilisticSampling": {"samplingRate": 2}}, "a sampling rate of 2.0, expected 0 to 1"),
        ({"strategyType": 1, "rateLimitingSampling": {"maxTracesPerSecond": -1}}, "-1 traces per second, expected 0"),
        ([], "the response is no sampling strategy"),
        ({"strategyType": 1}, "the response is no sampling strategy"),
    ],
)
def test_what_is_no_strategy_is_named(document: Any, expected: str) -> None:
    """One line that contains what was found."""
    with pytest.raises(ValueError, match=expected):
        to_strategy(document)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(["strategyType", "probabilisticSampling", "rateLimitingSampling", "operationSampling"])


@given(document=json_values | st.dictionaries(names, json_values))
def test_any_response_is_a_strategy_or_an_error(document: Any) -> None:
    """No other exception than ValueError."""
    try:
        strategy = to_strategy(document)
    except ValueError:
        return
    assert strategy.allows(1, "GET") in (True, False)


@given(steps=st.lists(st.floats(0, 3), max_size=50), per_second=st.floats(0.1, 20))
def test_a_rate_is_a_limit(steps: list[float], per_second: float) -> None:
    """In any time, at most the traces of it and those of one second."""
    now = 0.0
    rate = Rate(per_second, lambda: now)
    sampled = 0
    for seconds in steps:
        now += seconds
        sampled += rate.allows(1, "GET")
    assert sampled <= now * per_second + max(1.0, per_second) + 1e-6


def test_a_rate_is_reached() -> None:
    """Of traces ten times as frequent, one in ten is sampled."""
    moments = iter([number / 100 for number in range(2001)])
    rate = Rate(10, lambda: next(moments))
    sampled = sum(rate.allows(1, "GET") for _ in range(2000))
    assert 200 <= sampled <= 210


def test_operations_with_a_rate_of_their_own_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names beyond the limit share one lower bound."""
    monkeypatch.setattr(strategies, "MAX_OPERATIONS", 2)
    strategy = ByOperation(to_ratio(0), {}, 1)
    assert 3 == sum(strategy.allows(1, f"operation {number}") for number in range(20))
    assert 2 == len(strategy._strategies)


def served(rate: float) -> bytes:
    return response("200 OK", json.dumps({"strategyType": 0, "probabilisticSampling": {"samplingRate": rate}}))


def sampling(url: str, initial_rate: float = 0.0, interval: float = 0.01) -> tuple[Telemetry, Callable[[], bool]]:
    """Return a process that polls `url`, and a function that starts a trace and returns whether it is sampled."""
    sampler = RemoteSampler(f"{url}/sampling", interval, initial_rate, follows_parent=True)
    telemetry = Telemetry(Options(lambda: {"service.name": "shop & co"}, "test", sampler=sampler))
    tracer = telemetry.tracer(Scope("scope"))
    return telemetry, lambda: tracer.start("GET").is_recording()


def test_a_changed_rate_reaches_the_process() -> None:
    """The initial rate counts until the first response; then the last response does."""
    with scripted_server(served(1)) as server:
        telemetry, is_sampled = sampling(server.url)
        assert not telemetry.sampler.strategy.allows(1, "GET")
        assert poll_until(is_sampled, "the first response arrives")
        server.script = [served(0)]
        assert poll_until(lambda: not is_sampled(), "the next one arrives")
        telemetry.stop()
    assert {"GET /sampling?service=shop+%26+co HTTP/1.1"} == set(server.requests)


BAD = {
    "not found": (response("404 Not Found", ""), "Not Found"),
    "no JSON": (response("200 OK", "<html>"), "Expecting value: line 1 column 1 (char 0)"),
    "no strategy": (response("200 OK", "[]"), "the response is no sampling strategy"),
    "no response": (b"", "Remote end closed connection without response"),
}


@pytest.mark.parametrize(("bad", "expected"), BAD.values(), ids=BAD)
def test_a_failure_keeps_the_last_strategy(bad: bytes, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With one line, however often it is repeated."""
    with scripted_server(served(1), bad) as server:
        telemetry, is_sampled = sampling(server.url)
        is_sampled()
        poll_until(lambda: len(server.requests) > 4, "several polls fail")
        assert is_sampled()
        telemetry.stop()
    line = f"spanloom: sampling strategy of {server.url}/sampling: {expected}; the one before stays"
    assert [line] == capsys.readouterr().err.splitlines()


def test_without_a_backend_the_initial_rate_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """The first trace starts at once, and one line says why there is no strategy."""
    telemetry, is_sampled = sampling("http://127.0.0.1:9", initial_rate=1)
    assert is_sampled()
    line = "sampling strategy of http://127.0.0.1:9/sampling: [Errno 111] Connection refused; the one before stays"
    assert poll_until(lambda: capsys.readouterr().err, "the poll fails") == f"spanloom: {line}\n"
    telemetry.stop()


def test_no_request_waits_for_a_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend that does not respond delays no trace; the poll is a step of the export thread."""
    with scripted_server(HANG) as server:
        telemetry, is_sampled = sampling(server.url, initial_rate=1)
        poll_until(lambda: is_sampled() and server.requests, "the poll waits")
        assert all(is_sampled() for _ in range(1000))
    telemetry.stop()


def test_a_forked_process_polls_by_itself() -> None:
    """It has the strategy of its parent until its first poll."""
    with scripted_server(served(1), served(0)) as server:
        telemetry, is_sampled = sampling(server.url, interval=60)
        is_sampled()
        assert poll_until(is_sampled, "the first response arrives")
        child = os.fork()
        if not child:
            had, ends_at = telemetry.sampler.strategy.allows(1, "GET"), monotonic() + 30
            while is_sampled() and monotonic() < ends_at:
                pass
            os._exit(0 if had and not is_sampled() else 1)
        assert (0, True) == (os.waitpid(child, 0)[1], is_sampled())
        telemetry.stop()


@pytest.mark.parametrize("follows_parent", [True, False])
@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_the_sdk_samples_as_the_core(rate: float, follows_parent: bool) -> None:
    """Where the SDK makes the spans, its sampler asks the core's."""
    sampler = RemoteSampler("http://127.0.0.1:9/sampling", 60, rate, follows_parent=follows_parent)
    found = sdk_sampler(sampler)
    assert follows_parent == isinstance(found, ParentBased)
    expected = Decision.RECORD_AND_SAMPLE if rate else Decision.DROP
    assert expected == found.should_sample(None, 7, "GET").decision
