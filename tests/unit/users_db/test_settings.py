"""Settings of users-db-service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spanloom.settings import SettingsError
from users_db.db import CANCEL_SECONDS
from users_db.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

URL = {"USERS_DB_DATABASE_URL": "postgresql://ada@db.example:5433/users"}


def test_defaults_respond_within_two_seconds() -> None:
    """With only a URL, a request to a dead database ends within 2 s: deadline and cancellation."""
    assert Settings.from_environ(URL).deadline_seconds + CANCEL_SECONDS < 2


def test_only_variables_of_the_service_are_read() -> None:
    """Variables that do not begin with USERS_DB_ are ignored."""
    assert Settings.from_environ(URL) == Settings.from_environ({**URL, "PATH": "/bin", "OTEL_TRACES_EXPORTER": "none"})


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "USERS_DB_DATABASE_URL='' is not understood; expected a value"),
        (
            {"USERS_DB_DATABASE_URL": "mysql://h/d"},
            "USERS_DB_DATABASE_URL='…' is not understood; expected postgresql://user@host:port/database",
        ),
        (
            {"USERS_DB_DATABASE_URL": "secret"},
            "USERS_DB_DATABASE_URL='…' is not understood; expected postgresql://user@host:port/database",
        ),
        (
            {"USERS_DB_DATABASE_URL": "postgresql://a:secret@h:port/d"},
            "USERS_DB_DATABASE_URL='…' is not understood; expected postgresql://user@host:port/database",
        ),
        ({"USERS_DB_POOL_SIZE": "many"}, "USERS_DB_POOL_SIZE='many' is not understood; expected a valid integer"),
        (
            {"USERS_DB_POOL_SIZE": "0"},
            "USERS_DB_POOL_SIZE='0' is not understood; expected greater than or equal to 1",
        ),
        (
            {"USERS_DB_DEADLINE_SECONDS": "nan"},
            "USERS_DB_DEADLINE_SECONDS='nan' is not understood; expected a finite number",
        ),
        (
            {"USERS_DB_DEADLINE_SECONDS": "-1"},
            "USERS_DB_DEADLINE_SECONDS='-1' is not understood; expected greater than 0",
        ),
        (
            {"USERS_DB_CONNECT_TIMEOUT_SECONDS": "1"},
            "USERS_DB_CONNECT_TIMEOUT_SECONDS='1' is not understood; expected greater than or equal to 2",
        ),
        (
            {"USERS_DB_POOLSIZE": "5"},
            "USERS_DB_POOLSIZE='5' is not understood; expected the name USERS_DB_POOL_SIZE",
        ),
    ],
)
def test_invalid_settings_are_named(environ: dict[str, str], expected: str) -> None:
    """One line names the key, the value (unless it may contain a secret) and the expectation."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({**URL, **environ} if environ else {})
    assert expected == str(caught.value).partition(",")[0]


def test_the_password_can_be_in_a_file(tmp_path: Path) -> None:
    """A mounted secret completes the URL; the newline at its end is removed."""
    (tmp_path / "password").write_text("p@ss:w/rd\n")
    settings = Settings.from_environ({**URL, "USERS_DB_DATABASE_PASSWORD_FILE": str(tmp_path / "password")})
    assert settings.url().password == "p@ss:w/rd"
    assert "p@ss" not in f"{settings!r} {settings.url()}"


def test_an_unreadable_password_file_is_named(tmp_path: Path) -> None:
    """The error contains the key and the path."""
    settings = Settings.from_environ({**URL, "USERS_DB_DATABASE_PASSWORD_FILE": str(tmp_path / "absent")})
    with pytest.raises(SettingsError, match=r"USERS_DB_DATABASE_PASSWORD_FILE=.*/absent' .* a readable file"):
        settings.url()


def test_two_passwords_are_refused(tmp_path: Path) -> None:
    """A password in the URL and another in a file are contradictory."""
    environ = {
        "USERS_DB_DATABASE_URL": "postgresql://a:b@h/d",
        "USERS_DB_DATABASE_PASSWORD_FILE": str(tmp_path / "password"),
    }
    with pytest.raises(SettingsError, match="none, as USERS_DB_DATABASE_URL has a password"):
        Settings.from_environ(environ).url()
