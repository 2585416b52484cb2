"""Types of arrays, under one name each."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Reals = NDArray[np.floating[Any]]
"""Scores as they were stored: float32 or float64."""
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
