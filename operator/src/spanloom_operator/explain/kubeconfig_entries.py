"""Fields of a kubeconfig's entries.

https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from pydantic.alias_generators import to_camel

from spanloom_operator.explain.strict import Part


def _dashed(name: str) -> str:
    return name.replace("_", "-")


Url = Annotated[str, Field(pattern=r"^https?://[^/\s]")]
HeaderValue = Annotated[str, Field(pattern=r"^[!-~]*$")]
"""Printable ASCII: what may stand in an HTTP header."""


class ContextEntry(Part):
    """One context."""

    cluster: str
    user: str | None = None
    namespace: str | None = None


class ClusterEntry(Part, alias_generator=_dashed):
    """One cluster."""

    server: Url
    certificate_authority: str | None = None
    certificate_authority_data: str | None = None
    insecure_skip_tls_verify: bool | None = None
    proxy_url: Url | None = None


class Variable(Part):
    """One variable of a credential plugin."""

    name: Annotated[str, Field(pattern=r"^[^=\x00]+$")]
    value: Annotated[str, Field(pattern=r"^[^\x00]*$")]


class Plugin(Part, alias_generator=to_camel):
    """A credential plugin."""

    command: Annotated[str, Field(pattern=r"^[^\x00]+$")]
    args: list[Annotated[str, Field(pattern=r"^[^\x00]*$")]] | None = None
    env: list[Variable] | None = None
    api_version: str | None = None
    provide_cluster_info: bool | None = None


class UserEntry(Part, alias_generator=_dashed):
    """One user."""

    token: HeaderValue | None = None
    token_file: Annotated[str | None, Field(alias="tokenFile")] = None
    username: str | None = None
    password: str | None = None
    client_certificate: str | None = None
    client_certificate_data: str | None = None
    client_key: str | None = None
    client_key_data: str | None = None
    exec: Plugin | None = None
    auth_provider: dict[str, Any] | None = None
