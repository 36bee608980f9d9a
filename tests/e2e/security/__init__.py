"""A package, so that its release is uninstalled after its last test."""
