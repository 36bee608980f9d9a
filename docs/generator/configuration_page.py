"""docs/configuration.md: every environment variable of every part, from the declarations that read them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markdown import table

from spanloom.settings.declarations import GROUPS
from spanloom.settings.environment import canonical_values
from spanloom.settings.errors import SettingsError
from spanloom_operator.settings import Settings as Operator
from users_api.settings import Settings as UsersApi
from users_db.settings import Settings as UsersDb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

    from spanloom.settings.variable import Variable

PAGE = Path(__file__).parents[1] / "configuration.md"
TEXT = """\
# Configuration

Every environment variable that a part of the project reads. An empty variable counts as unset, except the two of
excluded URLs, where empty excludes nothing. A value that is not understood ends the process before the application
starts, with one line on standard error and exit status 78:

    spanloom: {message}

Values of charts are listed in each chart's README: {charts}.

## Services under the distribution

Read by every process that starts under `opentelemetry-instrument`. Defaults in **bold** are the distribution's; others
are OpenTelemetry's.

{distribution}

## users-api

{users_api}

## users-db-service

{users_db}

## spanloom-operator

Of the operator's own process; the chart sets them from its values. Lists are separated by commas.

{operator}

Written by `make docs` from the declarations in `services/*/src` and `operator/src`.
"""
SIGNAL = re.compile(r"OTEL_EXPORTER_OTLP_(TRACES|METRICS|LOGS)_(?!TEMPORALITY|DEFAULT)")
FOR_SIGNALS = """\
Each `OTEL_EXPORTER_OTLP_…` exists for one signal, too, and then wins: `OTEL_EXPORTER_OTLP_TRACES_…`,
`OTEL_EXPORTER_OTLP_METRICS_…`, `OTEL_EXPORTER_OTLP_LOGS_…`."""
OPERATOR_PREFIX = "SPANLOOM_OPERATOR_"
KINDS = {"array": "list"}
LOWER = {"minimum": "from", "exclusiveMinimum": "over"}
CHARTS = ("spanloom", "otel-collector", "jaeger", "prometheus", "victoria-logs", "operator", "postgres", "users")


def pages() -> Iterator[tuple[Path, str]]:
    """Yield the file and the text of the page."""
    yield (
        PAGE,
        TEXT.format(
            message=_message({"OTEL_EXPORTER_OTLP_TIMEOUT": "10000"}),
            charts=", ".join(f"[{name}](../helm/{name}/README.md)" for name in CHARTS),
            distribution="\n\n".join(_group(title, variables) for title, variables in GROUPS.items()),
            users_api=_service(UsersApi, UsersApi.prefix),
            users_db=_service(UsersDb, UsersDb.prefix),
            operator=_service(Operator, OPERATOR_PREFIX),
        ),
    )


def _message(environ: dict[str, str]) -> str:
    """Return what is printed for a variable that is not understood."""
    try:
        canonical_values(environ)
    except SettingsError as error:
        return str(error)
    raise AssertionError(f"{environ} is accepted")


def _group(title: str, variables: tuple[Variable, ...]) -> str:
    general = [variable for variable in variables if not SIGNAL.match(variable.name)]
    note = "" if len(general) == len(variables) else f"\n\n{FOR_SIGNALS}"
    return f"### {title}\n\n{table(('variable', 'default', 'meaning'), map(_row, general))}{note}"


def _row(variable: Variable) -> tuple[str, str, str]:
    mark = "**" if variable.overrides_sdk else ""
    return f"`{variable.name}`", f"{mark}`{variable.default}`{mark}" if variable.default else "", variable.description


def _service(settings: type[BaseModel], prefix: str) -> str:
    schema = settings.model_json_schema()
    rows = (
        _field(prefix + name.upper(), field, name in schema.get("required", ()))
        for name, field in schema["properties"].items()
    )
    return table(("variable", "default", "values", "meaning"), rows)


def _field(name: str, field: dict[str, Any], required: bool) -> tuple[str, ...]:
    default = "required" if required else _code(field.get("default"))
    return f"`{name}`", default, _values(field), field.get("description", "")


def _values(field: dict[str, Any]) -> str:
    """Return the type and the bounds of a value."""
    kinds = [one.get("type", "") for one in field.get("anyOf", (field,)) if one.get("type") != "null"]
    low = next((f"{word} {field[key]:g}" for key, word in LOWER.items() if key in field), "")
    high = f"to {field['maximum']:g}" if "maximum" in field else ""
    return " ".join(filter(None, (*(KINDS.get(kind, kind) for kind in kinds), low, high)))


def _code(value: object) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else value
    return "" if text in (None, "") else f"`{text}`"
