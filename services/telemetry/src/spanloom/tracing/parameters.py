"""Arguments of a call by name, without `Signature.bind` on every call (it costs more than a span)."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Parameters:
    """The parameters of a function, without those in `skip`, `self` and `cls`.

    TypeError if `skip` contains a name that is not a parameter.
    """

    def __init__(self, function: Callable[..., Any], skip: frozenset[str]) -> None:
        parameters = inspect.signature(function).parameters
        if unknown := skip - parameters.keys():
            raise TypeError(
                f"skip names {', '.join(sorted(unknown))}, which {function.__qualname__} does not take; "
                f"it takes {', '.join(parameters) or 'no arguments'}"
            )
        kinds = {name: parameter.kind for name, parameter in parameters.items()}
        self.positional = [name for name, kind in kinds.items() if kind in BY_POSITION]
        self.var_positional = _name_of_kind(kinds, inspect.Parameter.VAR_POSITIONAL)
        self.var_keyword = _name_of_kind(kinds, inspect.Parameter.VAR_KEYWORD)
        self.names = kinds.keys() - {self.var_positional, self.var_keyword}
        self.defaults = {n: p.default for n, p in parameters.items() if p.default is not inspect.Parameter.empty}
        self.hidden = skip | ({self.positional[0]} & {"self", "cls"} if self.positional else set())

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments by parameter name, defaults included and hidden ones omitted."""
        values = self.defaults.copy()
        if args:
            values.update(zip(self.positional, args, strict=False))
            if self.var_positional and len(args) > len(self.positional):
                values[self.var_positional] = args[len(self.positional) :]
        if kwargs.keys() <= self.names:
            values.update(kwargs)
        else:
            self._bind_var_keyword(values, kwargs)
        for name in self.hidden:
            values.pop(name, None)
        return values

    def _bind_var_keyword(self, values: dict[str, Any], kwargs: dict[str, Any]) -> None:
        values.update((name, value) for name, value in kwargs.items() if name in self.names)
        if self.var_keyword:
            values[self.var_keyword] = {name: value for name, value in kwargs.items() if name not in self.names}


def _name_of_kind(kinds: dict[str, Any], kind: Any) -> str | None:
    return next((name for name, found in kinds.items() if found is kind), None)
