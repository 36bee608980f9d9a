"""Settings: one mapping, refused as a whole when a part is not understood."""

import pytest

from spanloom.settings import SettingsError
from spanloom_operator.names import MAX_FIELD_MANAGER_LENGTH
from spanloom_operator.settings import Settings

MINIMUM = {"SPANLOOM_OPERATOR_NAMESPACE": "spanloom-system"}


def test_lists_are_separated_by_commas() -> None:
    """Lists are written with commas, as in OTEL_PROPAGATORS."""
    settings = Settings.from_environ({**MINIMUM, "SPANLOOM_OPERATOR_NAMESPACES": "a, b", "PATH": "/bin"})
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
    """The message contains key, value and the expected form."""
    with pytest.raises(SettingsError, match=f"SPANLOOM_OPERATOR_{key}='{value}' is not understood; expected ."):
        Settings.from_environ({**MINIMUM, f"SPANLOOM_OPERATOR_{key}": value})


def test_namespace_is_required() -> None:
    """Without its own namespace the operator does not know where its default profile is."""
    with pytest.raises(SettingsError, match="SPANLOOM_OPERATOR_NAMESPACE='' is not understood; expected a value"):
        Settings.from_environ({})


def test_each_installation_has_its_own_field_manager() -> None:
    """Namespace and name of the installation distinguish its fields from those of others; the longest names fit."""
    names = [("a", "operator"), ("b", "operator"), ("a", "other"), ("n" * 63, "m" * 63), ("n" * 63, "m" * 62 + "o")]
    managers = [Settings(namespace=namespace, name=name).manager for namespace, name in names]
    assert "spanloom-operator/a/operator" == managers[0]
    assert len(set(managers)) == len(names)
    assert max(map(len, managers)) == MAX_FIELD_MANAGER_LENGTH
