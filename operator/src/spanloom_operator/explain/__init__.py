"""`spanloom explain`: what the operator injects into a Deployment, and why not the rest. Reads, never writes."""
