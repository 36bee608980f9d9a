"""Validators of values: each returns the canonical form, or raises SettingsError with the expected form."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from spanloom.settings.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    Check = Callable[[str, str], str]

PAIR = re.compile(r"\s*[^=,\s][^=,]*=[^,]*")
HEADER = re.compile(r"\s*[\w!#$%&'*+.^`|~-]+\s*=[^,]*")


def text(_key: str, value: str) -> str:
    """Accept any value."""
    return value


def url(key: str, value: str) -> str:
    """Accept an http or https URL with a host."""
    try:
        parts = urlsplit(value.strip())
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url:
        raise SettingsError(key, value, "a URL such as http://collector:4318")
    return value.strip()


def headers(key: str, value: str) -> str:
    """Accept `name=value,…`; the error omits the value, which may be an API key."""
    if not value.isascii() or not all(HEADER.fullmatch(part) for part in value.split(",") if part.strip()):
        raise SettingsError(key, "…", "name=value pairs separated by commas, in ASCII, values percent-encoded")
    return value


def pairs(key: str, value: str) -> str:
    """Accept `name=value,…`; empty members are allowed."""
    for part in value.split(","):
        if part.strip() and not PAIR.fullmatch(part):
            raise SettingsError(key, part, "name=value pairs separated by commas, values percent-encoded")
    return value


def boolean(key: str, value: str) -> str:
    """Accept true and false in any case."""
    return one_of("true", "false")(key, value)


def one_of(*names: str) -> Check:
    """Return a check that accepts one of `names` in any case (OpenTelemetry specification, "Enum value")."""
    canonical = {name.lower(): name for name in names}

    def check(key: str, value: str) -> str:
        found = canonical.get(value.strip().lower())
        if found is None:
            raise SettingsError(key, value, f"one of {', '.join(names)}")
        return found

    return check


def entry_point_names(group: str, *builtin: str, is_list: bool = True) -> Check:
    """Return a check that accepts names of the entry point group and `builtin` ones, comma-separated if `is_list`."""

    def check(key: str, value: str) -> str:
        parts = [part.strip() for part in value.split(",")] if is_list else [value.strip()]
        canonical = {name.lower(): name for name in builtin}
        if not {part.lower() for part in parts} <= canonical.keys():  # installed packages are searched only if needed
            canonical |= {name.lower(): name for name in installed_names(group)}
        for name in parts:
            if name.lower() not in canonical:
                names = ", ".join(sorted(canonical.values()))
                raise SettingsError(key, name, f"one {'or several ' * is_list}of {names}")
        return ",".join(canonical[name.lower()] for name in parts)

    return check


def installed_names(group: str) -> set[str]:
    """Return the names of an entry point group in the installed packages."""
    from importlib.metadata import distributions  # noqa: PLC0415 imports much, and is rarely needed

    points = (point for distribution in distributions() for point in distribution.entry_points)
    return {point.name for point in points if point.group == group}


def protocol(key: str, value: str) -> str:
    """Accept the OTLP protocols whose exporter is installed."""
    found = value.strip().lower()
    if found == "http/protobuf":
        return found
    has_grpc = "otlp_proto_grpc" in installed_names("opentelemetry_traces_exporter")
    names = ["http/protobuf", "grpc"] if has_grpc else ["http/protobuf"]
    if found not in names:
        hint = "grpc needs the package opentelemetry-exporter-otlp-proto-grpc"
        raise SettingsError(key, value, f"{' or '.join(names)} ({hint})")
    return found


def number(low: float, high: float, unit: str) -> Check:
    """Return a check that accepts a decimal number from `low` to `high`."""

    def check(key: str, value: str) -> str:
        try:
            is_within = low <= float(value) <= high
        except ValueError:
            is_within = False
        if not is_within:
            raise SettingsError(key, value, f"a number from {low:g} to {high:g}{unit}")
        return value.strip()

    return check


def integer(low: int, unit: str = "", keywords: tuple[str, ...] = ()) -> Check:
    """Return a check that accepts an integer of at least `low`, or one of `keywords`."""

    def check(key: str, value: str) -> str:
        digits = value.strip().lower()
        if digits in keywords or (re.fullmatch(r"[0-9]{1,18}", digits) and int(digits) >= low):
            return digits
        alternatives = "".join(f", or {keyword}" for keyword in keywords)
        raise SettingsError(key, value, f"an integer{unit}, {low} or more{alternatives}")

    return check


def unsupported(reason: str) -> Check:
    """Return a check that accepts no value."""

    def check(key: str, value: str) -> str:
        raise SettingsError(key, value, f"an unset variable: {reason}")

    return check
