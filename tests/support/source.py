"""The files of the repository, and its Python source parsed."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from typing import TYPE_CHECKING

from support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = {
    "spanloom": ROOT / "services/telemetry/src/spanloom",
    "users_api": ROOT / "services/users-api/src/users_api",
    "users_db": ROOT / "services/users-db-service/src/users_db",
    "spanloom_local": ROOT / "deploy/local/src/spanloom_local",
    "spanloom_operator": ROOT / "operator/src/spanloom_operator",
}
"""Import name and folder of each package."""


@cache
def repository_files(*patterns: str) -> tuple[Path, ...]:
    """Return the files that Git knows or would add, without links; all, or those of these patterns."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return tuple(path for name in listed if (path := ROOT / name).is_file() and not path.is_symlink())


def python_files() -> tuple[Path, ...]:
    """Return every Python file of the repository."""
    return repository_files("*.py")


def text_files() -> tuple[Path, ...]:
    """Return every file of the repository without NUL bytes."""
    return tuple(path for path in repository_files() if b"\0" not in path.read_bytes())


@cache
def parsed(path: Path) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse(path.read_text(), str(path))


def modules(package: str) -> dict[str, Path]:
    """Return the files of a package by module name relative to the package."""
    folder = PACKAGES[package]
    return {
        str(path.relative_to(folder).with_suffix("")).replace("/", ".").removesuffix(".__init__"): path
        for path in python_files()
        if path.is_relative_to(folder)
    }


def imports(path: Path) -> set[str]:
    """Return the full names of the modules and names that a file imports, including those for type checkers."""
    found: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found
