"""The servers that applications are tried under, and how each is started; docs/compatibility.md names them."""

from __future__ import annotations

from typing import NamedTuple


class Server(NamedTuple):
    """A command with {port}.

    `is_traced` is false for one that the hooks do not know. `environment` is that of
    tests/compatibility/environments; only the agent runs in one of the agent's.
    """

    command: str
    is_traced: bool = True
    environment: str = "newest"


_UVICORN = "uvicorn served:app --port {port}"
_GUNICORN = "gunicorn -b 127.0.0.1:{port} served:wsgi"
_GRANIAN = "granian --port {port} --interface"
_GRACEFUL = "--hook-master-start 'unix_signal:15 gracefully_kill_them_all'"  # otherwise it kills a busy worker
_UWSGI = f"uwsgi --http-socket 127.0.0.1:{{port}} --module served:wsgi --need-app --master {_GRACEFUL}"

SERVERS = {
    "uvicorn": Server(_UVICORN),
    "uvicorn without lifespan": Server(f"{_UVICORN} --lifespan off"),
    "uvicorn with workers": Server(f"{_UVICORN} --workers 2"),
    "uvicorn with --reload": Server(f"{_UVICORN} --reload"),
    "gunicorn": Server(_GUNICORN),
    "gunicorn with threads": Server(f"{_GUNICORN} --threads 2 --workers 2"),
    "gunicorn with gevent": Server(f"{_GUNICORN} --worker-class gevent --workers 2"),
    "gunicorn with uvicorn": Server(
        "gunicorn -b 127.0.0.1:{port} --worker-class uvicorn_worker.UvicornWorker --workers 2 served:app"
    ),
    "gunicorn with asgi": Server(
        "gunicorn -b 127.0.0.1:{port} --worker-class asgi --workers 2 --graceful-timeout 2 served:app"
    ),
    "gunicorn with --preload": Server(f"{_GUNICORN} --preload --workers 2"),
    "gunicorn with --max-requests": Server(f"{_GUNICORN} --max-requests 1"),
    "hypercorn": Server("hypercorn -b 127.0.0.1:{port} served:app"),
    "hypercorn with workers": Server("hypercorn -b 127.0.0.1:{port} --workers 2 served:app"),
    "hypercorn with WSGI": Server("hypercorn -b 127.0.0.1:{port} wsgi:served:wsgi"),
    "granian": Server(f"{_GRANIAN} asgi served:app"),
    "granian with WSGI": Server(f"{_GRANIAN} wsgi served:wsgi"),
    "granian with RSGI": Server(f"{_GRANIAN} rsgi served:rsgi", is_traced=False),
    "daphne": Server("daphne -p {port} served:app"),
    "uwsgi": Server(_UWSGI, environment="agent-uwsgi"),
    "uwsgi with workers": Server(f"{_UWSGI} --processes 2", environment="agent-uwsgi"),
    "uwsgi with --lazy-apps": Server(f"{_UWSGI} --lazy-apps", environment="agent-uwsgi"),
    "Flask's own": Server("flask --app served:wsgi run --port {port}"),
    "Django's own": Server("python django_shop.py runserver --noreload {port}"),
    "Django under uvicorn": Server("uvicorn django_shop:app --port {port}"),
    "Django under daphne": Server("daphne -p {port} django_shop:app"),
    "Django under wsgiref": Server("python django_shop.py {port}"),
}
