"""Routers in routers, prefixes with parameters, mounts with parameters, sub-applications and static files."""

from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles


class CopyingMiddleware:
    """What some middleware does: a scope of its own for what is inside."""

    def __init__(self, app) -> None:
        self.app = app

    async def __call__(self, scope, receive, send) -> None:
        await self.app(dict(scope), receive, send)


users, orders, nested = APIRouter(prefix="/users"), APIRouter(), APIRouter(prefix="/teams/{team}")


@users.get("/{user_id}")
def user(user_id: int) -> int:
    return user_id


@orders.get("/{order_id}")
def order(order_id: int) -> int:
    return order_id


@nested.get("/members/{member}")
def member(team: str, member: str) -> str:
    return team + member


users.include_router(nested)
app = FastAPI()
app.add_middleware(CopyingMiddleware)
app.include_router(users, prefix="/api/v1")
app.include_router(orders, prefix="/api/v2/orders")


@app.get("/files/{path:path}")
def file(path: str) -> str:
    return path


def leaf(request) -> PlainTextResponse:
    return PlainTextResponse(request.path_params["leaf"])


tenant = Starlette(routes=[Route("/leaves/{leaf}", leaf), Mount("/inner", routes=[Route("/{leaf}", leaf)])])
app.mount("/tenants/{tenant}", tenant)
sub = FastAPI()
sub.include_router(orders, prefix="/more")
app.mount("/sub", sub)
app.mount("/static", StaticFiles(directory=Path(__file__).parent))
