"""Settings of the operator from SPANLOOM_OPERATOR_* variables."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field

from spanloom.web.service_settings import ServiceSettings
from spanloom_operator.names import field_manager
from spanloom_operator.profiles.rules import ANY_ENDPOINT, Rules, split_endpoint


def _words(text: object) -> object:
    return tuple(word.strip() for word in text.split(",") if word.strip()) if isinstance(text, str) else text


def _pattern(url: str) -> str:
    if url != ANY_ENDPOINT:
        split_endpoint(url.replace("*", "x"))
    return url


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Patterns = Annotated[tuple[Annotated[str, AfterValidator(_pattern)], ...], BeforeValidator(_words)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Port = Annotated[int, Field(ge=0, le=65535)]


class Settings(ServiceSettings):
    """One field per SPANLOOM_OPERATOR_* variable; lists are separated by commas, durations are in seconds."""

    prefix: ClassVar[str] = "SPANLOOM_OPERATOR_"

    namespace: str = Field(min_length=1)
    """The operator's own namespace, with its default profile."""
    name: str = Field(default="operator", min_length=1)
    """Name of this installation in its namespace; both together separate its fields of workloads from others."""
    namespaces: Words = ()
    """Namespaces to look after; empty for the whole cluster."""
    endpoints: Patterns = ()
    """URLs to which profiles may send telemetry; the host may contain `*`."""
    propagators: Words = ("tracecontext", "baggage", "none")
    """Propagators that every image has."""
    agent_image: str = ""
    """Image of the agent; empty when the operator injects none, unless a profile names one of `agent_images`."""
    agent_images: Words = ()
    """Other images of the agent that profiles may name."""
    agent_image_volume: bool = True
    """Mount the agent's image as a volume where the API server keeps one; otherwise an init container copies it."""
    rollouts: int = Field(default=5, ge=1)
    """Maximum number of rollouts at a time when a profile changes."""
    grace: Seconds = 300
    """Time after which an injected rollout that is not ready is rolled back."""
    stale: Seconds = 600
    """Time without contact after which a watch counts as broken."""
    resync: Seconds = 600
    """Time between two looks at everything."""
    connections: int = Field(default=8, ge=1, le=64)
    """Maximum number of concurrent requests to the API server, watches not counted."""
    metrics_port: Port = 9090
    """Port of the Prometheus metrics."""
    probe_port: Port = 8080
    """Port of the liveness probe."""

    @property
    def installation(self) -> str:
        """`namespace/name` of this installation."""
        return f"{self.namespace}/{self.name}"

    @property
    def manager(self) -> str:
        """Field manager of this installation."""
        return field_manager(self.installation)

    @property
    def scopes(self) -> tuple[str, ...]:
        """The namespaces to look after; "" for all."""
        return self.namespaces or ("",)

    @property
    def rules(self) -> Rules:
        """What profiles may contain."""
        return Rules(self.endpoints, frozenset(self.propagators), self.agent_image, self.agent_images)
