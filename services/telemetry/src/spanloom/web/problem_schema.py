"""OpenAPI schema and examples of problem details."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA = {
    "title": "Problem",
    "description": "Problem details (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "const": "about:blank"},
        "title": {"type": "string", "description": "Reason phrase of the status code."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "Explanation for humans."},
        "trace_id": {"type": "string", "pattern": "^[0-9a-f]{32}$", "description": "Trace id of the request."},
        "errors": {
            "type": "array",
            "description": "Validation errors of the input.",
            "items": {
                "type": "object",
                "required": ["in", "field", "reason"],
                "properties": {
                    "in": {"type": "string", "enum": ["body", "path", "query", "header", "cookie"]},
                    "field": {"type": "string", "description": "Name of the field; empty for the complete input."},
                    "reason": {"type": "string"},
                },
            },
        },
    },
}


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return FastAPI's `responses` of a route for these error statuses, with examples."""
    return {status: _response(HTTPStatus(status)) for status in statuses} | {
        "default": _response(HTTPStatus.INTERNAL_SERVER_ERROR, "Any other error")
    }


def _response(status: HTTPStatus, description: str = "") -> dict[str, Any]:
    example: dict[str, Any] = {"type": "about:blank", "title": status.phrase, "status": status.value}
    example["trace_id"] = "0af7651916cd43dd8448eb211c80319c"
    if status is HTTPStatus.UNPROCESSABLE_ENTITY:
        example["errors"] = [{"in": "body", "field": "name", "reason": "Field required"}]
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
    return {"description": description or status.phrase, "content": {"application/problem+json": content}}


def with_problem_schema(openapi: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
    """Return a function that adds the problem schema to the OpenAPI document."""

    def document_with_problem() -> dict[str, Any]:
        document = openapi()
        document.setdefault("components", {}).setdefault("schemas", {})["Problem"] = SCHEMA
        return document

    return document_with_problem
