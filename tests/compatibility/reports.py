"""Public reports of agents that are put into applications, and the tests that hold what happens here instead.

docs/agent-reports.md is generated from here.
"""

from __future__ import annotations

from typing import NamedTuple


class Report(NamedTuple):
    """Issues as `repository#number`; what happened there, and here; the tests as `file::function` below tests/."""

    issues: tuple[str, ...]
    there: str
    here: str
    tests: tuple[str, ...]


_OPERATOR = "open-telemetry/opentelemetry-operator"
_PYTHON = "open-telemetry/opentelemetry-python"
_CONTRIB = "open-telemetry/opentelemetry-python-contrib"
_PINS = "compatibility/test_agent_conflicts.py::test_an_application_with_pins_of_its_own_works_and_is_traced"
_STANDARD = "compatibility/test_agent.py::test_the_agent_imports_the_standard_library_only"
_NAMES = "compatibility/test_agent.py::test_no_module_has_a_public_name"
_SERVERS = "compatibility/test_process_ends.py::test_the_last_span_arrives_at_sigterm"

REPORTS = (
    Report(
        (f"{_OPERATOR}#1885",),
        "versions of urllib3, requests, charset-normalizer and packaging clash with the application's; the pod does "
        "not start",
        "the agent contains no package that the application could have",
        (_PINS,),
    ),
    Report(
        (f"{_OPERATOR}#1515",),
        "`chardet` and `protobuf` are missing, later `libc.musl-x86_64.so.1`",
        "nothing but the standard library is imported",
        (_STANDARD,),
    ),
    Report(
        (f"{_OPERATOR}#2409", f"{_PYTHON}#3573"),
        "the packages of the application and those of the agent are not compatible",
        "the application works as without the agent, and is traced",
        (_PINS,),
    ),
    Report(
        (f"{_OPERATOR}#2448",),
        "the application fails to start until it installs the exporter itself",
        "the exporter is the agent's own, of the standard library",
        (_STANDARD,),
    ),
    Report(
        (f"{_OPERATOR}#877",),
        "an older `opentelemetry` of the application is mixed with the injected one: "
        "`opentelemetry.util._once` is missing",
        "the agent contains no `opentelemetry`; it serves the application's, from 1.9 on",
        (_PINS,),
    ),
    Report(
        (f"{_CONTRIB}#2967",),
        "an SDK of 1.28 with a `sitecustomize` of 1.27: TypeError in the check of dependencies",
        "the agent is one package under a private name, and checks no dependencies",
        (_NAMES, _PINS),
    ),
    Report(
        (f"{_PYTHON}#4189",),
        "the image has another protobuf",
        "OTLP is written without protobuf",
        (_PINS,),
    ),
    Report(
        (f"{_PYTHON}#4226",),
        "protobuf is what keeps Python from being injected by default",
        "OTLP is written without protobuf",
        (_STANDARD, _PINS),
    ),
    Report(
        ("lumigo-io/opentelemetry-python-distro#343",),
        "protobuf keeps the agent out of MLflow",
        "OTLP is written without protobuf",
        (_PINS,),
    ),
    Report(
        (f"{_CONTRIB}#1884",),
        "the namespace package `google` is cached without the agent's part of it",
        "no module has a public name, so no namespace is shared",
        (_NAMES,),
    ),
    Report(
        (f"{_PYTHON}#2841",),
        "packages of another Python on `PYTHONPATH` do not work in images of conda",
        "the directory has no extension module; any CPython from 3.9 on loads it",
        (_NAMES, "compatibility/test_agent.py::test_other_pythons_are_left_alone_with_one_line"),
    ),
    Report(
        (f"{_OPERATOR}#1884",),
        "`ENV PYTHONPATH` of the image is overwritten",
        "a `PYTHONPATH` that follows the agent's directory stays in effect; what an image sets for itself cannot be "
        "seen from outside",
        ("compatibility/test_agent.py::test_a_hidden_sitecustomize_is_run",),
    ),
    Report(
        (f"{_OPERATOR}#2302", f"{_OPERATOR}#1080", f"{_CONTRIB}#2495"),
        "Django's settings are not found, and the application crashes",
        "nothing of Django is imported before the application imports it",
        ("compatibility/test_frameworks.py::test_django_is_traced_inside_the_boundary", _SERVERS),
    ),
    Report(
        (f"{_OPERATOR}#2264", f"{_CONTRIB}#1968"),
        "psutil's extension module does not load under musl: `__sched_cpufree`",
        "the directory has no extension module",
        (_NAMES,),
    ),
    Report(
        (f"{_OPERATOR}#5072",),
        "an image that was built overnight does not work with Python 3.9 any more",
        "the image is built from this repository alone, the same every time; tried with Python 3.9 to 3.13",
        (_PINS, "e2e/test_agent_image.py::test_two_builds_have_the_same_layers"),
    ),
    Report(
        (f"{_CONTRIB}#3629", f"{_CONTRIB}#2426", f"{_PYTHON}#1923", "DataDog/dd-trace-py#506", f"{_CONTRIB}#3699"),
        "`ssl` is imported before gevent's `monkey.patch_all`: RecursionError",
        "nothing is imported before a library with hooks is",
        ("compatibility/test_agent_conflicts.py::test_gevent_patches_first", _SERVERS),
    ),
    Report(
        (f"{_CONTRIB}#385", f"{_CONTRIB}#2086", f"{_PYTHON}#1497", f"{_CONTRIB}#2266", f"{_PYTHON}#3885",
         f"{_CONTRIB}#4469"),
        "no spans of forked and spawned workers, and wrong counters",
        "each process exports its own, with ids and an instance of its own, also where a server forks in C",
        (_SERVERS, "unit/telemetry/core/test_export.py::test_forked_processes_have_ids_of_their_own"),
    ),
    Report(
        (f"{_CONTRIB}#1050",),
        "a subprocess of the initialisation instruments itself, and so on",
        "the agent starts no process; a child of the application sees what it sees without the agent",
        ("compatibility/test_agent.py::test_a_process_sees_what_it_sees_without_the_agent",),
    ),
    Report(
        (f"{_OPERATOR}#2272", f"{_OPERATOR}#1058"),
        "the init container runs as root, or keeps capabilities: Pod Security refuses the pod",
        "the image runs as a numeric user, without rights, on a read-only file system",
        ("e2e/test_agent_image.py::test_it_runs_without_any_right",),
    ),
    Report(
        (f"{_OPERATOR}#3473", f"{_OPERATOR}#3479", f"{_OPERATOR}#3883", f"{_OPERATOR}#2044", f"{_OPERATOR}#895"),
        "the init container is killed for its memory, and limits of the volume are too small for 100 MB and more",
        "the directory has less than 1 MB",
        (_NAMES, "e2e/test_agent_image.py::test_the_image_is_small"),
    ),
)  # fmt: skip
