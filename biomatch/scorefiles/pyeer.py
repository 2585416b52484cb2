"""pyeer's verification files: one score a line, or a histogram of integer scores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from biomatch.errors import TableError
from biomatch.portable.types import Reals
from biomatch.scorefiles.lines import fault_at, first_line, read_blocks, read_table

MOST = 1 << 28
"""A histogram with more counts than this is not unrolled."""


def read_scores(path: Path) -> Reals:
    """Read one score a line; of several columns the last one is the score."""
    columns, example = _columns(path)
    return read_table(path, columns, example=example)["score"].to_numpy()


def read_in_blocks(path: Path, size: int) -> Iterator[Reals]:
    """Read the same from a file of any length, about `size` bytes at once."""
    columns, example = _columns(path)
    for frame in read_blocks(path, columns, example=example, size=size):
        yield frame["score"].to_numpy()


def _columns(path: Path) -> tuple[list[tuple[str, str]], str]:
    count = max(1, len(first_line(path).split()))
    columns = [(f"column {number + 1}", "text") for number in range(count - 1)] + [("score", "score")]
    return columns, "0.91" if count == 1 else "q1 t7 0.88"


def read_histogram(path: Path) -> Reals:
    """Read a histogram of integer scores: line k, counted from 0, holds how many scores equal k."""
    counts = read_table(path, [("count", "number")], example="9130").with_columns(pl.col("count"))["count"]
    negative = counts < 0
    if negative.any():
        row = int(negative.arg_max() or 0)
        raise fault_at(path, row + 1, f"count {counts[row]}", allowed="a whole number from 0")
    if int(counts.sum()) > MOST:
        raise TableError(f"{path} holds {int(counts.sum()):,} counts", allowed=f"at most {MOST:,}")
    return np.repeat(np.arange(len(counts), dtype=np.float64), counts.to_numpy())
