"""One declared variable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spanloom.settings import checks

if TYPE_CHECKING:
    from spanloom.settings.checks import Check


@dataclass(frozen=True)
class Variable:
    """One variable: `default` is the value when it is unset or empty; `is_ours` marks a default of this distribution.

    An own default is written to the environment for the SDK; any other is the SDK's.
    """

    name: str
    about: str
    check: Check = checks.text
    default: str = ""
    is_ours: bool = False
