"""Settings from the process environment: validated, defaults applied, values in canonical form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spanloom.settings.checks import number
from spanloom.settings.declarations import VARIABLES
from spanloom.settings.errors import SettingsError
from spanloom.settings.excluded_paths import excluded_paths
from spanloom.settings.levels import LevelFilter, parse_levels
from spanloom.settings.remote_sampling import SAMPLERS as REMOTE_SAMPLERS
from spanloom.settings.remote_sampling import parse_remote_sampling
from spanloom.settings.trust import TrustPolicy, parse_trust

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

PREFIX = "SPANLOOM_"
OPERATOR_PREFIX = "SPANLOOM_OPERATOR_"  # settings of the operator, which also runs under this distribution
SPANLOOM_VARIABLES = [variable.name for variable in VARIABLES if variable.name.startswith(PREFIX)]
# Kubernetes sets these variables for every Service of the namespace; a Service named spanloom-… must not end a process.
SERVICE_LINK = re.compile(r"_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)$")
# An empty list of excluded URLs excludes nothing; every other empty variable is unset (specification, "Empty value").
MAY_BE_EMPTY = frozenset({"OTEL_PYTHON_EXCLUDED_URLS", "OTEL_PYTHON_FASTAPI_EXCLUDED_URLS"})
DEFAULT_BATCH_SIZE = 512


@dataclass(frozen=True)
class Settings:
    """Settings of the instrumentations.

    `flush_timeout_seconds` limits the final flush at process exit; `log_format` is "json" or ""; `is_disabled` is
    OTEL_SDK_DISABLED; `has_code_attributes` adds `code.*` attributes to OTLP log records.
    """

    level_filter: LevelFilter
    trust: TrustPolicy
    excluded_paths: re.Pattern[str]
    flush_timeout_seconds: float
    log_format: str
    is_disabled: bool
    has_log_export: bool
    has_log_correlation: bool
    has_code_attributes: bool

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Return the settings in `environ`; SettingsError names the first invalid variable."""
        values = canonical_values(environ)
        return cls(
            level_filter=parse_levels(values["SPANLOOM_FILTER"]),
            trust=parse_trust(values["SPANLOOM_TRUST_INCOMING"]),
            excluded_paths=excluded_paths(environ),
            flush_timeout_seconds=float(values["SPANLOOM_FLUSH_TIMEOUT"]),
            log_format=values["SPANLOOM_LOG_FORMAT"],
            is_disabled=values["OTEL_SDK_DISABLED"] == "true",
            has_log_export=values["OTEL_LOGS_EXPORTER"] != "none",
            has_log_correlation=values["OTEL_PYTHON_LOG_CORRELATION"] == "true",
            has_code_attributes=values["OTEL_PYTHON_LOG_CODE_ATTRIBUTES"] == "true",
        )


def apply_defaults(environ: MutableMapping[str, str]) -> None:
    """Set the variables that the SDK reads differently from the specification.

    Sets the distribution's defaults, converts values to their canonical case, and removes empty variables, which count
    as unset.
    """
    values = canonical_values(environ)
    for variable in VARIABLES:
        value = environ.get(variable.name)
        if value or variable.overrides_sdk:
            environ[variable.name] = values[variable.name]
        elif value == "" and variable.name not in MAY_BE_EMPTY:
            del environ[variable.name]


def canonical_values(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the validated value of every declared variable, or its default if it is unset or empty."""
    for key in environ:
        _refuse_unknown(key, environ)
    values = {}
    for variable in VARIABLES:
        value = environ.get(variable.name, "")
        values[variable.name] = variable.check(variable.name, value) if value.strip() else variable.default
    excluded_paths(environ)
    _check_sampler_argument(values)
    _check_batches(environ, values)
    return values


def _refuse_unknown(key: str, environ: Mapping[str, str]) -> None:
    if (
        not key.startswith(PREFIX)
        or key in SPANLOOM_VARIABLES
        or key.startswith(OPERATOR_PREFIX)
        or SERVICE_LINK.search(key)
    ):
        return
    from difflib import get_close_matches  # noqa: PLC0415 for this message only

    similar = get_close_matches(key.removeprefix(PREFIX), [name.removeprefix(PREFIX) for name in SPANLOOM_VARIABLES], 1)
    names = [PREFIX + name for name in similar] or SPANLOOM_VARIABLES
    raise SettingsError(key, environ[key], f"the name {' or '.join(names)}")


def _check_sampler_argument(values: Mapping[str, str]) -> None:
    key, name = "OTEL_TRACES_SAMPLER_ARG", values["OTEL_TRACES_SAMPLER"]
    if name in REMOTE_SAMPLERS:
        parse_remote_sampling(key, values[key])
    elif values[key] and name.endswith("traceidratio"):
        number(0, 1, ", a ratio")(key, values[key])


def _check_batches(environ: Mapping[str, str], values: Mapping[str, str]) -> None:
    """Refuse a queue smaller than a batch: the SDK would disable telemetry."""
    for processor in ("BSP", "BLRP"):
        queue, batch = (f"OTEL_{processor}_MAX_{what}_SIZE" for what in ("QUEUE", "EXPORT_BATCH"))
        if int(values[batch]) > int(values[queue]):
            key, other = (queue, batch) if environ.get(queue) else (batch, queue)
            direction = "or more" if key == queue else "or less"
            raise SettingsError(key, values[key], f"{values[other]} {direction}, which is {other}")
