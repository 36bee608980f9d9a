"""The operator: OTEL_* configuration for labelled Deployments, owned by server-side apply."""
