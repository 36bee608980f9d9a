"""The table of services and edges: what is sent, what is answered, and the trace that each request makes."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

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
    """One kind of request, the status it is answered with, the functions it runs and the SQL it ends in."""

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
        """The whole trace, in the form of `spanloom.model.Trace.shape`."""
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


# The services, and the modules whose functions appear as INTERNAL spans: what SPANLOOM_FILTER names.
SERVICES = {"users-api": "users_api.users_db", "users-db-service": "users_db.db"}

MARK = "spanloom-journey/"


class Answer(NamedTuple):
    """Status, decoded JSON body (None when it is empty), and the mark by which the request's trace is found."""

    status: int
    body: Any
    mark: str


def without_functions(tree: str, services: Collection[str] = SERVICES.keys()) -> str:
    """`tree` without the INTERNAL lines of `services`, what hung below them moved up.

    Of all services: the trace that SPANLOOM_FILTER=warn makes, carriers alone.
    """
    lines: list[str] = []
    gone: list[int] = []  # the depths of dropped lines above the current one
    for line in tree.split("\n"):
        depth = len(line) - len(line.lstrip())
        gone = [above for above in gone if above < depth]
        service, kind, _ = line.split(maxsplit=2)
        if kind == "INTERNAL" and service in services:
            gone.append(depth)
        else:
            lines.append(line[2 * len(gone) :])
    return "\n".join(lines)


def send(base_url: str, method: str, path: str, body: Any = None, seconds: float = 10.0) -> Answer:
    """Send one request with a JSON body; OSError or HTTPException when there is no answer within `seconds`.

    Its User-Agent is unique and recorded by the server's span (`user_agent.original`): the edge does not obey a
    trace id of ours, so this is how the trace is found.
    """
    mark = f"{MARK}{uuid4()}"
    content = None if body is None else json.dumps(body)
    headers = {"User-Agent": mark} | ({"Content-Type": "application/json"} if content else {})
    with closing(HTTPConnection(urlsplit(base_url).netloc, timeout=seconds)) as connection:
        connection.request(method, path, content, headers)
        response = connection.getresponse()
        text = response.read()
    return Answer(response.status, json.loads(text) if text else None, mark)


def made_by(answer: Answer, traces: Iterable[Trace]) -> Trace | None:
    """Return the one of `traces` that the request of `answer` made, or None while it has not come."""
    return next((trace for trace in traces if answer.mark in _agents(trace)), None)


def is_ours(trace: Trace) -> bool:
    """Tell whether a request of `send` made this trace."""
    return any(agent.startswith(MARK) for agent in _agents(trace))


def travel(base_url: str) -> Iterator[tuple[Step, Answer]]:
    """Send the journey's requests one at a time, the next one when the last answer has been taken."""
    user_id = "unknown"
    for step in JOURNEY:
        answer = send(base_url, step.method, step.route.format(user_id=user_id), step.body)
        if step is CREATE and answer.status == CREATE.status:
            user_id = answer.body["id"]
        yield step, answer


def _agents(trace: Trace) -> set[str]:
    return {str(span.attributes.get("user_agent.original", "")) for span in trace.spans}
