"""Functions that are called in a child process before its first span.

Python calls them after its own forks. A server that forks in C calls nothing of Python: uWSGI does so by default.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_functions: list[Callable[[], object]] = []
_process = [os.getpid()]
_getpid = os.getpid


def after_fork(function: Callable[[], object]) -> None:
    """Call `function` in every child process."""
    _functions.append(function)


def notice_fork() -> None:
    """Call the functions if this is a child process in which they have not been called."""
    if _getpid() != _process[0]:
        _call()


def _call() -> None:
    for function in _functions:
        function()
    _process[0] = _getpid()  # last: a second thread that comes first calls them, too


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_call)
