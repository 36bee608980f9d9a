"""Undoing the Content-Encoding."""

import gzip

import pytest

from spanloom_local.receiver import LARGEST_BODY, Refused, decoded


@pytest.mark.parametrize(("encoding", "body"), [("identity", b"spans"), ("gzip", gzip.compress(b"spans"))])
def test_both_encodings_of_the_protocol_are_understood(encoding: str, body: bytes) -> None:
    """OTLP/HTTP: gzip or none."""
    assert b"spans" == decoded(body, encoding)


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("br", b"", 415),
        ("gzip", b"no gzip at all", 400),
        ("gzip", gzip.compress(b"spans")[:-4], 400),
        ("gzip", gzip.compress(bytes(LARGEST_BODY + 1)), 413),
    ],
    ids=["unknown", "damaged", "cut short", "unfolds to too much"],
)
def test_other_bodies_are_refused(encoding: str, body: bytes, status: int) -> None:
    """Each with the status that tells the sender what was wrong."""
    with pytest.raises(Refused) as refusal:
        decoded(body, encoding)
    assert status == refusal.value.status
