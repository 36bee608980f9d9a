"""The table of requests: each with its status code and the trace that it produces."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

from spanloom_local.load import AGENT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from spanloom.traces.model import Trace

TREE = """\
users-api SERVER {method} {route}
  users-api INTERNAL {edge}
    users-api CLIENT {method}
      users-db-service SERVER {method} {route}
        users-db-service INTERNAL {store}
          users-db-service CLIENT {statement}"""


@dataclass(frozen=True, slots=True)
class Step:
    """A request, its status code, the functions that handle it and its SQL statement."""

    title: str
    method: str
    route: str
    status: int
    edge: str
    store: str
    statement: str
    body: dict[str, Any] | None = None

    @property
    def tree(self) -> str:
        """The whole trace, as `spanloom.traces.model.Trace.shape` formats it."""
        return TREE.format(
            method=self.method, route=self.route, edge=self.edge, store=self.store, statement=self.statement
        )


CREATE = Step(
    "create a user", "POST", "/users", 201, "create_user", "insert_user", "INSERT users", {"name": "Ada Lovelace"}
)
READ = Step("read it", "GET", "/users/{user_id}", 200, "read_user", "select_user", "SELECT users")
LIST = Step("list users", "GET", "/users", 200, "list_users", "select_users", "SELECT users")
DELETE = Step("delete it", "DELETE", "/users/{user_id}", 204, "delete_user", "remove_user", "DELETE users")
READ_AGAIN = Step("read it again", "GET", "/users/{user_id}", 404, "read_user", "select_user", "SELECT users")
JOURNEY = (CREATE, READ, LIST, DELETE, READ_AGAIN)


# The services, and the modules whose functions have INTERNAL spans: the targets of SPANLOOM_FILTER.
SERVICES = {"users-api": "users_api.users_db", "users-db-service": "users_db.db"}

MARK = "spanloom-journey/"


class Response(NamedTuple):
    """Status code, decoded JSON body (None if empty), and the User-Agent that identifies the request's trace."""

    status: int
    body: Any
    mark: str


def without_functions(tree: str, services: Collection[str] = SERVICES.keys()) -> str:
    """Return `tree` without the INTERNAL lines of `services`; their children move up.

    For all services, this is the trace under SPANLOOM_FILTER=warn: server and client spans only.
    """
    lines: list[str] = []
    removed: list[int] = []  # the depths of removed ancestors of the current line
    for line in tree.split("\n"):
        depth = len(line) - len(line.lstrip())
        removed = [above for above in removed if above < depth]
        service, kind, _ = line.split(maxsplit=2)
        if kind == "INTERNAL" and service in services:
            removed.append(depth)
        else:
            lines.append(line[2 * len(removed) :])
    return "\n".join(lines)


def send(
    base_url: str, method: str, path: str, body: Any = None, seconds: float = 10.0, traceparent: str = ""
) -> Response:
    """Send a request with a JSON body; OSError or HTTPException without a response within `seconds`.

    Its User-Agent is unique and recorded in the server span (`user_agent.original`). It identifies the trace, because
    the edge ignores the trace id of a caller.
    """
    mark = f"{MARK}{uuid4()}"
    content = None if body is None else json.dumps(body)
    headers = {"User-Agent": mark} | ({"Content-Type": "application/json"} if content else {})
    headers |= {"traceparent": traceparent} if traceparent else {}
    with closing(HTTPConnection(urlsplit(base_url).netloc, timeout=seconds)) as connection:
        connection.request(method, path, content, headers)
        response = connection.getresponse()
        text = response.read()
    return Response(response.status, json.loads(text) if text else None, mark)


def trace_of(response: Response, traces: Iterable[Trace]) -> Trace | None:
    """Return the trace of this request, or None if it is not among `traces`."""
    return next((trace for trace in traces if response.mark in _agents(trace)), None)


def is_from_journey(trace: Trace) -> bool:
    """Return whether the trace belongs to a request of `send`."""
    return any(agent.startswith(MARK) for agent in _agents(trace))


def is_from_load(trace: Trace) -> bool:
    """Return whether no other caller than the load sent the trace's request to the edge."""
    return _agents(trace, "users-api") <= {AGENT, ""}


def send_journey(base_url: str) -> Iterator[tuple[Step, Response]]:
    """Send the requests of the journey one after the other, each when the previous response is consumed."""
    user_id = "unknown"
    for step in JOURNEY:
        response = send(base_url, step.method, step.route.format(user_id=user_id), step.body)
        if step is CREATE and response.status == CREATE.status:
            user_id = response.body["id"]
        yield step, response


def _agents(trace: Trace, service: str = "") -> set[str]:
    """Return the user agents of the callers of a service, or of all services; "" for spans without one."""
    spans = [span for span in trace.spans if not service or span.service == service]
    return {str(span.attributes.get("user_agent.original", "")) for span in spans}
