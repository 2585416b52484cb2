"""One document, several faces: the similarity at which the faces of a document fall apart.

The score is minus the weakest edge of the maximum spanning tree over the faces that the document has
shown, which is where single-linkage clustering first needs two clusters. One bad image is tied to its
most similar neighbour, so it weighs less than a second user.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch import portable
from biomatch.fraud.facts import CONFLICT_FLOOR, Facts
from biomatch.portable.types import Floats, Ints

KIND = "shared_document"
MOST_FACES = 24
"""Latest faces of a document that are compared with each other: bounds a frequent traveller's cost."""
_BATCH = 4 * 1024 * 1024  # template values that are gathered at once


def find(facts: Facts) -> pl.DataFrame:
    """Find documents that have shown more than one face.

    Returns
    -------
    polars.DataFrame
        Schema ``ALERTS``; subject: the document, named by its first encounter; the encounter is the
        latest on the far side of the split; score: minus the similarity at which it splits, above
        ``-CONFLICT_FLOOR``.
    """
    weakest = np.fmin(facts.previous_similarity, facts.first_similarity)
    documents = np.unique(facts.begin[np.flatnonzero(weakest < CONFLICT_FLOOR)])
    rows = np.flatnonzero((facts.face >= 0) & np.isin(facts.begin, documents))
    groups = _latest(facts.begin[rows], rows)
    begin: list[Ints] = []
    raised: list[Ints] = []
    split: list[Floats] = []
    sizes: list[Ints] = []
    smaller: list[Ints] = []
    for members in groups:
        count = members.shape[1]
        step = max(1, _BATCH // (count * facts.observed.dimension))
        for at in range(0, len(members), step):
            part = members[at : at + step]
            faces = np.asarray(facts.observed.templates)[facts.face[part]]
            value, far = weakest_edge(portable.unit_products(faces, faces).astype(np.float32))
            begin.append(facts.begin[part[:, 0]])
            # Columns are in time order: the latest face of the smaller side is where it came to light.
            raised.append(part[np.arange(len(part)), count - 1 - np.argmax(far[:, ::-1], axis=1)])
            split.append(value.astype(np.float64))
            sizes.append(np.full(len(part), count))
            smaller.append(far.sum(axis=1))
    if not begin:
        empty = np.zeros(0, dtype=np.int64)
        begin, raised, split, sizes, smaller = [empty], [empty], [np.zeros(0)], [empty], [empty]
    value = np.concatenate(split)
    keep = np.flatnonzero(value < CONFLICT_FLOOR)
    return facts.alerts(
        KIND,
        np.concatenate(raised)[keep],
        np.asarray(-value[keep], dtype=np.float64),
        subject_type="document",
        subject_rows=np.concatenate(begin)[keep],
        evidence={
            "split_similarity": value[keep],
            "faces": np.concatenate(sizes)[keep],
            "smaller_cluster": np.concatenate(smaller)[keep],
        },
    )


def _latest(group: Ints, rows: Ints) -> list[Ints]:
    """Gather the latest rows of each group into arrays (groups, size), one array a size from 2 up."""
    if not len(rows):
        return []
    first = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    size = np.diff(np.r_[first, len(group)])
    taken = np.minimum(size, MOST_FACES)
    last = first + size
    return [
        rows[last[taken == count][:, None] - count + np.arange(count)]
        for count in np.unique(taken)
        if count >= 2
    ]


def weakest_edge(
    similarity: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Find the weakest edge of each maximum spanning tree (Prim's algorithm, all graphs at once).

    Parameters
    ----------
    similarity : ndarray
        Shape (m, n, n), symmetric, n at least 2.

    Returns
    -------
    value : ndarray
        Shape (m,): the weakest edge; n clusters at most as alike as this are what single linkage splits.
    smaller : ndarray of bool
        Shape (m, n): the smaller of the two sides (of two equal ones the one without the first face).
    """
    m, n, _ = similarity.shape
    inside = np.zeros((m, n), dtype=np.bool_)
    inside[:, 0] = True
    best = similarity[:, 0, :].copy()
    value = np.full(m, np.inf, dtype=similarity.dtype)
    before = np.zeros((m, n), dtype=np.bool_)
    at = np.arange(m)
    for _ in range(n - 1):
        reach = np.where(inside, -np.inf, best)
        pick = np.argmax(reach, axis=1)
        edge = reach[at, pick]
        weaker = edge < value
        value = np.where(weaker, edge, value).astype(similarity.dtype)
        # Prim reaches the far side of the weakest edge last: the cut is what was inside before it,
        # completed below by what joins through stronger edges.
        before[weaker] = inside[weaker]
        inside[at, pick] = True
        best = np.maximum(best, similarity[at, pick])
    side = _side(similarity, value, before)
    count = side.sum(axis=1)
    larger = (2 * count > n) | ((2 * count == n) & side[:, 0])
    return value, np.where(larger[:, None], ~side, side)


def _side(
    similarity: NDArray[np.float32], value: NDArray[np.float32], before: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Give the faces that hang together with those of `before` by edges stronger than `value`."""
    side = before.copy()
    strong = similarity > value[:, None, None]
    for _ in range(similarity.shape[1]):
        grown = side | (strong & side[:, :, None]).any(axis=1)
        if np.array_equal(grown, side):
            break
        side = grown
    return side
