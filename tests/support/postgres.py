"""The old path of support.processes.postgres, until tests/compatibility imports the new one."""

from support.processes.postgres import Postgres

__all__ = ["Postgres"]
