"""Segments of codes as FAISS keeps them: made, copied without some rows, joined and overwritten.

A segment that a gallery has shown to searches is never changed; what is changed is a copy.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import faiss as faiss_typed
import numpy as np
from numpy.typing import NDArray

faiss: Any = faiss_typed  # its type hints lack half of what it offers
SUB_DIMENSION = 3


@contextmanager
def faiss_threads(threads: int) -> Iterator[None]:
    """Run a block with this many FAISS threads; the caller's number comes back afterwards."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(threads)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def codebook_shape(dimension: int) -> tuple[int, int, int]:
    """Give the shape of the centroids: sub-spaces, 16, values a sub-space."""
    return -(-dimension // SUB_DIMENSION), 16, SUB_DIMENSION


def code_bytes(dimension: int) -> int:
    """Give the bytes of one code: 4 bits a sub-space."""
    return -(-codebook_shape(dimension)[0] // 2)


@dataclass(frozen=True)
class Codes:
    """The codes of one segment, as something that can be overwritten."""

    segment: Any

    def overwrite(self) -> None:
        """Fill the codes with zeros."""
        if self.segment.codes.size():
            faiss.rev_swig_ptr(self.segment.codes.get(), self.segment.codes.size())[:] = 0


def without(segment: Any, gone: NDArray[np.bool_]) -> Any:
    """Copy a segment without some of its rows; nothing of theirs is in the copy."""
    made = faiss.clone_index(segment)
    _forget(made, np.flatnonzero(gone))
    made.remove_ids(faiss.IDSelectorBitmap(np.packbits(gone, bitorder="little")))
    _clear_end(made)
    return made


def _clear_end(segment: Any) -> None:
    """Empty the places behind the last row.

    FAISS moves other codes into the place of what is removed, but leaves what stood at the end, and does not
    clear room that a merger adds; the codes of rows that are added later would be mixed with it.
    """
    blocks = segment.codes.size() // segment.get_block_stride()
    _forget(segment, np.arange(int(segment.ntotal), blocks * int(segment.bbs)))


def _forget(segment: Any, rows: NDArray[np.int64]) -> None:
    nothing = np.zeros(segment.code_size, np.uint8)
    pack = segment.get_CodePacker().pack_1_c
    for place, block in places(segment, rows):
        pack(faiss.swig_ptr(nothing), place, block)


def joined(segments: list[tuple[Any, bool]], most: int) -> list[Any]:
    """Put together neighbours that have `most` rows together; each comes with whether it may be changed."""
    found: list[tuple[Any, bool]] = []
    for segment, own in segments:
        if found and int(found[-1][0].ntotal) + int(segment.ntotal) <= most:
            last, free = found[-1]
            last = last if free else faiss.clone_index(last)
            last.merge_from(segment if own else faiss.clone_index(segment))
            _clear_end(last)
            found[-1] = last, True
        else:
            found.append((segment, own))
    return [segment for segment, _ in found]


def places(segment: Any, rows: NDArray[np.int64]) -> Iterator[tuple[int, Any]]:
    """Give, for each row of a segment, its place within its block of codes, and a pointer to the block."""
    stride = segment.get_block_stride()
    table = faiss.rev_swig_ptr(segment.codes.get(), segment.codes.size())
    for row in rows.tolist():
        block, place = divmod(row, segment.bbs)
        yield place, faiss.swig_ptr(table[block * stride :])


def packed(codebook: NDArray[np.float32], codes: NDArray[np.uint8]) -> Any:
    """Make a segment of codes, shape (n, bytes a row)."""
    subspaces, _, width = codebook.shape
    plain = faiss.IndexPQ(subspaces * width, subspaces, 4, faiss.METRIC_INNER_PRODUCT)
    faiss.copy_array_to_vector(np.array(codebook).ravel(), plain.pq.centroids)
    plain.is_trained = True
    plain.ntotal = len(codes)
    plain.codes.resize(plain.ntotal * plain.pq.code_size)
    if plain.ntotal:
        faiss.rev_swig_ptr(plain.codes.data(), plain.ntotal * plain.pq.code_size)[:] = codes.ravel()
    made = faiss.IndexPQFastScan(plain)
    made.orig_codes = None  # would dangle: `plain` ends here
    return made


def cut(parts: list[NDArray[np.uint8]], size: int) -> Iterator[NDArray[np.uint8]]:
    """Cut rows that come in parts into stretches of `size` rows."""
    waiting: list[NDArray[np.uint8]] = []
    held = 0
    for part in parts:
        begin = 0
        while begin < len(part):
            taken = part[begin : begin + size - held]
            waiting.append(taken)
            held, begin = held + len(taken), begin + len(taken)
            if held == size:
                yield np.concatenate(waiting)
                waiting, held = [], 0
    if held:
        yield np.concatenate(waiting)
