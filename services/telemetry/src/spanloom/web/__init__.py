"""Parts of a robust FastAPI service besides telemetry: problem details, and an HTTP protocol with limits."""
