"""A sampler whose strategy a Jaeger backend serves; the export thread polls it, and no request waits for it.

OpenTelemetry specification, "Trace SDK", section "JaegerRemoteSampler"; the strategies are in `strategies`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from spanloom.core.reports import report
from spanloom.core.spans.strategies import Strategy, to_ratio, to_strategy

if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT_SECONDS = 2.0  # of a poll, which spans wait for
MAX_RESPONSE_BYTES = 1 << 20


class RemoteSampler:
    """Samples by the last strategy that was served, and by a ratio before the first one.

    `on_use` is called for each trace until the strategies have been polled in this process.
    """

    bound = 1  # it may sample

    def __init__(self, url: str, interval_seconds: float, initial_rate: float, *, follows_parent: bool) -> None:
        self.url, self.interval_seconds, self.follows_parent = url, interval_seconds, follows_parent
        self.strategy: Strategy = to_ratio(initial_rate)
        self.is_polled = False
        self.on_use: Callable[[], object] = bool

    def samples(self, trace_id: int, name: str) -> bool:
        """Return whether a trace is sampled whose first span has this name."""
        if not self.is_polled:
            self.on_use()
        return self.strategy.allows(trace_id, name)


class StrategyPoller:
    """Asks for the strategy of a service; a step of the export thread."""

    is_flushing = False

    def __init__(self, sampler: RemoteSampler, service: str) -> None:
        self._sampler = sampler
        separator = "&" if "?" in sampler.url else "?"
        self._url = f"{sampler.url}{separator}{urlencode({'service': service})}"
        self._next_at = 0.0
        self._last: Any = None
        self._is_failing = False

    def is_empty(self) -> bool:
        """Return True: nothing waits to be sent."""
        return True

    def clear(self) -> None:
        """Poll again after a fork; the strategy stays."""
        self._next_at, self._sampler.is_polled = 0.0, False

    def step(self, now: float) -> float:
        """Poll if it is time, and not while the process ends; return when the next poll is due."""
        if self.is_flushing:
            self.is_flushing = False
        elif now >= self._next_at:
            self._next_at = now + self._sampler.interval_seconds
            self._poll()
        return self._next_at

    def _poll(self) -> None:
        self._sampler.is_polled = True
        try:
            document = _fetch(self._url)
            if document != self._last:  # the balance of a rate stays
                self._sampler.strategy, self._last = to_strategy(document), document
            self._is_failing = False
        except Exception as error:
            self._report(error)

    def _report(self, error: Exception) -> None:
        if not self._is_failing:
            problem = getattr(error, "reason", None) or str(error) or type(error).__name__
            report(f"sampling strategy of {self._sampler.url}: {problem}; the one before stays")
        self._is_failing = True


def _fetch(url: str) -> Any:
    from urllib.request import urlopen  # noqa: PLC0415 imports much, and few processes need it

    with urlopen(url, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310 the settings accept http and https only
        return json.loads(response.read(MAX_RESPONSE_BYTES))
