"""Settings of users-api."""

from __future__ import annotations

import pytest

from spanloom.settings import SettingsError
from users_api.settings import Settings

URL = {"USERS_API_USERS_DB_URL": "http://users-db:8000"}


def test_only_variables_of_the_service_are_read() -> None:
    """Variables that do not begin with USERS_API_ are ignored."""
    assert Settings.from_environ(URL) == Settings.from_environ({**URL, "PATH": "/bin", "USERS_DB_POOL_SIZE": "x"})


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "USERS_API_USERS_DB_URL='' is not understood; expected a value"),
        (
            {"USERS_API_USERS_DB_URL": "users-db:8000"},
            "USERS_API_USERS_DB_URL='…' is not understood; expected URL scheme should be 'http' or 'https'",
        ),
        ({"USERS_API_USERS_DB_URL": "secret"}, "USERS_API_USERS_DB_URL='…' is not understood; expected a valid URL"),
        (
            {"USERS_API_DEADLINE_SECONDS": "soon"},
            "USERS_API_DEADLINE_SECONDS='soon' is not understood; expected a valid number",
        ),
        (
            {"USERS_API_ATTEMPTS": "0"},
            "USERS_API_ATTEMPTS='0' is not understood; expected greater than or equal to 1",
        ),
        (
            {"USERS_API_DEADLINE": "3"},
            "USERS_API_DEADLINE='3' is not understood; expected the name USERS_API_DEADLINE_SECONDS",
        ),
    ],
)
def test_invalid_settings_are_named(environ: dict[str, str], expected: str) -> None:
    """One line names the key, the value (unless it may contain a secret) and the expectation."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({**URL, **environ} if environ else {})
    assert expected == str(caught.value).partition(",")[0]
