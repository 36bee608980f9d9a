"""`spanloom score`: the quality of telemetry, by the OpenTelemetry Instrumentation Score."""
