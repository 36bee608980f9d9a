"""A Django project in one file, for WSGI and ASGI."""

import sys

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import include, path
from served import literal

settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="x", DEBUG=False)
django.setup()


def order(_request, number: int) -> HttpResponse:
    if number == 500:
        raise ValueError("no such order")
    return HttpResponse(f"order {number}")


def statement(_request) -> HttpResponse:
    return HttpResponse(literal())


urlpatterns = [path("shop/", include([path("orders/<int:number>/", order)])), path("text", statement)]
wsgi, app = get_wsgi_application(), get_asgi_application()

if __name__ == "__main__":
    from wsgiref.simple_server import make_server

    if len(sys.argv) > 2:
        execute_from_command_line(sys.argv)
    make_server("127.0.0.1", int(sys.argv[1]), wsgi).serve_forever()
