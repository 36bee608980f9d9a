"""Valid and invalid names of users, for both services."""

from __future__ import annotations

GOOD_NAMES = [
    ("A", "A"),
    (" Ada Lovelace\n", "Ada Lovelace"),
    ("\u3000葛飾北斎\u2029", "葛飾北斎"),
    ("x" * 200, "x" * 200),
    (" " * 500 + "x" * 200 + " ", "x" * 200),
    ("👩‍🚀" * 66, "👩‍🚀" * 66),
    ("O'Brien; DROP TABLE users --", "O'Brien; DROP TABLE users --"),
    ('%s {} $1 \\ "quoted"', '%s {} $1 \\ "quoted"'),
]
BAD_NAMES = [
    "",
    " \t\n\u3000",
    "x" * 201,
    "a\x00b",
    "a\nb",
    "a\x7fb",
    "a\x85b",
    "a\u2028b",
    "a\u2029b",
    "\ud800",
    None,
    7,
    True,
    ["Ada"],
    {"first": "Ada"},
]
