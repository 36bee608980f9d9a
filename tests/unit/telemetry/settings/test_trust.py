"""Whose trace context is trusted."""

import pytest

from spanloom.settings import SettingsError
from spanloom.settings.trust import parse_trust


@pytest.mark.parametrize(
    ("text", "host", "expected"),
    [
        ("", "10.0.0.1", False),
        ("false", "127.0.0.1", False),
        ("true", "203.0.113.9", True),
        ("TRUE", None, True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("10.0.0.0/8, fd00::/8", "fd12::1", True),
        ("192.0.2.7", "192.0.2.7", True),
        ("10.0.0.0/8", None, False),
        ("10.0.0.0/8", "testclient", False),
    ],
)
def test_trust(text: str, host: str | None, expected: bool) -> None:
    """No caller is trusted by default, every caller with `true`, otherwise callers within the listed networks."""
    assert expected == parse_trust(text).trusts(host)


@pytest.mark.parametrize("network", ["yes", "10.0.0.1/8", "300.0.0.0/8", "10.0.0.0/40"])
def test_a_network_that_is_none_is_named(network: str) -> None:
    """A word or a malformed network is quoted together with what was expected."""
    with pytest.raises(SettingsError, match="SPANLOOM_TRUST_INCOMING=") as caught:
        parse_trust(f"10.0.0.0/8,{network}")
    assert repr(network) in str(caught.value)
