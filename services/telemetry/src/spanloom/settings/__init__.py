"""Settings of the distribution, declared once and validated when they are read.

No module here imports OpenTelemetry.
"""

from spanloom.settings.environment import Settings
from spanloom.settings.errors import SettingsError

__all__ = ["Settings", "SettingsError"]
