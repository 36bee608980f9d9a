"""Work handed to a pool of threads: in the trace of the request that handed it over, or lost?"""

from concurrent.futures import ThreadPoolExecutor

from spanloom import instrument

pool = ThreadPoolExecutor()


@instrument
def resize(picture: str) -> None:
    """Do what should be part of the request."""


@instrument
def upload(*pictures: str) -> None:
    list(pool.map(resize, pictures))


upload("cat.png")
