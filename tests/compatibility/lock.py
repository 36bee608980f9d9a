"""Pin what each environment holds, with what the distribution needs: `make lock`."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from compatibility.versions import AGENT, ENVIRONMENTS
from support.processes.environments import TELEMETRY, NotInstalledError, lock_packages

FOLDER = Path(__file__).parent / "environments"


def lock(name: str) -> str:
    """Write the pins of one environment; return what is wrong, if anything."""
    if name in AGENT:
        requirements, options = AGENT[name].needs, ["--python-version", AGENT[name].python]
    else:
        requirements, options = ENVIRONMENTS[name], [str(TELEMETRY / "pyproject.toml")]
    try:
        lock_packages(requirements, FOLDER / f"{name}.txt", *options)
    except NotInstalledError as error:
        return f"{name}: {error}"
    return ""


def main() -> None:
    """Lock every environment, and remove those that are not in the table any more."""
    names = [*ENVIRONMENTS, *AGENT]
    for file in FOLDER.glob("*.txt"):
        if file.stem not in names:
            file.unlink()
    with ThreadPoolExecutor(4) as pool:
        problems = [problem for problem in pool.map(lock, names) if problem]
    sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()
