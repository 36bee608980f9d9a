"""Functions that are called in a child process before its first span.

Python calls them after its own forks. uWSGI forks in C, and calls nothing of Python by default.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

UWSGI = "uwsgi"  # the module that exists in its processes only
_functions: list[Callable[[], object]] = []
_process = [os.getpid()]


def after_fork(function: Callable[[], object]) -> None:
    """Call `function` in every child process."""
    _functions.append(function)


def notice_fork() -> None:
    """Call the functions if this is a child process in which they have not been called."""
    if UWSGI in sys.modules and os.getpid() != _process[0]:  # a system call for each trace only where it is needed
        _call()


def _call() -> None:
    for function in _functions:
        function()
    _process[0] = os.getpid()  # last: a second thread that comes first calls them, too


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_call)
