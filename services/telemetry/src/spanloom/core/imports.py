"""Functions that are called before or after a module is imported, without importing it.

One finder is in `sys.meta_path`. It asks the other finders, and the module keeps the loader that they chose. Finder and
loader have no base class: `importlib.abc` imports much that the application may not need.
"""

from __future__ import annotations

import sys
from threading import RLock
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    Function = Callable[[Any], object]

_before: dict[str, list[Callable[[], object]]] = {}
_waiting: dict[str, list[Function]] = {}
_lock = RLock()


def before_import(name: str, function: Callable[[], object]) -> None:
    """Call `function`, which does not raise, before the module is looked for the first time."""
    with _lock:
        _stand_first()
        _before.setdefault(name, []).append(function)


def _stand_first() -> None:
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def when_imported(name: str, function: Function) -> None:
    """Call `function` with the module when it is imported, or now if it is already."""
    with _lock:
        _stand_first()
        _waiting.setdefault(name, []).append(function)
    module = sys.modules.get(name)
    if module is not None and not getattr(getattr(module, "__spec__", None), "_initializing", False):
        _call(module)


def _call(module: ModuleType) -> None:
    with _lock:
        functions = _waiting.pop(module.__name__, [])
    for function in functions:
        function(module)


class _Finder:
    """Finds what the other finders find, for the modules that functions wait for."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module with a loader that calls the functions afterwards."""
        try:
            for function in _before.pop(fullname, ()):
                function()
            return self._find(fullname, path, target) if fullname in _waiting else None
        except Exception:  # another finder's: the import system asks it next, and raises it
            return None

    def _find(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
        others = (getattr(finder, "find_spec", None) for finder in sys.meta_path if finder is not self)
        found = (find(fullname, path, target) for find in others if find is not None)
        spec: ModuleSpec | None = next((one for one in found if one is not None), None)
        if spec is not None and spec.loader is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = cast("Loader", _CallingLoader(spec.loader))
        return spec


class _CallingLoader:
    """Loads as another loader, which the module then has as if this one had not been there."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Create the module."""
        created: ModuleType | None = self._loader.create_module(spec)
        return created

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module, then call what waits for it."""
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        _call(module)


_finder = _Finder()
