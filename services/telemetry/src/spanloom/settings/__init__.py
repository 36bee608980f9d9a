"""Settings of the distribution: declared once, read once, refused when they are not understood.

Nothing here imports OpenTelemetry.
"""

from spanloom.settings.environment import Settings
from spanloom.settings.errors import SettingsError

__all__ = ["Settings", "SettingsError"]
