"""A Flask application."""

from flask import Flask, Response, abort, stream_with_context

app = Flask(__name__)


@app.route("/orders/<int:number>")
def order(number: int) -> str:
    if number == 404:
        abort(404)
    if number == 500:
        raise ValueError("no such order")
    return f"order {number}"


@app.route("/stream")
def stream() -> Response:
    return Response(stream_with_context(f"{n}\n" for n in range(3)))


if __name__ == "__main__":
    import sys

    app.run(port=int(sys.argv[1]))
