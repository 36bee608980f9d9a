"""Settings of the operator, built once from a mapping and refusing what they do not understand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from spanloom_operator.profile import ANY, Rules, split_endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "SPANLOOM_OPERATOR_"


class InvalidSettings(ValueError):  # noqa: N818 - reads as what it is: `except InvalidSettings`
    """Settings the operator must not start with; the text names key, value and expectation of each."""


def _words(text: object) -> object:
    return tuple(word.strip() for word in text.split(",") if word.strip()) if isinstance(text, str) else text


def _pattern(url: str) -> str:
    if url != ANY:
        split_endpoint(url.replace("*", "x"))
    return url


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Patterns = Annotated[tuple[Annotated[str, AfterValidator(_pattern)], ...], BeforeValidator(_words)]


class Settings(BaseModel):
    """One field for each SPANLOOM_OPERATOR_* variable; lists are separated by commas.

    `namespace` is the operator's own, where its default profile lives. `namespaces` are those it looks after (none:
    all of them). `grace` and `stale` are seconds: what an injected rollout gets to become ready, and how long a watch
    may be silent. `resync` is the number of seconds between two looks at everything.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    namespace: str = Field(min_length=1)
    namespaces: Words = ()
    endpoints: Patterns = ()
    propagators: Words = ("tracecontext", "baggage", "none")
    rollouts: int = Field(default=5, ge=1)
    grace: float = Field(default=300, gt=0)
    stale: float = Field(default=600, gt=0)
    resync: float = Field(default=600, gt=0)
    connections: int = Field(default=8, ge=1, le=64)
    metrics_port: int = Field(default=9090, ge=0, le=65535)
    probe_port: int = Field(default=8080, ge=0, le=65535)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Read the SPANLOOM_OPERATOR_* variables; InvalidSettings names every one that is wrong or unknown."""
        mine = {key.removeprefix(PREFIX).lower(): value for key, value in environment.items() if key.startswith(PREFIX)}
        try:
            return cls.model_validate(mine)
        except ValidationError as error:
            raise InvalidSettings("\n".join(_line(problem) for problem in error.errors())) from None

    @property
    def rules(self) -> Rules:
        """What profiles may say."""
        return Rules(self.endpoints, frozenset(self.propagators))


def _line(problem: Mapping[str, object]) -> str:
    location = problem["loc"]
    key = PREFIX + str(location[0] if isinstance(location, tuple) and location else "").upper()
    given = "" if problem["type"] == "missing" else f"={problem['input']!r}"
    expected = "expected no such variable" if problem["type"] == "extra_forbidden" else problem["msg"]
    return f"{key}{given}: {expected}"
