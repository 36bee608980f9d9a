"""Both services conform to their OpenAPI documents, for generated input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from users_api import app as users_api
from users_api.settings import Settings as UsersApiSettings
from users_db import app as users_db
from users_db.settings import Settings as UsersDbSettings

if TYPE_CHECKING:
    from fastapi import FastAPI
    from schemathesis.core.result import Ok
    from schemathesis.schemas import APIOperation

    Operation = APIOperation[Any, Any, Any, Any]

# Documents do not depend on settings.
USERS_API = users_api.create_app(UsersApiSettings.from_environ({"USERS_API_USERS_DB_URL": "http://nowhere"}))
USERS_DB = users_db.create_app(UsersDbSettings.from_environ({"USERS_DB_DATABASE_URL": "postgresql:///"}))
BOUNDED = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def described(app: FastAPI) -> list[Any]:
    """Return the operations to call: each with valid input, and with invalid input where it has parameters."""
    found = [
        cast("Ok[Operation]", result).ok()
        for result in schemathesis.openapi.from_dict(app.openapi()).get_all_operations()
    ]
    return [
        pytest.param(operation, mode, id=f"{operation.label} {mode.value}")
        for operation in found
        for mode in GenerationMode
        if mode is GenerationMode.POSITIVE or operation.body or any(operation.iter_parameters())
    ]


def assert_conforms(operation: Operation, mode: GenerationMode, base_url: str) -> None:
    """Call `operation` with generated input and assert that its responses conform to the document."""

    @BOUNDED
    @given(case=operation.as_strategy(mode))
    def call(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(base_url)

    call()


@pytest.mark.parametrize(("operation", "mode"), described(USERS_API))
def test_users_api_conforms(operation: Operation, mode: GenerationMode, users_api_url: str) -> None:
    """Every response of users-api has a documented status, type and schema; invalid input is refused."""
    assert_conforms(operation, mode, users_api_url)


@pytest.mark.parametrize(("operation", "mode"), described(USERS_DB))
def test_users_db_conforms(operation: Operation, mode: GenerationMode, users_db_url: str) -> None:
    """Every response of users-db-service has a documented status, type and schema; invalid input is refused."""
    assert_conforms(operation, mode, users_db_url)
