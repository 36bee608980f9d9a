"""Errors of `spanloom explain`; the text of each is the one line that the user reads."""

from __future__ import annotations


class ExplainError(Exception):
    """A workload, a file or the cluster that cannot be read; exit status 1."""


class UsageError(ExplainError):
    """Arguments that are not understood; exit status 2."""


class UnreadableError(ExplainError):
    """An object that may exist and cannot be read: no cluster, no permission, no such resource."""
