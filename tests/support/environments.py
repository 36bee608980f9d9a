"""The old path of support.processes.environments, until tests/compatibility imports the new one."""

from support.processes.environments import TELEMETRY, UV, stranger

__all__ = ["TELEMETRY", "UV", "stranger"]
