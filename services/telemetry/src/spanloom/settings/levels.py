"""Levels of function spans and log records, in the format of RUST_LOG.

`SPANLOOM_FILTER="info,users_db=debug,sqlalchemy=warn"`: a default level, then levels of targets. A target is a module
or logger name and includes every module below it; the longest matching target applies.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from spanloom.settings.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

# Numeric levels of the logging module; trace is below DEBUG, off above CRITICAL.
LEVELS: Mapping[str, int] = MappingProxyType({"trace": 5, "debug": 10, "info": 20, "warn": 30, "error": 40, "off": 60})
EXPECTED = f"LEVEL or TARGET=LEVEL, separated by commas, LEVEL one of {', '.join(LEVELS)}"


@dataclass(frozen=True)
class LevelFilter:
    """The lowest enabled level of each target, and the default for other targets."""

    default: int = LEVELS["info"]
    targets: Mapping[str, int] = field(default_factory=dict)
    _thresholds: dict[str, int] = field(default_factory=dict, repr=False, compare=False)

    def is_enabled(self, target: str, level: int) -> bool:
        """Return whether `level` (a value of LEVELS) is enabled for `target` (a dotted name)."""
        threshold = self._thresholds.get(target)
        if threshold is None:
            threshold = self._thresholds[target] = self._threshold(target)
        return level >= threshold

    def _threshold(self, target: str) -> int:
        while target:
            if target in self.targets:
                return self.targets[target]
            target = target.rpartition(".")[0]
        return self.default


def parse_levels(text: str) -> LevelFilter:
    """Return the filter in `text`; empty text means `info`.

    SettingsError names the invalid directive.
    """
    default, targets = LEVELS["info"], {}
    for directive in filter(None, (part.strip() for part in text.split(","))):
        target, equals, name = (part.strip() for part in directive.rpartition("="))
        level = LEVELS.get(name.lower())
        if level is None or (equals and not _is_target(target)):
            raise SettingsError("SPANLOOM_FILTER", directive, EXPECTED)
        if equals:
            targets[target] = level
        else:
            default = level
    return LevelFilter(default, targets)


def _is_target(text: str) -> bool:
    return bool(text) and all(part.isidentifier() for part in text.replace("-", "_").split("."))


_active = LevelFilter()


def active_filter() -> LevelFilter:
    """Return the active filter of this process."""
    return _active


def set_active_filter(level_filter: LevelFilter) -> None:
    """Use `level_filter` in this process from the next call on."""
    global _active  # noqa: PLW0603 one filter per process, as there is one logging tree
    _active = level_filter
