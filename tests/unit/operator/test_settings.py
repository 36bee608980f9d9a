"""Settings: one mapping, refused whole when a part is not understood."""

import pytest

from spanloom_operator.settings import InvalidSettings, Settings

MINIMUM = {"SPANLOOM_OPERATOR_NAMESPACE": "spanloom-system"}


def test_lists_are_separated_by_commas() -> None:
    """Lists are written with commas, as in OTEL_PROPAGATORS."""
    settings = Settings.of({**MINIMUM, "SPANLOOM_OPERATOR_NAMESPACES": "a, b", "PATH": "/bin"})
    assert ("a", "b") == settings.namespaces


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ROLLOUTS", "0"),
        ("GRACE", "-1"),
        ("CONNECTIONS", "many"),
        ("ENDPOINTS", "collector"),
        ("COLOUR", "red"),
        ("NAMESPACE", ""),
    ],
)
def test_refused(key: str, value: str) -> None:
    """The message names key, value and expectation."""
    with pytest.raises(InvalidSettings, match=f"SPANLOOM_OPERATOR_{key}.*{value}.*: ."):
        Settings.of({**MINIMUM, f"SPANLOOM_OPERATOR_{key}": value})


def test_namespace_is_required() -> None:
    """Without its own namespace the operator does not know where its default profile is."""
    with pytest.raises(InvalidSettings, match="SPANLOOM_OPERATOR_NAMESPACE: Field required"):
        Settings.of({})
