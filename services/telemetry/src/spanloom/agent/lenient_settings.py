"""OTEL_* and SPANLOOM_* variables, without those that are not understood: the agent never stops an application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanloom.settings import Settings, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIXES = ("OTEL_", "SPANLOOM_")


def readable(environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the variables that are understood, and a message about each of the others."""
    found = {key: value for key, value in environ.items() if key.startswith(PREFIXES)}
    messages = []
    while True:
        try:
            Settings.from_environ(found)
        except SettingsError as error:
            found.pop(error.key)
            messages.append(f"{error}; the default is used")
        else:
            return found, messages
