"""The second look: rank what the codes chose, from a store that is closer to the truth.

The store may be coarse (int8, float16); how far a row's stored form lies from the row is known when it
is stored, so by Cauchy and Schwarz no score can be off by more. Everything that could still belong to
the best L is handed on, and exact scores decide: this step loses nothing.
"""

from __future__ import annotations

from copy import copy
from typing import Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from biomatch.gallery.door import NORM_TOLERANCE
from biomatch.gallery.flat import rounding_margin
from biomatch.gallery.memory.growing import Column, Rows
from biomatch.gallery.memory.store import Store, taken

StoreKind = Literal["exact", "int8", "float16"]
STORE_KINDS = ("exact", "int8", "float16")
_BLOCK = 4096
"""Rows a step of storing: 4,096 of 512 float32 are 8 MB."""


class Ranker(Protocol):
    """Rows to rank by, and how far a score from them can be off."""

    def added(self, templates: NDArray[np.float32]) -> Self:
        """Give a ranker with more rows at the end; this one stays as it is."""

    def kept(self, rows: NDArray[np.int64]) -> Self:
        """Give a ranker of these rows (ascending); this one stays as it is."""

    def pieces(self) -> list[NDArray[Any]]:
        """Give the arrays that hold copies of templates, to be overwritten after an erasure."""

    def look(
        self, store: Store, rows: NDArray[np.int64], probe: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Compare one probe, shape (d,), with some rows.

        Returns
        -------
        scores, distance : ndarray
            Shape (n,), float32: the score of each row as it is stored, and a bound of how far the stored
            row lies from its template.
        """


class ExactRanker:
    """Ranks by the float32 templates themselves, in memory or mapped from disk: nothing more is kept."""

    def added(self, templates: NDArray[np.float32]) -> ExactRanker:  # noqa: ARG002
        """Store nothing."""
        return self

    def kept(self, rows: NDArray[np.int64]) -> ExactRanker:  # noqa: ARG002
        """Forget nothing."""
        return self

    def pieces(self) -> list[NDArray[Any]]:
        """Give nothing."""
        return []

    def look(
        self, store: Store, rows: NDArray[np.int64], probe: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Compare with the templates; nothing is off but the rounding."""
        scores = np.vecdot(taken(store, rows), probe)
        return scores, np.zeros(len(rows), np.float32)


class CoarseRanker:
    """Ranks by int8 (with a scale for each row) or float16 copies in memory.

    Parameters
    ----------
    dimension : int
        d.
    kind : {"int8", "float16"}
        d + 4 or 2 d bytes a reference.
    """

    def __init__(self, dimension: int, kind: Literal["int8", "float16"]) -> None:
        self.kind = kind
        self._rows = Rows(np.int8 if kind == "int8" else np.float16, dimension)
        self._scales = Column.empty(np.float32)
        self._off = 0.0
        """Largest distance of a stored row from its template, in units of its scale (float16: of 1)."""

    def added(self, templates: NDArray[np.float32]) -> CoarseRanker:
        """Give a ranker with more rows, and with how far the worst of all lies from its template."""
        made = copy(self)
        for begin in range(0, len(templates), _BLOCK):
            block = templates[begin : begin + _BLOCK]
            if self.kind == "int8":
                scales = (np.abs(block).max(axis=1) / np.float32(127)).astype(np.float32)
                coarse = np.rint(block / scales[:, None]).astype(np.int8)
                made._scales = made._scales.appended(scales)
                far = np.linalg.norm(coarse * scales[:, None] - block, axis=1) / scales
            else:
                coarse = block.astype(np.float16)
                far = np.linalg.norm(coarse.astype(np.float32) - block, axis=1)
            made._rows = made._rows.appended(coarse)
            # The distance is itself a float32 sum: a hundredth more covers its rounding many times.
            made._off = max(made._off, 1.01 * float(far.max(initial=0)))
        return made

    def kept(self, rows: NDArray[np.int64]) -> CoarseRanker:
        """Give a ranker of these rows (ascending)."""
        made = copy(self)
        made._rows = self._rows.kept(rows)
        if self.kind == "int8":
            made._scales = self._scales.kept(rows)
        return made

    def pieces(self) -> list[NDArray[Any]]:
        """Give the arrays that hold the copies."""
        return [*self._rows.pieces, self._scales.room]

    def look(
        self,
        store: Store,  # noqa: ARG002
        rows: NDArray[np.int64],
        probe: NDArray[np.float32],
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Compare with the copies; a row of larger values is rounded more coarsely."""
        # vecdot, not @: that would call upon the threads of the BLAS, which other searches use as well.
        scores = np.vecdot(self._rows.take(rows).astype(np.float32), probe)
        if self.kind == "float16":
            return scores, np.full(len(rows), self._off, np.float32)
        scales = self._scales.values.take(rows)
        return scores * scales, scales * np.float32(self._off)


def ranker_of(kind: StoreKind, dimension: int) -> Ranker:
    """Make the ranker of a kind of store."""
    return ExactRanker() if kind == "exact" else CoarseRanker(dimension, kind)


def may_be_listed(
    probes: NDArray[np.float32],
    store: Store,
    ranker: Ranker,
    rows: NDArray[np.int64],
    valid: NDArray[np.bool_],
    list_length: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Keep, of the chosen rows, those that may belong to the best L of them.

    Parameters
    ----------
    probes : ndarray
        Shape (m, d), float32.
    rows : ndarray
        Shape (m, k), int64: what was chosen for each probe.
    valid : ndarray
        Shape (m, k), bool: which of them count.
    list_length : int
        L.

    Returns
    -------
    who, rows : ndarray
        int64: pairs of probe and row.
    """
    margin = np.float32(rounding_margin(probes.shape[1]))
    who, column = np.nonzero(valid)
    chosen = rows[who, column]
    may = np.ones(len(chosen), np.bool_)
    ends = np.cumsum(valid.sum(axis=1))
    begin = 0
    for probe, end in enumerate(ends.tolist()):
        if end - begin > list_length:
            scores, distance = ranker.look(store, chosen[begin:end], probes[probe])
            distance *= np.float32(1 + NORM_TOLERANCE)  # the probe's length
            at = end - begin - list_length
            # L rows score at least this much, whatever their copies hide.
            sure = np.partition(scores - distance, at)[at]
            may[begin:end] = scores + distance >= sure - margin
        begin = end
    return who[may], chosen[may]
