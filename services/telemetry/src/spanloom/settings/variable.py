"""Declaration of one environment variable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spanloom.settings import checks

if TYPE_CHECKING:
    from spanloom.settings.checks import Check


@dataclass(frozen=True)
class Variable:
    """One environment variable: name, description, validation and default.

    `default` applies when the variable is unset or empty. `overrides_sdk` marks a default that differs from
    the SDK's; it is written to the environment for the SDK.
    """

    name: str
    description: str
    check: Check = checks.text
    default: str = ""
    overrides_sdk: bool = False
