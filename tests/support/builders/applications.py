"""Applications that tests write into a reader's folder."""

SHOP = """\
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"tea"})
"""
"""`shop.py`: an ASGI application without a framework."""
