"""Functions that wait for an import."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import pytest

from spanloom.core.imports import before_import, when_imported

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

NAMES = iter(f"awaited_{number}" for number in range(1000))


@pytest.fixture
def name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a module that is not imported yet."""
    monkeypatch.syspath_prepend(tmp_path)
    name = next(NAMES)
    (tmp_path / f"{name}.py").write_text("value = 7\n")
    return name


def test_a_function_is_called_with_the_module_once(name: str) -> None:
    """At its import, when the module is complete; not before, and not when it is imported or reloaded again."""
    seen: list[tuple[ModuleType, int]] = []
    when_imported(name, lambda module: seen.append((module, module.value)))
    assert [] == seen
    module = importlib.import_module(name)
    importlib.reload(importlib.import_module(name))
    assert [(module, 7)] == seen


def test_a_module_that_is_imported_already_is_handed_over_now(name: str) -> None:
    """Without importing anything."""
    module = importlib.import_module(name)
    seen: list[ModuleType] = []
    when_imported(name, seen.append)
    assert [module] == seen


def test_the_module_is_unchanged_by_the_waiting(name: str) -> None:
    """It has the loader that Python's own finder chose, in both places."""
    when_imported(name, lambda _: None)
    module = importlib.import_module(name)
    assert module.__spec__ is not None
    assert module.__spec__.loader is module.__loader__
    assert "SourceFileLoader" == type(module.__loader__).__name__


def test_a_module_that_does_not_exist_is_reported_by_python(name: str) -> None:
    """An import that fails raises the same exception, and one that fails while it executes can be tried again."""
    when_imported("awaited_nowhere", lambda _: None)
    with pytest.raises(ModuleNotFoundError, match="No module named 'awaited_nowhere'"):
        importlib.import_module("awaited_nowhere")
    assert "awaited_nowhere" not in sys.modules
    assert 7 == importlib.import_module(name).value


def test_several_functions_wait_for_one_module(name: str) -> None:
    """They are called in the order in which they were registered."""
    order: list[int] = []
    for number in range(3):
        when_imported(name, lambda _, number=number: order.append(number))
    importlib.import_module(name)
    assert [0, 1, 2] == order


def test_a_function_before_an_import_is_called_first(name: str) -> None:
    """Once, while the module does not exist; what it has wait for the module is called after the import."""
    order: list[object] = []

    def before() -> None:
        order.append(name in sys.modules)
        when_imported(name, lambda module: order.append(module.value))

    before_import(name, before)
    assert [] == order
    importlib.reload(importlib.import_module(name))
    assert [False, 7] == order
