"""The one error for a setting that is not understood."""

from __future__ import annotations


class SettingsError(ValueError):
    """One setting is wrong; the text names the variable, its value and what was expected."""

    def __init__(self, key: str, value: str, expected: str) -> None:
        super().__init__(f"{key}={value!r} is not understood; expected {expected}")
