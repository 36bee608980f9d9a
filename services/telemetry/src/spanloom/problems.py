"""Public import path of the problem responses (RFC 9457); see spanloom.web.problems."""

from spanloom.web.problems import (
    Failed,
    Invalid,
    NotFound,
    Problem,
    Unavailable,
    each_parameter_once,
    install,
    require_json,
    responses,
)

__all__ = [
    "Failed",
    "Invalid",
    "NotFound",
    "Problem",
    "Unavailable",
    "each_parameter_once",
    "install",
    "require_json",
    "responses",
]
