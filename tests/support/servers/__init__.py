"""Servers that run in the test's own process."""

from support.servers.asgi import serve

__all__ = ["serve"]
