"""The arms: the same two services, each time with another way of tracing."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SERVICES = MappingProxyType({"users-db-service": "users_db.app", "users-api": "users_api.app"})
FOREIGN = ("OTEL_", "SPANLOOM_", "USERS_", "UVICORN_", "DD_", "LOGFIRE_", "PYTHON", "VIRTUAL_ENV")
UNSAMPLED = "traceparent: 00-{trace}-{span}-00"
NOTHING: Mapping[str, str] = MappingProxyType({})

OTLP = {
    "OTEL_SERVICE_NAME": "{service}",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "{sink}",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
}
# The access line is a log record; as no arm writes one (uvicorn --no-access-log), this one does not either.
SPANLOOM = {**OTLP, "OTEL_PYTHON_DISTRO": "spanloom", "SPANLOOM_FILTER": "info,spanloom.access=off"}
INSTRUMENT = ("opentelemetry-instrument",)


@dataclass(frozen=True)
class Arm:
    """One way of tracing.

    home: the environment it is installed in. launcher: the program that starts uvicorn. settings: environment
    variables, `{service}` and `{sink}` to be filled in. edge: more of them for users-api alone. module: where both
    factories are, when not in the services' own modules. headers: what the client sends. names: which names of
    attributes it is held to (content.NAMES). share: the part of the requests that makes a trace.
    """

    name: str
    title: str
    home: str = "shipped"
    launcher: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    edge: Mapping[str, str] = field(default_factory=dict)
    factory: str = "{module}:create_app"
    headers: tuple[str, ...] = ()
    names: str = "stable"
    share: float = 1.0

    def environment(self, inherited: Mapping[str, str], service: str, sink: str) -> dict[str, str]:
        """Return a service's environment; settings of the person's own telemetry do not reach it."""
        kept = {key: value for key, value in inherited.items() if not key.startswith(FOREIGN)}
        own = {**self.settings, **(self.edge if service == "users-api" else NOTHING)}
        filled = {key: value.format(service=service, sink=sink) for key, value in own.items()}
        # One order of dicts and sets for every arm: that alone moves a process by some per cent.
        return {**kept, "PYTHONHASHSEED": "0", **filled}


def unsampled() -> str:
    """Return a traceparent header of a caller that has decided not to record."""
    return UNSAMPLED.format(trace=secrets.token_hex(16), span=secrets.token_hex(8))


ARMS = (
    Arm("untraced", "untraced", share=0.0),
    Arm("untraced-again", "untraced again (A/A)", share=0.0),
    Arm("spanloom", "spanloom, 100 %", launcher=INSTRUMENT, settings=SPANLOOM, edge={}),
)
BASES = ("untraced", "untraced-again")


def choose(names: Iterable[str]) -> list[Arm]:
    """Return the arms of those names and, always, both untraced ones; ValueError names an unknown one."""
    known = {arm.name: arm for arm in ARMS}
    chosen = {*BASES, *names}
    if unknown := sorted(chosen - known.keys()):
        raise ValueError(f"--arms {unknown[0]}: expected one or several of {', '.join(known)}")
    return [arm for arm in ARMS if arm.name in chosen]
