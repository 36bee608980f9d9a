"""The public name of the bounded HTTP protocol: `UVICORN_HTTP=spanloom.bounded:BoundedHttp`."""

from spanloom.web.limited_http import LimitedHttpProtocol as BoundedHttp

__all__ = ["BoundedHttp"]
