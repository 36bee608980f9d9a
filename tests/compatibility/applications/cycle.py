"""A script whose handled exception is a member of the group that is its own context."""

import logging


def risky() -> None:
    try:
        raise ExceptionGroup("several", [ValueError("one"), KeyError("two")])
    except ExceptionGroup as group:
        raise group.exceptions[0] from None


try:
    risky()
except ValueError:
    logging.exception("handled")
print("went on")
