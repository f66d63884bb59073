"""The evaluator held against an independent CPU emulator, instruction by instruction, from random states."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pypcode
import pytest
from emulator import CODE, Comparison, random_state

from ctxrace.core.errors import ExecutionError

