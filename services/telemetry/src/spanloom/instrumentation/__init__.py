"""Instrumentations, one file per library.

They use the core only; their failures do not affect the application (see core.guard).
"""
