"""OtelProfile: what a platform team decides about telemetry, validated before it reaches an application.

A profile can never keep an application from starting, nor send its data to an address that the operator's owner has
not allowed. What the SDK for Python would refuse (an unknown propagator), misread (a timeout in milliseconds) or
silently ignore (an unknown exporter) is an error here; all errors are reported at once.
"""
