"""Loads Spanloom's agent when a library is imported that it has hooks for. Parsed by every Python from 2.7 on.

Python imports this module at its start, as PYTHONPATH names its directory. It leaves everything as it finds it: the
directory is taken off sys.path, the sitecustomize that it hides is run, and nothing of the agent is imported yet.
"""

import os
import sys

LIBRARIES = frozenset(
    ["aiohttp", "asyncpg", "django", "fastapi", "flask", "httpx", "opentelemetry", "psycopg", "psycopg_pool",
     "sqlalchemy", "starlette", "urllib3", "uvicorn"]
)  # fmt: skip
HERE = os.path.dirname(os.path.abspath(__file__))


class Boot:
    """A finder that finds nothing, and starts the agent at the first import of one of LIBRARIES."""

    def __init__(self, is_alone):
        self.is_alone = is_alone  # no other sitecustomize exists, so Python would not have a module of this name

    def find_spec(self, name, path=None, target=None):
        """Return None; for a library, what the other finders find now that the agent waits for it."""
        if self.is_alone:
            self.is_alone = False
            sys.modules.pop("sitecustomize", None)
        if name not in LIBRARIES or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        try:
            start_agent()
            return sys.meta_path[0].find_spec(name, path, target)
        except Exception:
            complain("the agent could not be started: %s" % sys.exc_info()[0].__name__)
        return None


def start_agent():
    """Import the agent under a private name, and install its hooks."""
    package = type(sys)("_spanloom_agent")
    package.__path__ = [os.path.join(HERE, "_spanloom_agent")]
    sys.modules[package.__name__] = package
    from _spanloom_agent.agent.start import start  # noqa: PLC0415 not before a library needs it

    start()


def complain(text):
    """Write one line to standard error."""
    try:
        sys.stderr.write("spanloom: " + text + "\n")
        sys.stderr.flush()
    except Exception:
        pass


def find_hidden():
    """Return the spec of the sitecustomize that this one hides; None if there is none."""
    for finder in sys.meta_path:
        spec = getattr(finder, "find_spec", lambda *_: None)("sitecustomize", None, None)
        if spec is not None and spec.loader is not None:
            return spec
    return None


def run_hidden(spec):
    """Execute a module in the place of this one; its exceptions are reported by Python, as without the agent."""
    module = type(sys)("sitecustomize")
    module.__spec__, module.__loader__, module.__file__ = spec, spec.loader, spec.origin
    module.__cached__, module.__package__ = spec.cached, ""
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


def boot():
    """Undo the traces of this module, and wait for the libraries; return the spec of the hidden sitecustomize."""
    sys.path[:] = [path for path in sys.path if not path or os.path.abspath(path) != HERE]
    hidden = find_hidden()
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() != "true":
        sys.meta_path.insert(0, Boot(hidden is None))
    return hidden


if sys.version_info >= (3, 9) and sys.implementation.name == "cpython":
    try:
        found = boot()
    except Exception:
        found = None
    if found is not None:
        run_hidden(found)
else:
    complain("the agent needs CPython 3.9 or later; this process is not traced")
