"""Workloads on the command line, in the forms that kubectl accepts: TYPE/NAME and TYPE NAME."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from spanloom_operator.explain.problems import UsageError
from spanloom_operator.kinds import KINDS, UNCHANGEABLE, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence


class Target(NamedTuple):
    """A workload to explain; an empty name means all of the kind."""

    kind: Kind
    name: str


def _spellings(kind: Kind) -> list[str]:
    words, (version, group) = (kind.name.lower(), kind.plural, kind.short_name), reversed(kind.api_version.split("/"))
    return [f"{word}{suffix}" for word in words for suffix in ("", f".{group}", f".{version}.{group}")]


TYPES = {spelling: kind for kind in KINDS.values() for spelling in _spellings(kind)}
"""Every kind by each of its spellings."""
EXPECTED = "expected TYPE/NAME or TYPE NAME, such as deployment/shop"
INJECTED = "the operator injects into Deployments, StatefulSets, DaemonSets and CronJobs"


def targets(arguments: Sequence[str]) -> tuple[Target, ...]:
    """Return the workloads in `arguments`, or raise UsageError."""
    if any("/" in argument for argument in arguments):
        return tuple(map(_target, arguments))
    kinds = [_kind(word, word) for word in arguments[:1]]
    return tuple(Target(kind, name) for kind in kinds for name in arguments[1:] or [""])


def _target(argument: str) -> Target:
    kind, _, name = argument.partition("/")
    if not kind or not name or "/" in name:
        raise UsageError(f"{argument!r}: {EXPECTED}, not a mixture of both")
    return Target(_kind(kind, argument), name)


def _kind(word: str, argument: str) -> Kind:
    if found := TYPES.get(word.lower()):
        return found
    remedies = {name: each.remedy for each in UNCHANGEABLE.values() for name in (each.name.lower(), each.plural)}
    raise UsageError(f"{argument!r}: {EXPECTED}; {remedies.get(word.lower(), INJECTED)}")
