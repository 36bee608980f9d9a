"""Deployments on the command line, in the forms that kubectl accepts: TYPE/NAME and TYPE NAME."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanloom_operator.explain.problems import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

TYPES = frozenset(
    f"{name}{suffix}" for name in ("deployment", "deployments", "deploy") for suffix in ("", ".apps", ".v1.apps")
)
EXPECTED = "expected deployment/NAME or deployment NAME"


def deployment_names(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the Deployments in `arguments`; empty means all of them. Raise UsageError."""
    if any("/" in argument for argument in arguments):
        return tuple(_name(argument) for argument in arguments)
    for kind in arguments[:1]:
        _check_type(kind, kind)
    return tuple(arguments[1:])


def _name(argument: str) -> str:
    kind, _, name = argument.partition("/")
    if not kind or not name or "/" in name:
        raise UsageError(f"{argument!r}: {EXPECTED}, not a mixture of both")
    _check_type(kind, argument)
    return name


def _check_type(kind: str, argument: str) -> None:
    if kind.lower() not in TYPES:
        raise UsageError(f"{argument!r}: {EXPECTED}; the operator injects into Deployments only")
