"""Log records and their OTLP bytes."""
