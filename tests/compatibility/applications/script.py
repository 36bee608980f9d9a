"""A script with a traced function; what it prints is its own."""

import os
import signal
import sys
import time

from spanloom import instrument


@instrument
def work(number: int) -> int:
    return number + 1


print(sum(work(number) for number in range(5)))
sys.stdout.flush()
if "wait" in sys.argv:
    time.sleep(60)
if "handler" in sys.argv:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)
