"""What a person is told when a setting cannot be understood."""

from __future__ import annotations


class ConfigurationError(ValueError):
    """One setting is wrong: its key, its value and what was expected."""

    def __init__(self, key: str, value: str, expected: str) -> None:
        super().__init__(f"{key}={value!r} is not understood; expected {expected}")
