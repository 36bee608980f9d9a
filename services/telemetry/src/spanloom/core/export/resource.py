"""The resource: which process the telemetry is from.

OpenTelemetry specification, "Resource SDK"; semantic conventions, "Service" and "Telemetry SDK".
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from uuid import uuid4

from spanloom.core.export.protobuf import attribute_fields, field

if TYPE_CHECKING:
    from collections.abc import Mapping


def resource_attributes(environ: Mapping[str, str], distribution: Mapping[str, str]) -> dict[str, Any]:
    """Return the attributes of this process: `distribution` names what makes the telemetry; the environment wins."""
    given = dict(parse_pairs(environ.get("OTEL_RESOURCE_ATTRIBUTES", "")))
    if environ.get("OTEL_SERVICE_NAME"):
        given["service.name"] = environ["OTEL_SERVICE_NAME"]
    default = {"telemetry.sdk.language": "python", **distribution, "service.instance.id": str(uuid4())}
    found = {**default, **given}
    return found if found.get("service.name") else {**found, "service.name": default_name()}


def default_name() -> str:
    """Return `unknown_service:` and the name of the executable, as the conventions say."""
    executable = Path(sys.executable).name if sys.executable else ""
    return f"unknown_service:{executable}" if executable else "unknown_service"


def parse_pairs(text: str) -> list[tuple[str, str]]:
    """Return the pairs of `name=value,…`, percent-decoded; what is no pair is left out."""
    pairs = (item.partition("=") for item in text.split(",") if "=" in item)
    return [(unquote(key.strip()), unquote(value.strip())) for key, _, value in pairs if key.strip()]


def encode_resource(attributes: Mapping[str, Any]) -> bytes:
    """Return the `resource` field (1) of a request."""
    return field(b"\x0a", b"".join(attribute_fields(b"\x0a", attributes)))
