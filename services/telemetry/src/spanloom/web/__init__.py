"""Parts of a robust FastAPI service that are not telemetry: problem details, and a bounded HTTP protocol."""
