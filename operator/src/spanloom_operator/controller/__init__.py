"""Watch, decide, write: the operator's process."""
