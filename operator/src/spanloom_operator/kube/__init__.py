"""The Kubernetes API server: paths, the client, and list/watch. No other room does input or output."""
