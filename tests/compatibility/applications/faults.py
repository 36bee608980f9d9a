"""Faults raised in the functions of the distribution, by a trace function (sys.settrace)."""

import sys
from pathlib import Path

import spanloom

AGENT = sys.modules.get("_spanloom_agent")
PACKAGE = AGENT or spanloom
ROOT = Path(next(iter(PACKAGE.__path__)))
ROOMS = ("core", "api", "tracing", "instrumentation", "runtime", "sdk", "settings", "agent")
# The guard itself, and the functions that stand between the application and what it calls: they are the boundary.
COMPREHENSIONS = ("<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>")  # of a module: they run while it is imported
TRUSTED = ("core/guard.py", "core/reports.py")
BOUNDARY = frozenset(
    [
        "wrapper",
        "call",
        "send_with_hook",
        "start_with_hook",
        "send_after_flush",
        "load_and_hook",
        "application",
        "handle_and_record",
        "resolve_and_record",
        "call_handlers_with_context",
        "init_and_detect",
        "submit_with_context",
        "run_with_context",
        "listener",
        "configure_without_handlers",
        "record_exception",
        "set_redacted_status",
        "send",
        "throw",
        "asend",
        "athrow",
        "aclose",
        "_step",
        "end_step",
        "_with_response_hook",
        "_with_status_hook",
        "_with_final_flush",
        "start_span",
        "end",
        "set_attributes",
        "set_attribute",
        "__next__",
        "_begin",
        "close",
        "update_name",
        "add_event",
        "add_link",
        "set_status",
        "is_recording",
        "get_span_context",
        "get_tracer",
        "get_tracer_provider",
        "set_tracer_provider",
        "get_meter",
        "get_logger",
        "start_as_current_span",
        "coroutine",
        "__enter__",
        "__exit__",
        "__call__",
        "find_spec",
        "create_module",
        "exec_module",
    ]
)


class FaultError(Exception): ...


class Injector:
    """Raises a fault when the target is called, or its line is reached, in every thread that has been armed."""

    target: tuple[str, int] | None = None
    hits = 0

    def __init__(self, event: str = "call") -> None:
        self.event = event

    def __call__(self, frame, event, _arg):
        code = frame.f_code
        number = code.co_firstlineno if event == "call" else frame.f_lineno
        if event == self.event and (code.co_filename, number) == self.target:
            self.hits += 1
            raise FaultError
        return self if self.event == "line" and self.target and code.co_filename == self.target[0] else None


def targets() -> list[tuple[str, int, str]]:
    """Return file, line and name of every function in the folders of the distribution."""
    found = []
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.py")):
            if str(file.relative_to(ROOT)) not in TRUSTED:
                module = compile(file.read_text(), str(file), "exec")
                inner = [code for code in _inner(module) if code.co_name not in COMPREHENSIONS]
                found += [one for code in inner for one in _functions(code)]
    return [one for one in found if one[2] not in BOUNDARY]


def lines() -> list[tuple[str, int, str]]:
    """Return file, line and name of every line in the functions that `targets` returns."""
    functions = set(targets())
    found = []
    for file in sorted({file for file, _, _ in functions}):
        for code in _all_codes(compile(Path(file).read_text(), file, "exec")):
            if (file, code.co_firstlineno, code.co_name) in functions:
                numbers = {number for _, _, number in code.co_lines() if number} - {code.co_firstlineno}
                found += [(file, number, code.co_name) for number in sorted(numbers)]
    return found


def _all_codes(code) -> list:
    return [code, *(one for inner in _inner(code) for one in _all_codes(inner))]


def _functions(code) -> list[tuple[str, int, str]]:
    """Return a function and those inside it; what a module does while it is imported is not one."""
    is_function = code.co_flags & 2  # CO_NEWLOCALS
    here = [(code.co_filename, code.co_firstlineno, code.co_name)] if is_function else []
    return here + [one for inner in _inner(code) for one in _functions(inner)]


def _inner(code) -> list:
    return [const for const in code.co_consts if hasattr(const, "co_code")]
