"""A Celery application on the file system, whose task has a span of its own."""

import os
import sys
from pathlib import Path

from celery import Celery

from spanloom import instrument

folder = Path(os.environ["QUEUE"])
app = Celery("tasks", broker="filesystem://")
options = {name: str(folder) for name in ("data_folder_in", "data_folder_out")}
app.conf.update(broker_transport_options={**options, "control_folder": str(folder)}, worker_hijack_root_logger=False)


@app.task
def add(a: int, b: int) -> int:
    return work(a, b)


@instrument
def work(a: int, b: int) -> int:
    (folder / f"done-{a}-{b}").touch()
    return a + b


if __name__ == "__main__":
    for number in range(int(sys.argv[1])):
        add.delay(number, 1)
