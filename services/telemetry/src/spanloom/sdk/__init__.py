"""The distribution on top of the SDK; the only modules that may use private names of OpenTelemetry."""
