"""Content-Encoding of requests."""

import gzip

import pytest

from spanloom_local.receiver import MAX_BODY_BYTES, Refused, decoded


@pytest.mark.parametrize(("encoding", "body"), [("identity", b"spans"), ("gzip", gzip.compress(b"spans"))])
def test_gzip_and_identity_are_decoded(encoding: str, body: bytes) -> None:
    """OTLP/HTTP allows gzip or no encoding."""
    assert b"spans" == decoded(body, encoding)


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("br", b"", 415),
        ("gzip", b"no gzip at all", 400),
        ("gzip", gzip.compress(b"spans")[:-4], 400),
        ("gzip", gzip.compress(bytes(MAX_BODY_BYTES + 1)), 413),
    ],
    ids=["unknown", "damaged", "truncated", "too large when decoded"],
)
def test_other_bodies_are_refused(encoding: str, body: bytes, status: int) -> None:
    """Each invalid body gets a status that names the error."""
    with pytest.raises(Refused) as refusal:
        decoded(body, encoding)
    assert status == refusal.value.status
