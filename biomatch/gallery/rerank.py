"""The second look: rank what the codes chose, from a store that is closer to the truth.

The store may be coarse (int8, float16); how far a row's stored form lies from the row is known when it
is stored, so by Cauchy and Schwarz no score can be off by more. Everything that could still belong to
the best L is handed on, and exact scores decide: this step loses nothing.
"""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from biomatch.gallery.door import NORM_TOLERANCE
from biomatch.gallery.flat import rounding_margin
from biomatch.gallery.growing import Growing
from biomatch.gallery.store import Store, taken

StoreKind = Literal["exact", "int8", "float16"]
STORE_KINDS = ("exact", "int8", "float16")
_PAIRS = 4096
"""Rows a step: 4,096 of 512 float32 are 8 MB."""


class Ranker(Protocol):
    """Rows to rank by, and how far a score from them can be off."""

    @property
    def error(self) -> float:
        """Largest distance of a stored row from its template."""

    def add(self, templates: NDArray[np.float32]) -> None:
        """Store rows at the end."""

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Keep these rows (ascending)."""

    def take(self, store: Store, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Give some rows as float32, shape (n, d)."""


class ExactRanker:
    """Ranks by the float32 templates themselves, in memory or mapped from disk: nothing more is kept."""

    error = 0.0

    def add(self, templates: NDArray[np.float32]) -> None:
        """Store nothing."""

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Forget nothing."""

    def take(self, store: Store, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Give some templates."""
        return taken(store, rows)


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
        self._rows = Growing(np.int8 if kind == "int8" else np.float16, dimension)
        self._scales = Growing(np.float32)
        self.error = 0.0

    def add(self, templates: NDArray[np.float32]) -> None:
        """Store rows at the end, and note how far the worst of them lies from its template."""
        for begin in range(0, len(templates), _PAIRS):
            block = templates[begin : begin + _PAIRS]
            if self.kind == "int8":
                scales = (np.abs(block).max(axis=1) / np.float32(127)).astype(np.float32)
                coarse = np.rint(block / scales[:, None]).astype(np.int8)
                self._scales.append(scales)
                again = coarse * scales[:, None]
            else:
                coarse = block.astype(np.float16)
                again = coarse.astype(np.float32)
            self._rows.append(coarse)
            far = np.linalg.norm(again - block, axis=1).max(initial=0)
            # The distance is itself a float32 sum: a hundredth more covers its rounding many times.
            self.error = max(self.error, 1.01 * float(far))

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Keep these rows (ascending)."""
        self._rows.keep(rows)
        if self.kind == "int8":
            self._scales.keep(rows)

    def take(self, store: Store, rows: NDArray[np.int64]) -> NDArray[np.float32]:  # noqa: ARG002
        """Give some rows as float32."""
        found = self._rows.values.take(rows, axis=0).astype(np.float32)
        if self.kind == "int8":
            found *= self._scales.values[rows][:, None]
        return found


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
    who, column = np.nonzero(valid)
    chosen = rows[who, column]
    ranked = np.full(rows.shape, -np.inf, np.float32)
    scores = np.empty(len(chosen), np.float32)
    ends = np.cumsum(valid.sum(axis=1))
    begin = 0
    while begin < len(chosen):
        # Whole probes, about _PAIRS rows together: rows are gathered once, probes not at all.
        last = max(int(who[begin]), int(np.searchsorted(ends, begin + _PAIRS, side="right")) - 1)
        block = ranker.take(store, chosen[begin : ends[last]])
        at = begin
        for probe in range(int(who[begin]), last + 1):
            part = block[at - begin : ends[probe] - begin]
            scores[at : ends[probe]] = np.einsum("ij,j->i", part, probes[probe])
            at = int(ends[probe])
        begin = at
    ranked[who, column] = scores
    if rows.shape[1] > list_length:
        margin = rounding_margin(probes.shape[1]) + 2 * ranker.error * (1 + NORM_TOLERANCE)
        at_l = rows.shape[1] - list_length
        lowest = np.partition(ranked, at_l, axis=1)[:, at_l] - np.float32(margin)
        keep = scores >= lowest[who]
        who, chosen = who[keep], chosen[keep]
    return who, chosen
