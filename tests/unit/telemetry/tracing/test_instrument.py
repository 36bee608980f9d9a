"""`@instrument` on everything that can be called."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanloom import instrument
from spanloom.settings.levels import parse_levels, set_active_filter
from spanloom.tracing.parameters import Parameters


@instrument
def plain(a: int, b: str = "x") -> str:
    return f"{a}{b}"


@instrument
async def awaited(a: int, b: str = "x") -> str:
    await asyncio.sleep(0)
    return f"{a}{b}"


class Shop:
    @instrument
    def method(self, a: int, b: str = "x") -> str:
        return f"{a}{b}"

    @instrument
    @classmethod
    def of_class(cls, a: int, b: str = "x") -> str:
        return f"{a}{b}"

    @instrument
    @staticmethod
    def static(a: int, b: str = "x") -> str:
        return f"{a}{b}"


@instrument
def counted(a: int, b: str = "x") -> Iterator[str]:
    yield f"{a}{b}"


@instrument
async def counted_later(a: int, b: str = "x") -> AsyncIterator[str]:
    await asyncio.sleep(0)
    yield f"{a}{b}"


async def collect(items: AsyncIterator[str]) -> str:
    return "".join([item async for item in items])


CALLS: dict[str, Callable[..., Any]] = {
    "plain": plain,
    "awaited": lambda *a, **k: asyncio.run(awaited(*a, **k)),
    "method": Shop().method,
    "of_class": Shop.of_class,
    "static": Shop.static,
    "counted": lambda *a, **k: "".join(counted(*a, **k)),
    "counted_later": lambda *a, **k: asyncio.run(collect(counted_later(*a, **k))),
}


@pytest.mark.parametrize("name", CALLS)
def test_every_kind_of_function_gets_its_span(name: str, finished) -> None:
    """The result is unchanged; the span has the function's name, its place in the code and its arguments."""
    assert "1y" == CALLS[name](1, b="y")
    span = finished.one()
    assert (name, "INTERNAL", "UNSET") == (span.name, span.kind, span.status)
    assert {"a": 1, "b": "y"} == {key: span.attributes[key] for key in ("a", "b")}
    assert span.attributes["code.function.name"].endswith(name)
    assert __file__ == span.attributes["code.file.path"]
    assert "self" not in span.attributes
    assert "cls" not in span.attributes


def test_what_a_function_is_stays_visible() -> None:
    """Frameworks that look at a function see its kind, name and signature."""
    assert inspect.iscoroutinefunction(awaited)
    assert inspect.isgeneratorfunction(counted)
    assert inspect.isasyncgenfunction(counted_later)
    assert ("plain", ["a", "b"]) == (plain.__name__, list(inspect.signature(plain).parameters))


def test_options(finished) -> None:
    """Name, skipped arguments, further fields (values, or functions of the arguments) and the result are as asked."""

    @instrument(
        name="check out",
        skip=("password",),
        fields={"shop": "main", "items": lambda cart, *_, **__: len(cart)},
        ret=True,
    )
    def check_out(cart: list[str], password: str, *more: int, **others: str) -> int:
        return len(cart) + len(password)

    assert 5 == check_out(["a", "b"], "abc", 7, 8, note="n")
    span = finished.named("check out")
    expected = {
        "cart": "['a', 'b']",
        "more": "(7, 8)",
        "others": "{'note': 'n'}",
        "shop": "main",
        "items": 2,
        "return": 5,
    }
    assert expected == {k: v for k, v in span.attributes.items() if not k.startswith("code.")}


def test_skip_all_and_a_function_of_the_result(finished) -> None:
    """No argument becomes an attribute; `ret` may be a function of the result."""

    @instrument(skip_all=True, ret=len)
    def listed(secret: str) -> list[str]:
        return [secret, secret]

    listed("s3cret")
    assert {"return": 2} == {k: v for k, v in finished.one().attributes.items() if not k.startswith("code.")}


def test_a_field_that_fails_is_recorded_and_harms_nothing(finished) -> None:
    """The call continues; the attribute contains what failed."""

    @instrument(fields={"wrong": lambda: 1 / 0})
    def works() -> str:
        return "fine"

    assert "fine" == works()
    assert "field failed: ZeroDivisionError" == finished.one().attributes["wrong"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"level": "loud"}, ValueError, "expected one of trace, debug, info, warn, error, off"),
        ({"skip": ("passwort",)}, TypeError, "skip names passwort, which .* does not take; it takes password"),
        ({"skip": "password"}, TypeError, "expected a tuple of names"),
    ],
)
def test_mistakes_are_named_at_decoration(options: dict[str, Any], error: type[Exception], message: str) -> None:
    """An option that does not fit fails when the module is imported, not in production."""
    with pytest.raises(error, match=message):

        @instrument(**options)
        def login(password: str) -> None: ...


@pytest.mark.parametrize("name", CALLS)
def test_exceptions_are_recorded_and_passed_on(name: str, finished) -> None:
    """An exception reaches the caller; its span has status ERROR, the error's type and its stack."""

    class Bad:
        def __format__(self, _: str) -> str:
            raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        CALLS[name](Bad())
    span = finished.one()
    assert ("ERROR", "LookupError") == (span.status, span.attributes["error.type"])
    assert ("LookupError", "gone") == (span.events[0]["exception.type"], span.events[0]["exception.message"])


@pytest.mark.parametrize("name", CALLS)
def test_filtered_out_means_no_span_and_the_same_result(name: str, finished) -> None:
    """A filter above the span's level leaves the call as if it were not decorated."""
    set_active_filter(parse_levels("warn"))
    assert "1x" == CALLS[name](1)
    assert [] == finished.all()


def test_the_filter_goes_by_module_and_level(finished) -> None:
    """Directives for this module decide, and may change while the process runs."""

    @instrument(level="debug")
    def detail() -> None: ...

    for directives in ("info", f"info,{__name__.partition('.')[0]}=debug", "trace", "trace,tests=info"):
        set_active_filter(parse_levels(directives))
        detail()
    assert ["detail", "detail"] == [span.name for span in finished.all()]


def test_spans_nest(finished) -> None:
    """A decorated function called by another is its child, also across await."""

    @instrument
    async def outer() -> str:
        return plain(1) + await awaited(2)

    asyncio.run(outer())
    assert {"plain": "outer", "awaited": "outer", "outer": None} == finished.parents()


@given(
    positional=st.lists(st.integers(), max_size=4),
    named=st.dictionaries(st.sampled_from(["b", "c", "d", "e"]), st.integers(), max_size=4),
)
def test_arguments_are_bound_as_python_binds_them(positional: list[int], named: dict[str, int]) -> None:
    """Attributes hold what the function itself sees, and a wrong call raises Python's own TypeError."""
    seen: dict[str, Any] = {}

    def function(a, /, b, c=3, *rest, d=4, **others) -> None:
        seen.update(a=a, b=b, c=c, d=d, **({"rest": rest} if rest else {}), **({"others": others} if others else {}))

    try:
        function(*positional, **named)
    except TypeError:
        with pytest.raises(TypeError):
            instrument(function)(*positional, **named)
        return
    assert seen == dict(Parameters(function, frozenset()).bind(tuple(positional), named))
