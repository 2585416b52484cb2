"""Four-bit codes of templates, in segments that are scanned side by side.

A product quantiser (Jegou et al., "Product quantization for nearest neighbor search", PAMI 33, 2011) gives
every 3 values of a template 4 bits, so 512 values take 86 bytes; FAISS scans such codes in registers
(Andre et al., "Quicker ADC", PAMI 43, 2021). At 4 values a code the scan is a quarter faster, but ten
times as many strangers have to be looked at again. FAISS scans for one probe in one thread: so rows lie
in segments, which are shared out among threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import faiss as faiss_typed
import numpy as np
from numpy.typing import NDArray

from biomatch.errors import GalleryError

faiss: Any = faiss_typed  # its type hints lack half of what it offers
SEGMENT_ROWS = 1 << 18
"""Enough that a scan of one outweighs its start, few enough that two threads share a million rows evenly."""
_SUB_DIMENSION = 3
_SPARE_FETCH = 32
"""Rows more than a segment's even share."""
_BATCH_SCAN = 15
"""FAISS's ``implem`` 15 (reservoirs, queries kept in registers): a third faster than its default for
batches; the set above the k-th score is the same for all of them."""

_Found = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]


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
    return -(-dimension // _SUB_DIMENSION), 16, _SUB_DIMENSION


def code_bytes(dimension: int) -> int:
    """Give the bytes of one code: 4 bits a sub-space."""
    return -(-codebook_shape(dimension)[0] // 2)


class CodeSegments:
    """The codes of rows 0, 1, ..., in the order in which they were added.

    Parameters
    ----------
    dimension : int
        d of the templates; padded with zeros to a multiple of 3.
    threads : int
        Threads that encode, and that a scan for few probes may use.
    """

    def __init__(self, dimension: int, threads: int) -> None:
        self.dimension, self.threads = dimension, threads
        self._subspaces = codebook_shape(dimension)[0]
        self._segments = [self._empty()]
        self._pool: ThreadPoolExecutor | None = None

    def _empty(self) -> Any:
        width = self._subspaces * _SUB_DIMENSION
        return faiss.IndexPQFastScan(width, self._subspaces, 4, faiss.METRIC_INNER_PRODUCT)

    def _another(self) -> Any:
        made = self._empty()
        made.pq, made.is_trained = self._segments[0].pq, True
        return made

    def __len__(self) -> int:
        return sum(int(segment.ntotal) for segment in self._segments)

    @property
    def name(self) -> str:
        """The quantiser in FAISS's words."""
        return f"PQ{self._subspaces}x4"

    @property
    def trained(self) -> bool:
        """Whether there is a codebook."""
        return bool(self._segments[0].is_trained)

    def train(self, templates: NDArray[np.float32]) -> None:
        """Learn the codebook, once, from templates of shape (n, d)."""
        # One thread: thousands of tiny k-means steps gain nothing from more, and the result is the same
        # whatever the gallery's own number of threads.
        with faiss_threads(1):
            self._segments[0].train(self._padded(templates))

    def _padded(self, templates: NDArray[np.float32]) -> NDArray[np.float32]:
        missing = self._subspaces * _SUB_DIMENSION - self.dimension
        return np.pad(templates, ((0, 0), (0, missing))) if missing else np.ascontiguousarray(templates)

    def add(self, templates: NDArray[np.float32]) -> None:
        """Encode rows at the end."""
        begin = 0
        with faiss_threads(self.threads):
            while begin < len(templates):
                room = SEGMENT_ROWS - int(self._segments[-1].ntotal)
                if room <= 0:
                    self._segments.append(self._another())
                    continue
                self._segments[-1].add(self._padded(templates[begin : begin + room]))
                begin += room

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Forget all rows but these (ascending), overwriting the codes of the others."""
        for first, segment in list(self._stretches()):
            count = int(segment.ntotal)
            gone = np.ones(count, np.bool_)
            begin, end = np.searchsorted(rows, [first, first + count])
            gone[rows[begin:end] - first] = False
            if gone.any():
                # FAISS moves other codes into their place, but leaves what stood at the end.
                nothing = np.zeros(segment.code_size, np.uint8)
                pack = segment.get_CodePacker().pack_1_c
                for place, block in _places(segment, np.flatnonzero(gone)):
                    pack(faiss.swig_ptr(nothing), place, block)
                segment.remove_ids(faiss.IDSelectorBitmap(np.packbits(gone, bitorder="little")))
        self._join()

    def _join(self) -> None:
        """Drop empty segments and put together neighbours that fit into one."""
        joined = self._segments[:1]
        for segment in self._segments[1:]:
            if int(joined[-1].ntotal) + int(segment.ntotal) <= SEGMENT_ROWS:
                joined[-1].merge_from(segment)
            else:
                joined.append(segment)
        self._segments = joined

    def _stretches(self) -> Iterator[tuple[int, Any]]:
        first = 0
        for segment in self._segments:
            yield first, segment
            first += int(segment.ntotal)

    # -- saving -------------------------------------------------------------------------------------

    def codebook(self) -> NDArray[np.float32] | None:
        """Give the centroids, shape (sub-spaces, 16, 3); None while untrained."""
        if not self.trained:
            return None
        flat = faiss.vector_to_array(self._segments[0].pq.centroids)
        shaped: NDArray[np.float32] = flat.reshape(codebook_shape(self.dimension))
        return shaped

    def codes(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Give the codes of rows (ascending), shape (n, bytes a row)."""
        found = np.empty((len(rows), code_bytes(self.dimension) if self.trained else 0), np.uint8)
        if self.trained:
            for first, segment in self._stretches():
                begin, end = np.searchsorted(rows, [first, first + int(segment.ntotal)])
                unpack = segment.get_CodePacker().unpack_1_c
                for at, (place, block) in enumerate(_places(segment, rows[begin:end] - first), int(begin)):
                    unpack(block, place, faiss.swig_ptr(found[at]))
        return found

    def restore(self, codebook: NDArray[np.float32], codes: list[NDArray[np.uint8]]) -> None:
        """Take up a codebook and codes that were saved, in a fresh object."""
        wanted = codebook_shape(self.dimension)
        if codebook.shape != wanted or not np.isfinite(codebook).all():
            raise GalleryError(f"a codebook of shape {codebook.shape}", allowed=f"finite, {wanted}")
        packed = [_packed(codebook, some) for some in _cut(codes, SEGMENT_ROWS)]
        self._segments = packed or [_packed(codebook, np.empty((0, 0), np.uint8))]

    # -- scanning -----------------------------------------------------------------------------------

    def best(
        self, probes: NDArray[np.float32], fetch: int, *, alone: bool
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
        """Give at least the `fetch` rows with the best codes; more where segments hold unequal shares.

        Parameters
        ----------
        probes : ndarray
            Shape (m, d), float32.
        fetch : int
            How many rows a probe is given about, at most `len(self)`.
        alone : bool
            Whether the threads of this object are free: nothing else searches at the same time.

        Returns
        -------
        scores, rows : ndarray
            Shape (m, k), float32 and int64, in no order; row -1: nothing.
        reach : ndarray
            Shape (m,), float32: every row whose code scores more was given.
        """
        padded, total = self._padded(probes), len(self)
        each = []
        for first, segment in self._stretches():
            count = int(segment.ntotal)
            each.append((first, segment, min(count, _SPARE_FETCH + -(-fetch * count // total))))
        if alone and self.threads > 1 and len(each) > 1:
            found = self._shared_out([partial(_scanned, padded, *one) for one in each])
        else:
            found = [_scanned(padded, *one) for one in each]
        scores, rows, reach = zip(*found, strict=True)
        return np.concatenate(scores, axis=1), np.concatenate(rows, axis=1), np.max(reach, axis=0)

    def _shared_out(self, scans: list[Callable[[], _Found]]) -> list[_Found]:
        """Run scans in this thread and in others: this one need not wait for the others to wake up."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads - 1)
        found: list[Any] = [None] * len(scans)
        waiting = deque(range(len(scans)))

        def work() -> None:
            while waiting:
                try:
                    at = waiting.popleft()
                except IndexError:  # another thread was faster
                    return
                found[at] = scans[at]()

        others = [self._pool.submit(work) for _ in range(min(self.threads, len(scans)) - 1)]
        work()
        for other in others:
            other.result()
        return found

    def trial(
        self, references: NDArray[np.float32], probes: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Encode references for a trial: what their codes stand for, and the scan's scores of every pair.

        Returns shapes (n, d) and (m, n), float32.
        """
        sample = self._another()
        sample.add(self._padded(references))
        found, place = sample.search(self._padded(probes), len(references))
        decoded = sample.reconstruct_n(0, len(references))[:, : self.dimension]
        scores = probes @ decoded.T
        which, at = np.nonzero(place >= 0)  # the scan leaves out who scores the least its tables can say
        scores[which, place[which, at]] = found[which, at]
        return decoded, scores


def _scanned(padded: NDArray[np.float32], first: int, segment: Any, share: int) -> _Found:
    """Give the `share` rows of a segment with the best codes, and the score beyond which none is missing."""
    # Passes that run at once may undo each other's choice: they differ in speed alone.
    segment.implem = _BATCH_SCAN if len(padded) > 1 else 0
    with faiss_threads(1):  # FAISS's number of threads belongs to the calling thread
        scores, rows = segment.search(padded, share)
    rows[rows >= 0] += first
    # What a segment did not give scores at most what it gave last, unless it gave all it has.
    reach = scores[:, -1] if share < int(segment.ntotal) else np.full(len(padded), -np.inf, np.float32)
    return scores, rows, reach


def _places(segment: Any, rows: NDArray[np.int64]) -> Iterator[tuple[int, Any]]:
    """Give, for each row of a segment, its place within its block of codes, and a pointer to the block."""
    stride = segment.get_block_stride()
    table = faiss.rev_swig_ptr(segment.codes.get(), segment.codes.size())
    for row in rows.tolist():
        block, place = divmod(row, segment.bbs)
        yield place, faiss.swig_ptr(table[block * stride :])


def _packed(codebook: NDArray[np.float32], codes: NDArray[np.uint8]) -> Any:
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


def _cut(parts: list[NDArray[np.uint8]], size: int) -> Iterator[NDArray[np.uint8]]:
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
