"""A plain Flask application."""

from flask import Flask

app = Flask(__name__)


@app.get("/orders/<int:number>")
def order(number: int) -> dict[str, int]:
    """Return an order."""
    return {"number": number}
