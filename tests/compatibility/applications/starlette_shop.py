"""A Starlette application: routes, mounts with parameters, a class of endpoints, static files and a WebSocket."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles


async def order(request) -> PlainTextResponse:
    if request.path_params["number"] == 500:
        raise ValueError("no such order")
    return PlainTextResponse("order")


class Cart(HTTPEndpoint):
    async def get(self, _request) -> PlainTextResponse:
        return PlainTextResponse("cart")


async def echo(socket) -> None:
    await socket.accept()
    await socket.send_text(await socket.receive_text())
    await socket.close()


app = Starlette(
    routes=[
        Route("/orders/{number:int}", order),
        Route("/cart", Cart),
        Mount("/tenants/{tenant}", routes=[Route("/orders/{number:int}", order)]),
        Mount("/static", StaticFiles(directory=str(Path(__file__).parent))),
        WebSocketRoute("/echo/{room}", echo),
    ]
)
