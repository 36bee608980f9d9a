"""A Flask application that calls contrib's instrumentation itself."""

from flask_shop import app
from opentelemetry.instrumentation.flask import FlaskInstrumentor

FlaskInstrumentor().instrument_app(app)

if __name__ == "__main__":
    import sys

    app.run(port=int(sys.argv[1]))
