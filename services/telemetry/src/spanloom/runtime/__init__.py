"""The telemetry of a process: settings, core and hooks put together, whichever way the process was started."""
