"""Types of what users write: wrong ones are refused with the field and what is expected there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from spanloom_operator.explain.problems import ExplainError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Part(BaseModel):
    """Some fields of an object; others are ignored."""

    model_config = ConfigDict(strict=True, extra="ignore", populate_by_name=True)


def check(model: type[Part], value: Mapping[str, Any], title: str, *, missing: str = "", secret: bool = False) -> None:
    """Raise ExplainError for the first field of the wrong type; `missing` follows the name of an absent one.

    Of a `secret` object no value is shown.
    """
    try:
        model.model_validate(value)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        path = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "missing":
            raise ExplainError(f"{title}: no {path}{missing}") from None
        found = "" if secret or isinstance(problem["input"], dict | list) else f" {problem['input']!r}"
        expected = problem["msg"].replace("Input should be", "expected", 1)
        raise ExplainError(f"{title}: {path}{found}: {expected}") from None
