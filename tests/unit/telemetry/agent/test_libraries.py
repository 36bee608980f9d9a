"""Hooks of the agent that are loaded when they are needed."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import pytest
from support.source import ROOT, parsed

from spanloom.agent import libraries
from spanloom.agent.libraries import ENTRIES, Entry, Libraries
from spanloom.instrumentation.hooks import Hooks, Options

if TYPE_CHECKING:
    from collections.abc import Callable

SITECUSTOMIZE = ROOT / "services/telemetry/agent/sitecustomize.py"
API = "opentelemetry"  # has no hooks: the agent becomes its provider


class Waiting(Hooks):
    """Hooks that count how often they are installed."""

    name = "waiting"
    installed = 0

    def hook(self, _: Options) -> None:
        """Count the call."""
        Waiting.installed += 1


class Gate:
    """Installs hooks as the agent's gate does that has not withdrawn."""

    def add(self, hooks: Hooks, options: Options) -> None:
        """Install hooks."""
        hooks.hook(options)


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that calls what waits for the import of a package."""
    waiting: dict[str, list[Callable[[], Any]]] = {}
    monkeypatch.setattr(libraries, "before_import", lambda name, call: waiting.setdefault(name, []).append(call))
    monkeypatch.setattr(Waiting, "installed", 0)
    return lambda name: [call() for call in waiting.pop(name, [])] and None


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_an_entry_says_what_its_hooks_are(entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their name, and the packages of every module that they wait for: Python's own where there is none."""
    modules: list[str] = []
    monkeypatch.setattr(Hooks, "on_import", lambda _hooks, module, _function: modules.append(module))
    hooks = entry.load()
    hooks.hook(Options())
    hooks.remove()
    packages = {module.partition(".")[0] for module in modules} - {"concurrent"}
    assert (entry.name, set(entry.packages)) == (hooks.name, packages)


def test_the_agent_starts_for_the_packages_of_the_entries() -> None:
    """`LIBRARIES` of sitecustomize.py, which imports nothing, are those packages and OpenTelemetry's API."""
    listed = next(
        node.value.args[0]
        for node in parsed(SITECUSTOMIZE).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and node.targets[0].id == "LIBRARIES"
    )
    assert {API, *(package for entry in ENTRIES for package in entry.packages)} == set(ast.literal_eval(listed))


def test_hooks_are_installed_once_for_several_packages(
    imported: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first of its packages is imported, and not again for the next."""
    entry = Entry("waiting", "", "", ("one", "two"))
    monkeypatch.setattr(Entry, "load", lambda _: Waiting())
    monkeypatch.setattr(libraries, "ENTRIES", (entry,))
    Libraries(Gate(), Options()).watch([])  # type: ignore[arg-type]
    counts = [Waiting.installed]
    for package in ("one", "two"):
        imported(package)
        counts.append(Waiting.installed)
    assert [0, 1, 1] == counts


@pytest.mark.parametrize(("packages", "disabled", "expected"), [
    ((), [], 1), (("sys",), [], 1), (("one",), [], 0), ((), ["waiting"], 0), ((), ["*"], 0),
])  # fmt: skip
def test_what_is_installed_at_the_start(
    packages: tuple[str, ...], disabled: list[str], expected: int,
    imported: Callable[[str], None], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Hooks for Python itself and for packages that are imported already, unless they are disabled."""
    monkeypatch.setattr(Entry, "load", lambda _: Waiting())
    monkeypatch.setattr(libraries, "ENTRIES", (Entry("waiting", "", "", packages),))
    Libraries(Gate(), Options()).watch(disabled)  # type: ignore[arg-type]
    assert expected == Waiting.installed
