"""A pool whose threads have a decimal context of their own."""

import decimal
from concurrent.futures import ThreadPoolExecutor


def prepare() -> None:
    decimal.setcontext(decimal.Context(prec=50))


with ThreadPoolExecutor(1, initializer=prepare) as pool:
    print(pool.submit(lambda: decimal.Decimal(1) / 7).result())
