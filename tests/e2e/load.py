"""A steady load, run in a pod: list users ten times a second, each request with a unique User-Agent and connection.

Prints one line of JSON for each request and ends when /tmp/stop exists.
"""

import json
import sys
import time
import urllib.request
from pathlib import Path

number = 0
while not Path("/tmp/stop").exists():
    number += 1
    mark = f"spanloom-journey/load-{number}"
    request = urllib.request.Request(f"{sys.argv[1]}/users", headers={"User-Agent": mark})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            status = response.status
            response.read()
    except OSError as error:
        status = str(error)
    print(json.dumps({"mark": mark, "status": status}), flush=True)
    time.sleep(0.1)  # the rate of the load, not a wait
