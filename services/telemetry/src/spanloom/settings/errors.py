"""The one error for invalid settings."""

from __future__ import annotations


class SettingsError(ValueError):
    """One setting is invalid; the message contains the variable, its value and the expected form."""

    def __init__(self, key: str, value: str, expected: str) -> None:
        self.key = key
        super().__init__(f"{key}={value!r} is not understood; expected {expected}")
