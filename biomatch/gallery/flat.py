"""Exact search: every reference is compared with every probe.

The scan is a matrix product in float32, block by block. Beside each probe stands a running lower
bound of its L-th best score, so all but a few comparisons are dropped while the block is in the
cache. What is kept is everything that rounding could still lift into the list: the margin is the
proven bound of a float32 dot product's error, not an experience. Then `exact_scores` decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from biomatch.gallery.door import NORM_TOLERANCE, checked_ids, checked_length, checked_templates
from biomatch.gallery.memory.store import Store, taken
from biomatch.gallery.scoring import Candidates, exact_scores, rank
from biomatch.gallery.threads import blas_threads

PROBES_A_PASS = 256
_FIRST_BLOCK = 2048
_BLOCK_ELEMENTS = 1 << 21
_GATHER = 1 << 15
_GROUP = 8
_SMALL = 1 << 27
"""Multiplications below which one thread is not slower than two (measured: 420 x 256 x 512)."""

Part = tuple[int, NDArray[np.float32], NDArray[np.bool_] | None]
"""First row number, templates (n, d), and which of them are searched (None: all)."""


def rounding_margin(dimension: int) -> float:
    """Bound the difference of two float32 dot products of the same pair of unit templates.

    ``|fl(x.y) - x.y| <= gamma_d |x||y|`` with ``gamma_d = d u / (1 - d u)``, ``u = 2^-24``, for any order
    of the additions, with or without fused multiplication (Higham, Accuracy and Stability of Numerical
    Algorithms, 2nd ed., section 3.1). Twice that, for two scores that are compared, and the final
    rounding to float32.
    """
    unit = 2.0**-24
    gamma = dimension * unit / (1 - dimension * unit)
    return 2 * gamma * (1 + NORM_TOLERANCE) ** 2 + 4 * unit


def best_rows(
    probes: NDArray[np.float32], parts: Iterable[Part], list_length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find, for each probe, every row that may belong to its best L.

    Parameters
    ----------
    probes : ndarray
        Shape (m, d), float32.
    parts : iterable of Part
        The gallery, cut as it lies in memory or on disk.
    list_length : int
        L.

    Returns
    -------
    who, rows : ndarray
        int64: pairs of probe and row number, a superset of the exact lists.
    """
    margin = np.float32(rounding_margin(probes.shape[1]))
    kept = _Kept(len(probes), list_length, margin)
    for first, block, searched in _blocks(parts, len(probes)):
        scores = probes @ block.T
        if searched is not None and not searched.all():
            scores[:, ~searched] = -np.inf
        kept.add(first, scores)
    return kept.pairs()


