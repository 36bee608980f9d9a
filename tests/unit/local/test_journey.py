"""The table of requests and expected traces."""

import pytest

from spanloom_local.journey import CREATE, JOURNEY, Step, without_functions

FULL = """\
users-api SERVER POST /users
  users-api INTERNAL create_user
    users-api CLIENT POST
      users-db-service SERVER POST /users
        users-db-service INTERNAL insert_user
          users-db-service CLIENT INSERT users"""

WITHOUT_FUNCTIONS = """\
users-api SERVER POST /users
  users-api CLIENT POST
    users-db-service SERVER POST /users
      users-db-service CLIENT INSERT users"""


def test_one_request_is_one_tree() -> None:
    """`POST /users` is exactly these six spans, from the edge to the statement."""
    assert FULL == CREATE.tree


def test_the_journey_creates_reads_lists_deletes_and_reads_again() -> None:
    """The steps of the journey have this order and these status codes."""
    expected = [
        ("POST", "/users", 201),
        ("GET", "/users/{user_id}", 200),
        ("GET", "/users", 200),
        ("DELETE", "/users/{user_id}", 204),
        ("GET", "/users/{user_id}", 404),
    ]
    assert expected == [(step.method, step.route, step.status) for step in JOURNEY]


def test_children_of_removed_function_spans_move_up() -> None:
    """INTERNAL lines are removed, and their children move up."""
    assert WITHOUT_FUNCTIONS == without_functions(FULL)


@pytest.mark.parametrize("step", JOURNEY, ids=lambda step: step.title)
def test_four_spans_remain_without_functions(step: Step) -> None:
    """Two services, each with its server span and its client span."""
    assert ["SERVER", "CLIENT", "SERVER", "CLIENT"] == [
        line.split()[1] for line in without_functions(step.tree).splitlines()
    ]


def test_a_filter_can_name_one_service() -> None:
    """The function spans of one service are removed, those of the other stay."""
    expected = """\
users-api SERVER POST /users
  users-api INTERNAL create_user
    users-api CLIENT POST
      users-db-service SERVER POST /users
        users-db-service CLIENT INSERT users"""
    assert expected == without_functions(FULL, {"users-db-service"})


def test_siblings_of_a_removed_function_keep_their_place() -> None:
    """Only the children of a removed line move up, not its siblings."""
    tree = "a SERVER x\n  a INTERNAL f\n    a INTERNAL g\n      a CLIENT y\n  a CLIENT z"
    assert "a SERVER x\n  a CLIENT y\n  a CLIENT z" == without_functions(tree, {"a"})
