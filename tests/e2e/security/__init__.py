"""A package, so that its release is uninstalled when its last test has run."""
