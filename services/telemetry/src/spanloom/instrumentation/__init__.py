"""The hooks, one file per library. Each uses OpenTelemetry's API only, and fails without consequences (see guard)."""
