"""`make bench`: what tracing costs, beside what others take for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from bench import arms as table
from bench.cpu import pinned, shares
from bench.measure import QUICK, batch
from bench.services import running
from bench.estimates import ratio_of_sums, paired_ratio

ROOT = Path(__file__).parents[2]
homes = {"shipped": ROOT / ".venv/bench/shipped"}
services, others = shares(os.sched_getaffinity(0))
arms = table.choose(sys.argv[1].split(",") if len(sys.argv) > 1 else ["spanloom"])
def say(*a): print(*a, flush=True)
with TemporaryDirectory() as d, pinned(others), running(arms, homes, services, Path(d), say) as started:
    found = batch(started, QUICK, Random(), lambda w, p: print(w, f"{p:.0%}", flush=True) if p in (0,) else None)
    import shutil
    for r in started: print(r.arm.name, r.processes[0].lines, r.processes[1].lines)
    for p in [p for r in started for p in r.processes]: p.stop()
    import time; time.sleep(.3)
    import subprocess
    shutil.rmtree("/tmp/benchwork/kept", ignore_errors=True)
    started[0].client
    os.system(f"ls -la {d}")
    kept = d
    base = found["untraced"]
    for n, m in found.items():
        print(n, f"{sum(m.cpu)/len(m.cpu)/32/1000:.0f} us", "cpu", ratio_of_sums(base.cpu, m.cpu), "wall", paired_ratio(base.wall, m.wall), f"idle {m.idle[0]/1e6:.2f} ms/s sat {m.saturated[0]:.0f} rps start {m.start_seconds[0]:.1f} rss {m.resident_bytes[0]/1e6:.0f}", m.served)
shutil.copytree if 0 else None
