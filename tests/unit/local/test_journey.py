"""The table of services and edges."""

import pytest

from spanloom_local.journey import CREATE, JOURNEY, Step, without_functions

FULL = """\
users-api SERVER POST /users
  users-api INTERNAL create_user
    users-api CLIENT POST
      users-db-service SERVER POST /users
        users-db-service INTERNAL insert_user
          users-db-service CLIENT INSERT users"""

CARRIERS = """\
users-api SERVER POST /users
  users-api CLIENT POST
    users-db-service SERVER POST /users
      users-db-service CLIENT INSERT users"""


def test_one_request_is_one_tree_from_the_edge_to_the_statement() -> None:
    """`POST /users` is exactly these six spans."""
    assert FULL == CREATE.tree


def test_the_journey_creates_reads_lists_deletes_and_reads_again() -> None:
    """A user's life, in this order, with these answers."""
    expected = [
        ("POST", "/users", 201),
        ("GET", "/users/{user_id}", 200),
        ("GET", "/users", 200),
        ("DELETE", "/users/{user_id}", 204),
        ("GET", "/users/{user_id}", 404),
    ]
    assert expected == [(step.method, step.route, step.status) for step in JOURNEY]


def test_without_function_spans_the_carriers_close_ranks() -> None:
    """INTERNAL lines go, and what hung below them moves up."""
    assert CARRIERS == without_functions(FULL)


@pytest.mark.parametrize("step", JOURNEY, ids=lambda step: step.title)
def test_four_carriers_stay_of_every_request(step: Step) -> None:
    """Two services, each with its server span and its client span."""
    assert ["SERVER", "CLIENT", "SERVER", "CLIENT"] == [
        line.split()[1] for line in without_functions(step.tree).splitlines()
    ]


def test_functions_of_one_service_can_go_alone() -> None:
    """A filter may name one service."""
    expected = """\
users-api SERVER POST /users
  users-api INTERNAL create_user
    users-api CLIENT POST
      users-db-service SERVER POST /users
        users-db-service CLIENT INSERT users"""
    assert expected == without_functions(FULL, {"users-db-service"})


def test_siblings_of_a_dropped_function_keep_their_place() -> None:
    """Only what hung below a dropped line moves, not what follows it."""
    tree = "a SERVER x\n  a INTERNAL f\n    a INTERNAL g\n      a CLIENT y\n  a CLIENT z"
    assert "a SERVER x\n  a CLIENT y\n  a CLIENT z" == without_functions(tree, {"a"})
