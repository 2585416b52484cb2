"""The one routine that makes a comparison score, and the one line that ranks them.

Fast scans only choose who is looked at. Every score that leaves the gallery, and every mate's score
that the judge asks for, comes from `exact_scores`, so equal pairs have equal bytes whatever the batch,
the number of threads, the kind of index or the BLAS.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biomatch.cards import Card, Carded, facts

PADDING_ID = -1
PADDING_SCORE = np.float32(-np.inf)
_CHUNK = 128
"""Pairs a step: 128 x 512 products in float64 are half a megabyte, which stays in one core's cache."""


@dataclass(frozen=True, eq=False, repr=False)
class Candidates(Carded):
    """Candidate lists: who is most alike, before any threshold.

    Attributes
    ----------
    reference_id : ndarray
        Shape (m, L), int64; best first, equal scores in ascending order of reference_id, padded with -1.
    score : ndarray
        Shape (m, L), float32; descending, padded with -inf.
    enrolled_count : int
        N: how many references were searched (after retirement and `where`).
    """

    reference_id: NDArray[np.int64]
    score: NDArray[np.float32]
    enrolled_count: int

    def card(self) -> Card:
        """Say what is shown: how many lists, and the best candidate of the first ones."""
        first = zip(self.reference_id[:5, 0].tolist(), self.score[:5, 0].tolist(), strict=True)
        return Card(
            f"Candidates: {len(self):,} lists of L = {self.list_length} against N = {self.enrolled_count:,}",
            facts(
                *((f"probe {row}", f"best {ref} at {score:.4f}") for row, (ref, score) in enumerate(first))
            ),
        )

    @property
    def list_length(self) -> int:
        """L, the number of candidates that were asked for."""
        return int(self.reference_id.shape[1])

    def __len__(self) -> int:
        return len(self.reference_id)


def pair_scores(probes: NDArray[np.float32], references: NDArray[np.float32]) -> NDArray[np.float32]:
    """Score pairs of templates, row by row.

    Parameters
    ----------
    probes, references : ndarray
        Shape (n, d), float32; row i of one is compared with row i of the other.

    Returns
    -------
    ndarray
        Shape (n,), float32: the cosine of unit vectors, in [-1, 1] up to rounding.

    Notes
    -----
    A product of two float32 numbers is exact in float64. The products are folded in halves (column j
    and column j + d/2, and so on), so the order of the additions is written here and not left to a
    library; the float64 sum is rounded to float32 once.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.array([[0.6, 0.8, 0.0]], dtype=np.float32)
    >>> float(pair_scores(one, one)[0])
    1.0
    """
    scores = np.empty(len(probes), np.float32)
    work = np.empty((min(_CHUNK, len(probes)), probes.shape[1]), np.float64)
    for begin in range(0, len(probes), _CHUNK):
        at = slice(begin, begin + _CHUNK)
        scores[at] = _folded(probes[at], references[at], work)
    return scores


def _folded(
    probes: NDArray[np.float32], references: NDArray[np.float32], work: NDArray[np.float64]
) -> NDArray[np.float64]:
    products = work[: len(probes)]
    np.multiply(probes, references, out=products, dtype=np.float64)
    width = products.shape[1]
    while width > 1:
        half = width // 2
        products[:, :half] += products[:, width - half : width]
        width -= half
    return products[:, 0]


def exact_scores(
    probes: NDArray[np.float32],
    probe_rows: NDArray[np.integer],
    references: NDArray[np.float32],
    reference_rows: NDArray[np.integer],
) -> NDArray[np.float32]:
    """Score pairs that are named by their rows; the arrays may be memory-mapped.

    Parameters
    ----------
    probes : ndarray
        Shape (m, d), float32, unit rows.
    probe_rows : ndarray
        Shape (n,), integers: rows of `probes`.
    references : ndarray
        Shape (k, d), float32, unit rows.
    reference_rows : ndarray
        Shape (n,), integers: rows of `references`.

    Returns
    -------
    ndarray
        Shape (n,), float32; see `pair_scores`. A pair's score does not depend on the other pairs.

    Examples
    --------
    >>> import numpy as np
    >>> faces = np.eye(3, dtype=np.float32)
    >>> exact_scores(faces, np.array([0, 0]), faces, np.array([0, 1])).tolist()
    [1.0, 0.0]
    """
    scores = np.empty(len(probe_rows), np.float32)
    work = np.empty((min(_CHUNK, len(probe_rows)), probes.shape[1]), np.float64)
    for begin in range(0, len(probe_rows), _CHUNK):
        at = slice(begin, begin + _CHUNK)
        # take, not []: a slice of a memory map stays a map, what is taken is an array in memory.
        left = np.asarray(probes).take(probe_rows[at], axis=0)
        right = np.asarray(references).take(reference_rows[at], axis=0)
        scores[at] = _folded(left, right, work)
    return scores


def rank(
    who: NDArray[np.int64],
    reference_ids: NDArray[np.int64],
    scores: NDArray[np.float32],
    probe_count: int,
    list_length: int,
    enrolled_count: int,
) -> Candidates:
    """Make candidate lists from scored pairs.

    Parameters
    ----------
    who : ndarray
        Shape (n,), int64: the probe of each pair, in [0, probe_count).
    reference_ids : ndarray
        Shape (n,), int64: the reference of each pair; once for each probe.
    scores : ndarray
        Shape (n,), float32, from `exact_scores`.
    probe_count, list_length, enrolled_count : int
        m, L and N.
    """
    ids = np.full((probe_count, list_length), PADDING_ID, np.int64)
    best = np.full((probe_count, list_length), PADDING_SCORE, np.float32)
    # The tie rule of every kind of index: score descending, then reference_id ascending.
    order = np.lexsort((reference_ids, -scores, who))
    who = who[order]
    place = np.arange(len(who)) - np.searchsorted(who, np.arange(probe_count))[who]
    listed = place < list_length
    ids[who[listed], place[listed]] = reference_ids[order][listed]
    best[who[listed], place[listed]] = scores[order][listed]
    return Candidates(ids, best, enrolled_count)
