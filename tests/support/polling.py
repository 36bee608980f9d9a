"""The only wait of the tests, and of the demo."""

from spanloom_local.polling import poll_until

__all__ = ["poll_until"]
