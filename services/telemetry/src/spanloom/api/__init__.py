"""OpenTelemetry's API, served by the core through public names only."""
