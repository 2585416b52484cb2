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
from dataclasses import dataclass
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
DEEPER = 4
"""Times as many rows for who comes again: few come twice."""


@dataclass(frozen=True, eq=False)
class Scan:
    """What the scan of one segment gave.

    Attributes
    ----------
    scores, rows : ndarray
        Shape (m, k), float32 and int64: codes' scores and rows, in no order; row -1: nothing.
    reach : ndarray
        Shape (m,), float32: every row of the segment whose code scores more was given.
    """

    scores: NDArray[np.float32]
    rows: NDArray[np.int64]
    reach: NDArray[np.float32]

    def of(self, probes: NDArray[np.bool_] | NDArray[np.int64]) -> Scan:
        """Give the same of some probes."""
        return Scan(self.scores[probes], self.rows[probes], self.reach[probes])


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
        width = self._subspaces * _SUB_DIMENSION
        if width == self.dimension:
            return np.ascontiguousarray(templates)
        padded = np.zeros((len(templates), width), np.float32)
        padded[:, : self.dimension] = templates
        return padded

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

    @property
    def pilot_rows(self) -> int:
        """How many rows the first segment holds; 0 if they are too few, or all, to tell of the others."""
        count = int(self._segments[0].ntotal)
        return count if len(self._segments) > 1 and 2 * count >= SEGMENT_ROWS else 0

    def pilot(self, probes: NDArray[np.float32], fetch: int) -> Scan:
        """Scan the first segment only, as `scan` would."""
        return self._job(self._padded(probes), 0, self._segments[0], fetch)()

    def scan(
        self, probes: NDArray[np.float32], fetch: int, *, alone: bool, pilot: Scan | None = None
    ) -> list[Scan]:
        """Give at least the `fetch` rows with the best codes; more where segments hold unequal shares.

        Parameters
        ----------
        probes : ndarray
            Shape (m, d), float32.
        fetch : int
            How many rows a probe is given about, at most `len(self)`.
        alone : bool
            Whether the threads of this object are free: nothing else searches at the same time.
        pilot : Scan, optional
            What `pilot` gave for them: the first segment is not scanned again.

        Returns
        -------
        list of Scan
            One a segment.
        """
        padded = self._padded(probes)
        jobs = [self._job(padded, first, segment, fetch) for first, segment in self._stretches()]
        if pilot is not None:
            return [pilot, *self._done(jobs[1:], alone=alone)]
        return self._done(jobs, alone=alone)

    def _job(self, padded: NDArray[np.float32], first: int, segment: Any, fetch: int) -> Callable[[], Scan]:
        count = int(segment.ntotal)
        return partial(
            _scanned, padded, first, segment, min(count, _SPARE_FETCH + -(-fetch * count // len(self)))
        )

    def deeper(
        self, probes: NDArray[np.float32], scans: list[Scan], short: NDArray[np.bool_], *, alone: bool
    ) -> list[Scan]:
        """Scan again, for `DEEPER` times as many rows, where a scan did not reach far enough.

        Parameters
        ----------
        probes : ndarray
            Shape (m, d), float32.
        scans : list of Scan
            What `scan` or `deeper` gave for them, one a segment.
        short : ndarray
            Shape (m, segments), bool: which probes need more of which segment.
        """
        padded, where = self._padded(probes), []
        jobs: list[Callable[[], Scan]] = []
        for at, (first, segment) in enumerate(self._stretches()):
            who = np.flatnonzero(short[:, at])
            if len(who):
                share = min(int(segment.ntotal), DEEPER * scans[at].scores.shape[1])
                jobs.append(partial(_scanned, padded[who], first, segment, share))
                where.append((at, who))
        found = list(scans)
        for (at, who), new in zip(where, self._done(jobs, alone=alone), strict=True):
            found[at] = _replaced(scans[at], who, new)
        return found

    def _done(self, jobs: list[Callable[[], Scan]], *, alone: bool) -> list[Scan]:
        if alone and self.threads > 1 and len(jobs) > 1:
            return self._shared_out(jobs)
        return [job() for job in jobs]

    def _shared_out(self, jobs: list[Callable[[], Scan]]) -> list[Scan]:
        """Run scans in this thread and in others: this one need not wait for the others to wake up."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads - 1)
        found: list[Any] = [None] * len(jobs)
        waiting = deque(range(len(jobs)))

        def work() -> None:
            while waiting:
                try:
                    at = waiting.popleft()
                except IndexError:  # another thread was faster
                    return
                found[at] = jobs[at]()

        others = [self._pool.submit(work) for _ in range(min(self.threads, len(jobs)) - 1)]
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


def _scanned(padded: NDArray[np.float32], first: int, segment: Any, share: int) -> Scan:
    """Give the `share` rows of a segment with the best codes, and the score beyond which none is missing."""
    # Passes that run at once may undo each other's choice: they differ in speed alone.
    segment.implem = _BATCH_SCAN if len(padded) > 1 else 0
    with faiss_threads(1):  # FAISS's number of threads belongs to the calling thread
        scores, rows = segment.search(padded, share)
    rows[rows >= 0] += first
    # What a segment did not give scores at most what it gave last, unless it gave all it has.
    reach = scores[:, -1] if share < int(segment.ntotal) else np.full(len(padded), -np.inf, np.float32)
    return Scan(scores, rows, reach)


def _replaced(scan: Scan, who: NDArray[np.int64], new: Scan) -> Scan:
    """Put the deeper scans of some probes in the place of their former ones."""
    shape, width = (len(scan.rows), new.rows.shape[1]), scan.rows.shape[1]
    scores, rows = np.full(shape, -np.inf, np.float32), np.full(shape, -1, np.int64)
    scores[:, :width], rows[:, :width], reach = scan.scores, scan.rows, scan.reach.copy()
    scores[who], rows[who], reach[who] = new.scores, new.rows, new.reach
    return Scan(scores, rows, reach)


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
