"""Programs that run as processes of their own."""

from support.processes.commands import ended, free_port, listens, start

__all__ = ["ended", "free_port", "listens", "start"]
