"""The agent: hooks on the core for applications without OpenTelemetry.

Built into one directory under a private name by `build.py`; imports the standard library only.
"""
