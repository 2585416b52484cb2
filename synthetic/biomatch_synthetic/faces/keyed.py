"""Random numbers keyed by row: any row can be drawn again alone, in any order, at the same cost.

A row's numbers depend on the seed, the stream's name and the row's two integer keys, and on nothing
else; no row has to be drawn before another. That is finer than a chunk, and it is fast: a hash of a
counter (SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014, with
an odd increment of its own for each row) makes four 16-bit numbers at a time, each looked up in a table
of normal quantiles. Four to five times faster than NumPy's ziggurat (``benchmarks/speed/bench_faces.py``).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from biomatch.portable import exp, fold, ndtr, ndtri
from biomatch.streams import stream

_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_S30, _S27, _S31 = np.uint64(30), np.uint64(27), np.uint64(31)
BLOCK = 128
"""Rows hashed at a time, so that the integers stay in the processor's cache."""


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Finalise SplitMix64 in place."""
    x ^= x >> _S30
    x *= _MIX_1
    x ^= x >> _S27
    x *= _MIX_2
    x ^= x >> _S31
    return x


@cache
def quantile_table() -> NDArray[np.float32]:
    """Means of 65,536 equal slices of the standard normal law, scaled to variance 1; float32."""
    edges = ndtri(np.arange(1, 65536) / 65536.0)
    density = np.concatenate([[0.0], exp(-(edges**2) / 2.0) / np.sqrt(2.0 * np.pi), [0.0]])
    means = (density[:-1] - density[1:]) * 65536.0
    table: NDArray[np.float32] = (means / np.sqrt(fold(means**2) / len(means))).astype(np.float32)
    return table


class KeyedStream:
    """A named stream whose rows are addressed by one or two integers.

    Parameters
    ----------
    seed : int
        Root seed of the world.
    name : str
        Name of the stream.
    """

    def __init__(self, seed: int, name: str) -> None:
        self._roots = stream(seed, name).integers(0, 2**64, 3, dtype=np.uint64)

    def _states(
        self, keys: NDArray[np.int64], second: NDArray[np.int64] | None
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        start = _mix(np.add(keys.astype(np.uint64) * _GOLDEN, self._roots[0], dtype=np.uint64))
        if second is not None:
            start ^= self._roots[1]
            start += second.astype(np.uint64) * _GOLDEN
            start = _mix(start)
        step = _mix(np.add(start, self._roots[2], dtype=np.uint64)) | np.uint64(1)
        return start, step

    def bits(
        self, keys: NDArray[np.int64], columns: int, second: NDArray[np.int64] | None = None
    ) -> NDArray[np.uint64]:
        """Give 64 random bits for each row and column, shape (n, columns)."""
        start, step = self._states(keys, second)
        words = np.multiply.outer(step, np.arange(1, columns + 1, dtype=np.uint64))
        words += start[:, None]
        return _mix(words)

    def uniforms(
        self, keys: NDArray[np.int64], columns: int, second: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """Give uniform numbers inside (0, 1) with 53 bits, shape (n, columns)."""
        words = self.bits(keys, columns, second) >> np.uint64(11)
        return (words.astype(np.float64) + 0.5) / 2.0**53

    def normals(
        self, keys: NDArray[np.int64], columns: int, second: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """Give exact standard normal numbers (53 bits), for the few values that a tail hangs on."""
        return ndtri(self.uniforms(keys, columns, second))

    def vectors(
        self,
        keys: NDArray[np.int64],
        dimension: int,
        second: NDArray[np.int64] | None = None,
        out: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Give standard normal vectors from the quantile table, shape (n, dimension), float32."""
        count, words = len(keys), -(-dimension // 4)
        result = np.empty((count, dimension), dtype=np.float32) if out is None else out
        table = quantile_table()
        for first in range(0, count, BLOCK):
            rows = slice(first, first + BLOCK)
            index = self.bits(keys[rows], words, None if second is None else second[rows])
            np.take(table, index.view(np.uint16)[:, :dimension], out=result[rows], mode="clip")
        return result


def quality_value(severity: NDArray[np.float64]) -> NDArray[np.float32]:
    """Map a standard normal severity (high: a bad image) to a quality in [0, 100], uniform by rank."""
    return np.asarray(100.0 * ndtr(-severity), dtype=np.float32)
