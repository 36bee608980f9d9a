"""The public name of errors as `application/problem+json`; see spanloom.web.problems."""

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
