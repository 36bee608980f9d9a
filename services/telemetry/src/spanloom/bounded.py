"""Public import path of the HTTP protocol with size and time limits: `UVICORN_HTTP=spanloom.bounded:BoundedHttp`."""

from spanloom.web.limited_http import LimitedHttpProtocol as BoundedHttp

__all__ = ["BoundedHttp"]
