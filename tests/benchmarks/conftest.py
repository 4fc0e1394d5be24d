"""`benchmarks` is a package of the checkout, not of the installation: put it on the path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
