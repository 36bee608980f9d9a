"""Cause and end breakages in a running stack: at its start, or by lines on standard input."""

from __future__ import annotations

import os
import select
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from spanloom_local.breakages import BREAKAGES, restarts
from spanloom_local.ports import listen
from spanloom_local.stack import wait_until_ready

if TYPE_CHECKING:
    from spanloom_local.breakages import Change
    from spanloom_local.stack import Stack

REPAIR = "repair"
MAX_BYTES = 4096
PAGE = "deploy/demos/breakages/{name}.md"


class Breaker:
    """The present breakage of a stack; `name` is empty while there is none."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.name = stack, ""

    def follow(self, line: str) -> str:
        """Cause the breakage that `line` names, or end the present one; return a sentence for the user."""
        command = line.strip()
        if command in BREAKAGES:
            self.cause(command)
            return f"{command} is active, see {PAGE.format(name=command)}; type {REPAIR} to end it"
        if command == REPAIR:
            self.cause("")
            return "no breakage is active"
        return f"{command!r} is not understood; expected {REPAIR}, {', '.join(BREAKAGES)}"

    def cause(self, name: str) -> None:
        """Cause the breakage of that name, or none; return when the services that it changes are ready again."""
        for service, change in restarts(self.name, name).items():
            _restart(self.stack, service, change)
        self.name = name


def _restart(stack: Stack, service: str, change: Change) -> None:
    """Start a service again on its port; without replicas it stays stopped."""
    is_edge = service == "users-api"
    process, url = (stack.users_api, stack.url) if is_edge else (stack.users_db, stack.internal_url)
    if process in stack.processes.running:
        stack.processes.stop(process)
    if change.replicas:
        launch = stack.launch_users_api if is_edge else stack.launch_users_db
        launch(listen(urlsplit(url).port or 0), change)
        wait_until_ready(stack.processes, stack.users_api if is_edge else stack.users_db, url)


def typed_lines() -> list[str]:
    """Return the lines that were typed since the last call, without waiting; none in the background of a terminal."""
    if not _has_input():
        return []
    lines = os.read(sys.stdin.fileno(), MAX_BYTES).decode(errors="replace").splitlines()
    return [line for line in lines if line.strip()]


def _has_input() -> bool:
    try:
        number = sys.stdin.fileno()
        in_background = os.isatty(number) and os.tcgetpgrp(number) != os.getpgrp()
        return not in_background and bool(select.select([number], [], [], 0)[0])
    except (OSError, ValueError):  # closed
        return False
