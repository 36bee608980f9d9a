"""Which function spans and log records are wanted, in the manner of RUST_LOG.

`SPANLOOM_FILTER="info,users_db=debug,sqlalchemy=warn"`: a default level and levels for targets. A target is a
module or logger name and covers everything below it; the longest target that matches decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from spanloom.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

# The numbers are those of the logging module; trace lies below its DEBUG, off above its CRITICAL.
LEVELS: Mapping[str, int] = MappingProxyType({"trace": 5, "debug": 10, "info": 20, "warn": 30, "error": 40, "off": 60})
EXPECTED = f"LEVEL or TARGET=LEVEL, separated by commas, LEVEL one of {', '.join(LEVELS)}"


@dataclass(frozen=True)
class Filter:
    """The least level wanted of each target, and of every other."""

    default: int = LEVELS["info"]
    targets: Mapping[str, int] = field(default_factory=dict)
    _known: dict[str, int] = field(default_factory=dict, repr=False, compare=False)

    def enabled(self, target: str, level: int) -> bool:
        """Tell whether something of `level` (a number of LEVELS) in `target` (a dotted name) is wanted."""
        threshold = self._known.get(target)
        if threshold is None:
            threshold = self._known[target] = self._threshold(target)
        return level >= threshold

    def _threshold(self, target: str) -> int:
        while target:
            if target in self.targets:
                return self.targets[target]
            target = target.rpartition(".")[0]
        return self.default


def parse_filter(text: str) -> Filter:
    """Return the filter that `text` describes; empty text means `info`.

    ConfigurationError names the directive that cannot be understood and what was expected.
    """
    default, targets = LEVELS["info"], {}
    for directive in filter(None, (part.strip() for part in text.split(","))):
        target, equals, name = (part.strip() for part in directive.rpartition("="))
        level = LEVELS.get(name.lower())
        if level is None or (equals and not _is_target(target)):
            raise ConfigurationError("SPANLOOM_FILTER", directive, EXPECTED)
        if equals:
            targets[target] = level
        else:
            default = level
    return Filter(default, targets)


def _is_target(text: str) -> bool:
    return bool(text) and all(part.isidentifier() for part in text.replace("-", "_").split("."))


_current = Filter()


def current() -> Filter:
    """Return the filter of this process."""
    return _current


def install(chosen: Filter) -> None:
    """Make `chosen` the filter of this process, from the next call on."""
    global _current  # noqa: PLW0603 one filter a process, like the logging tree it steers
    _current = chosen
