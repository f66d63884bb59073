"""Lets the tests of this directory import the helper modules in it."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