def _blocks(parts: Iterable[Part], probe_count: int) -> Iterator[Part]:
    """Cut the parts into blocks whose scores stay in the cache; the first is small, to get a bound."""
    size = _FIRST_BLOCK
    later = int(np.clip(_BLOCK_ELEMENTS // max(1, probe_count), _FIRST_BLOCK, 1 << 16))
    for first, templates, searched in parts:
        begin = 0
        while begin < len(templates):
            end = min(begin + size, len(templates))
            yield first + begin, templates[begin:end], None if searched is None else searched[begin:end]
            begin, size = end, later


def _reached_by(scores: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Give, for each row, a score that at least `count` of its columns reach.

    The count-th best of the best of every eight columns: never above the count-th best of all, hardly
    below it, and several times faster to find.
    """
    width = scores.shape[1]
    if width >= _GROUP * 2 * count:
        groups = width // _GROUP
        scores = scores[:, : groups * _GROUP].reshape(len(scores), _GROUP, groups).max(axis=1)
        width = groups
    found: NDArray[np.float32] = np.partition(scores, width - count, axis=1)[:, width - count]
    return found


class _Kept:
    """The pairs that may still reach a list, and each probe's bound below which none can."""

    def __init__(self, probe_count: int, list_length: int, margin: np.float32) -> None:
        self.length, self.margin = list_length, margin
        self.bound = np.full(probe_count, -4, np.float32)  # below every cosine, above -inf
        self.who: list[NDArray[np.int64]] = []
        self.rows: list[NDArray[np.int64]] = []
        self.scores: list[NDArray[np.float32]] = []
        self.seen, self.tighten_at = 0, 0

    def add(self, first: int, scores: NDArray[np.float32]) -> None:
        width = scores.shape[1]
        if not self.seen and width > self.length:
            self._raise(_reached_by(scores, self.length))
        hits = np.flatnonzero(scores >= self.bound[:, None])
        who, columns = np.divmod(hits, width)
        self.who.append(who)
        self.rows.append(columns + first)
        self.scores.append(scores.ravel()[hits])
        self.seen += width
        if self.seen >= self.tighten_at:
            self._tighten()
            self.tighten_at = 2 * self.seen

    def _raise(self, last: NDArray[np.float32]) -> None:
        np.maximum(self.bound, last - self.margin, out=self.bound)

    def _tighten(self) -> None:
        who, rows = np.concatenate(self.who), np.concatenate(self.rows)
        scores = np.concatenate(self.scores)
        counts = np.bincount(who, minlength=len(self.bound))
        if counts.max(initial=0) > self.length:
            order = np.argsort(who, kind="stable")
            place = np.arange(len(who)) - np.repeat(np.cumsum(counts) - counts, counts)
            table = np.full((len(counts), int(counts.max())), -np.inf, np.float32)
            table[who[order], place] = scores[order]
            at = table.shape[1] - self.length
            self._raise(np.partition(table, at, axis=1)[:, at])
            keep = scores >= self.bound[who]
            who, rows, scores = who[keep], rows[keep], scores[keep]
        self.who, self.rows, self.scores = [who], [rows], [scores]

    def pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        if not self.who:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        self._tighten()
        return self.who[0], self.rows[0]


def exact_top(
    probes: NDArray[np.float32],
    references: NDArray[np.float32],
    reference_ids: NDArray[np.int64],
    list_length: int,
) -> Candidates:
    """Search a closed set of references without building anything: a departure's manifest.

    Parameters
    ----------
    probes : ndarray
        Shape (m, d), float32, unit rows.
    references : ndarray
        Shape (n, d), float32, unit rows.
    reference_ids : ndarray
        Shape (n,), int64, each once.
    list_length : int
        L, at least 1; lists are padded where n is smaller.

    Returns
    -------
    Candidates
        The same lists, to the byte, as `Gallery.identify` of any exact gallery gives.

    Raises
    ------
    GalleryError
        For templates, ids or a length that cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> faces = np.eye(3, dtype=np.float32)
    >>> exact_top(faces[:1], faces, np.array([7, 8, 9]), 2).reference_id.tolist()
    [[7, 8]]
    """
    references = checked_templates(references, None, "references")
    probes = checked_templates(probes, references.shape[1], "probes")
    ids = checked_ids(reference_ids, len(references))
    length = checked_length(list_length)
    pieces = []
    small = min(len(probes), PROBES_A_PASS) * references.size < _SMALL
    for begin in range(0, len(probes), PROBES_A_PASS):
        some = probes[begin : begin + PROBES_A_PASS]
        if small:
            with blas_threads(1):
                who, rows = best_rows(some, [(0, references, None)], length)
        else:
            who, rows = best_rows(some, [(0, references, None)], length)
        pieces.append(
            rank(who, ids[rows], exact_scores(some, who, references, rows), len(some), length, len(ids))
        )
    return joined(pieces, length, len(ids))


def joined(pieces: list[Candidates], list_length: int, enrolled_count: int) -> Candidates:
    """Put the lists of consecutive probes under one another."""
    if not pieces:
        return Candidates(
            np.empty((0, list_length), np.int64), np.empty((0, list_length), np.float32), enrolled_count
        )
    if len(pieces) == 1:
        return pieces[0]
    return Candidates(
        np.concatenate([piece.reference_id for piece in pieces]),
        np.concatenate([piece.score for piece in pieces]),
        enrolled_count,
    )


class FlatIndex:
    """Exact search as an index: it keeps nothing of its own and reads the templates where they lie."""

    probes_a_pass = PROBES_A_PASS
    workers = 1  # the matrix product uses all threads by itself

    def added(self, store: Store, first: int, templates: NDArray[np.float32]) -> Self:  # noqa: ARG002
        """Learn of new rows: nothing to do."""
        return self

    def kept(self, store: Store, rows: NDArray[np.int64]) -> Self:  # noqa: ARG002
        """Forget rows: nothing to do."""
        return self

    def pieces(self) -> list[Any]:
        """Give what holds copies of templates: nothing."""
        return []

    def choose(
        self,
        store: Store,
        probes: NDArray[np.float32],
        list_length: int,
        searched: NDArray[np.bool_] | None,
        *,
        alone: bool = True,  # noqa: ARG002
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give every pair that may belong to a list."""
        if searched is not None and searched.sum() * 4 < len(searched):
            # Few of many: gather them, which costs less than multiplying what is thrown away.
            rows = np.flatnonzero(searched)
            who, place = best_rows(probes, _gathered(store, rows), list_length)
            return who, rows[place]
        parts: list[Part] = [
            (first, templates, None if searched is None else searched[first : first + len(templates)])
            for first, templates in store.stretches()
        ]
        return best_rows(probes, parts, list_length)

    def prepare(self, store: Store) -> None:
        """Get ready: nothing to do."""

    def codebook(self) -> None:
        """Give what an index has learnt: nothing."""
        return

    def codes(self, store: Store, rows: NDArray[np.int64]) -> NDArray[np.uint8]:  # noqa: ARG002
        """Give the codes of rows, shape (n, 0): none."""
        return np.empty((len(rows), 0), np.uint8)

    def restored(
        self,
        store: Store,  # noqa: ARG002
        codebook: NDArray[np.float32] | None,  # noqa: ARG002
        codes: list[NDArray[np.uint8]],  # noqa: ARG002
    ) -> Self:
        """Take up what was saved: nothing to do."""
        return self

    def loss_bound(self, store: Store, score: float | None) -> float:  # noqa: ARG002
        """Give 0: every reference is compared."""
        return 0.0

    def about(self) -> dict[str, Any]:
        """Describe the index in plain data."""
        return {"index": "flat"}


def _gathered(store: Store, rows: NDArray[np.int64]) -> Iterator[Part]:
    for begin in range(0, len(rows), _GATHER):
        yield begin, taken(store, rows[begin : begin + _GATHER]), None
