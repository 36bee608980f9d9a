"""A function with a span. Nothing here knows where spans go."""

from spanloom import instrument


@instrument
def greet(name: str) -> str:
    return f"Hello, {name}!"


print(greet("Ada"))
