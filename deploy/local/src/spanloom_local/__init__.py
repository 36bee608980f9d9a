"""The whole stack on a laptop: PostgreSQL, both services, an OTLP receiver and a page of its telemetry."""
