"""Write every file of the dashboards and rules (`make dashboards`); with `--check` name those that differ instead."""

from __future__ import annotations

import sys

from dashboards.files import files, leftovers


def main(arguments: list[str]) -> str:
    """Write the files; return an error, or nothing."""
    texts = files()
    unwanted = leftovers(set(texts))
    if arguments == ["--check"]:
        stale = {path for path, text in texts.items() if not path.exists() or path.read_text() != text} | unwanted
        return "\n".join(["not current; `make dashboards` writes them:", *sorted(map(str, stale))]) if stale else ""
    if arguments:
        return f"dashboards: unknown arguments {' '.join(arguments)}; expected none, or --check"
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for path in unwanted:
        path.unlink()
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) or 0)
