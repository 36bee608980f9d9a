"""`spanloom explain`: what the operator injects into a workload, and why not the rest. Reads, never writes."""
