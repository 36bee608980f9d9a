"""What the operator's settings allow a profile to contain: endpoints, propagators and images of the agent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import SplitResult, urlsplit

ANY_ENDPOINT = "*"
"""Pattern of the allow-list that matches every endpoint."""
PORTS = {"http": 80, "https": 443}
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9a-fA-F:]*:[0-9a-fA-F:.]*")


@dataclass(frozen=True)
class Rules:
    """`endpoints` are URLs whose host may contain `*`, such as `http://otel-collector.*.svc:4318`; "*" matches all.

    `propagators` are those that every image has: one that an image lacks stops its application from starting.
    `agent_image` is the image of profiles that name none; they may name `agent_images`, too (None: not known).
    """

    endpoints: tuple[str, ...] = ()
    propagators: frozenset[str] = frozenset({"tracecontext", "baggage", "none"})
    agent_image: str = ""
    agent_images: tuple[str, ...] | None = ()

    def check_endpoint(self, url: str) -> None:
        """ValueError unless `url` is an endpoint of the allow-list."""
        endpoint = split_endpoint(url)
        if not any(_matches(endpoint, pattern) for pattern in self.endpoints):
            allowed = ", ".join(self.endpoints) or "empty"
            raise ValueError(f"expected an endpoint of the operator's allow-list ({allowed})")

    def check_propagator(self, name: str) -> None:
        """ValueError unless every image has the propagator."""
        if name not in self.propagators:
            known = ", ".join(sorted(self.propagators))
            raise ValueError(f"expected one of {known}: another one stops applications from starting")

    def check_agent_image(self, image: str) -> None:
        """ValueError unless the operator's owner allows the image: it runs in pods of others."""
        if self.agent_images is not None and image not in {self.agent_image, *self.agent_images}:
            known = ", ".join(filter(None, (self.agent_image, *self.agent_images))) or "there are none"
            raise ValueError(f"expected one of the operator's images ({known})")


def split_endpoint(url: str) -> SplitResult:
    """Return the parts of `url`; ValueError unless it is http(s)://host[:port][/path] and nothing else."""
    parts = urlsplit(url)
    is_plain = not (parts.username or parts.password or parts.query or parts.fragment)
    if parts.scheme not in PORTS or not is_plain or not HOST.fullmatch(parts.hostname or "") or parts.port == 0:
        raise ValueError("expected http(s)://HOST[:PORT][/PATH] without user, query or fragment")
    if re.search(r"[\s$,]", url):
        raise ValueError("expected a URL without spaces, commas or '$'")
    return parts


def _matches(endpoint: SplitResult, pattern: str) -> bool:
    if pattern == ANY_ENDPOINT:
        return True
    allowed = urlsplit(pattern)
    same_port = (endpoint.port or PORTS[endpoint.scheme]) == (allowed.port or PORTS.get(allowed.scheme))
    same_host = fnmatchcase(endpoint.hostname or "", allowed.hostname or "")
    return endpoint.scheme == allowed.scheme and same_port and same_host
