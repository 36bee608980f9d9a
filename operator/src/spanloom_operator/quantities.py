"""Quantities of Kubernetes, such as `5m` and `8Mi`: the API server writes them in another form than users do."""

from __future__ import annotations

import re
from decimal import Decimal

QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:([KMGTPE]i|[numkMGTPE])|[eE]([+-]?[0-9]{1,2}))?")
BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
DECIMAL = {"n": -3, "u": -2, "m": -1, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}


def quantity(text: str) -> Decimal:
    """Return the number that a quantity stands for; ValueError when `text` is none, or is negative."""
    match = QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r}: expected a quantity such as 5m, 0.1 or 32Mi")
    number, suffix, exponent = match.groups()
    if suffix in BINARY:
        return Decimal(number) * Decimal(1024) ** BINARY[suffix]
    return Decimal(number).scaleb(3 * DECIMAL[suffix] if suffix else int(exponent or 0))
