"""Settings of a service from its environment variables."""

from __future__ import annotations

import os
import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from spanloom.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EX_CONFIG = 78  # sysexits.h
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


class ServiceSettings(BaseModel):
    """One field per variable that begins with `prefix`; values of fields in `secret` are never printed."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    prefix: ClassVar[str]
    secret: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Return the settings in `environ`; SettingsError names the first invalid variable."""
        prefix = cls.prefix
        values = {key.removeprefix(prefix).lower(): value for key, value in environ.items() if key.startswith(prefix)}
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise cls._error(error.errors()[0], values) from None

    @classmethod
    def _error(cls, error: Mapping[str, Any], values: Mapping[str, str]) -> SettingsError:
        field = str(error["loc"][0])
        value = "…" if field in cls.secret and field in values else values.get(field, "")
        expected = str(error["msg"]).removeprefix("Value error, expected ").removeprefix("Input should be ")
        if error["type"] == "extra_forbidden":
            [nearest] = get_close_matches(field, cls.model_fields, n=1, cutoff=0)
            expected = f"the name {cls.prefix}{nearest.upper()}"
        elif error["type"] == "missing":
            expected = "a value"
        return SettingsError(cls.prefix + field.upper(), value, expected)


def read_or_exit(service: str, read: Callable[[Mapping[str, str]], Any]) -> Any:
    """Return `read(os.environ)`; a SettingsError ends the process with one line and exit status 78."""
    try:
        return read(os.environ)
    except SettingsError as error:
        print(f"{service}: {error}", file=sys.stderr, flush=True)
        raise SystemExit(EX_CONFIG) from None
