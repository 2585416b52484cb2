"""Which of the rows that a scan gave are looked at again, and whether it reached far enough for that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biomatch.gallery.coding.codes import Scan
from biomatch.gallery.memory.store import Store


@dataclass(frozen=True, eq=False)
class Search:
    """What is asked for: of every probe of a pass the same."""

    store: Store
    list_length: int
    wanted: int
    code_score: np.float32
    searched: NDArray[np.bool_] | None
    alone: bool


def reaching(
    scans: list[Scan], search: Search, wanted: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float32]]:
    """Give rows (m, k), which of them are looked at again, and where a scan did not reach far enough.

    Looked at again is every searched row whose code reaches the code score, and those that share the best
    codes down to the `wanted`-th: a set that does not depend on how many were fetched, the batch or threads.
    The third result has shape (m, segments); the others are good for probes without a short scan. The last
    is the code score, shape (m,), down to which rows are looked at.
    """
    codes = np.concatenate([scan.scores for scan in scans], axis=1)
    rows = np.concatenate([scan.rows for scan in scans], axis=1)
    valid = rows >= 0
    if search.searched is not None:
        valid &= search.searched[np.maximum(rows, 0)]
    last = codes.shape[1] - wanted
    at_least = np.partition(np.where(valid, codes, -np.inf), last, axis=1)[:, last]
    lowest = np.minimum(search.code_score, at_least)
    valid &= codes >= lowest[:, None]
    # Rows that tie with the last fetched may be missing: enough is who needs none of those.
    short = np.stack([scan.reach for scan in scans], axis=1) >= lowest[:, None]
    return rows, valid, short, lowest
