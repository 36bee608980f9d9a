"""What every test may use."""

import sys
from pathlib import Path

# tests/support is plain modules, not a package of the project.
sys.path.insert(0, str(Path(__file__).parent))
