"""Four-bit codes of templates, in segments that are scanned side by side.

A product quantiser (Jegou et al., "Product quantization for nearest neighbor search", PAMI 33, 2011) gives
every 3 values of a template 4 bits, so 512 values take 86 bytes; FAISS scans such codes in registers
(Andre et al., "Quicker ADC", PAMI 43, 2021). At 4 values a code the scan is a quarter faster, but ten
times as many strangers have to be looked at again. FAISS scans for one probe in one thread: so rows lie
in segments, which are shared out among threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomatch.errors import GalleryError
from biomatch.gallery.coding.segments import (
    SUB_DIMENSION,
    Codes,
    code_bytes,
    codebook_shape,
    cut,
    faiss,
    faiss_threads,
    joined,
    packed,
    places,
    without,
)

SEGMENT_ROWS = 1 << 18
"""Enough that a scan of one outweighs its start, few enough that two threads share a million rows evenly."""
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


class Helpers:
    """Threads that scan segments beside the asking one; made when they are first needed, and shared."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool: ThreadPoolExecutor | None = None
        self._making = Lock()

    def submit(self, work: Callable[[], None]) -> Future[None]:
        """Have a helper do something."""
        with self._making:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self.threads - 1)
        return self._pool.submit(work)


class CodeSegments:
    """The codes of rows 0, 1, ..., in the order in which they were added.

    What is there is never changed: `trained`, `added`, `kept` and `restored` give the next one, which shares
    the segments that stay the same.

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
        self._segments: tuple[Any, ...] = (self._empty(),)
        self._helpers = Helpers(threads)

    def _empty(self) -> Any:
        width = self._subspaces * SUB_DIMENSION
        return faiss.IndexPQFastScan(width, self._subspaces, 4, faiss.METRIC_INNER_PRODUCT)

    def _another(self) -> Any:
        made = self._empty()
        made.pq, made.is_trained = self._segments[0].pq, True
        return made

    def _of(self, segments: Iterable[Any]) -> CodeSegments:
        made = copy(self)
        made._segments = tuple(segments)
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

    def trained_on(self, templates: NDArray[np.float32]) -> CodeSegments:
        """Give codes without rows whose codebook was learnt from templates of shape (n, d)."""
        made = self._empty()
        # One thread: thousands of tiny k-means steps gain nothing from more, and the result is the same
        # whatever the gallery's own number of threads.
        with faiss_threads(1):
            made.train(self._padded(templates))
        return self._of([made])

    def _padded(self, templates: NDArray[np.float32]) -> NDArray[np.float32]:
        width = self._subspaces * SUB_DIMENSION
        if width == self.dimension:
            return np.ascontiguousarray(templates)
        padded = np.zeros((len(templates), width), np.float32)
        padded[:, : self.dimension] = templates
        return padded

    def added(self, templates: NDArray[np.float32]) -> CodeSegments:
        """Encode rows at the end; only the last segment is copied."""
        segments, begin, own = list(self._segments), 0, False
        with faiss_threads(self.threads):
            while begin < len(templates):
                room = SEGMENT_ROWS - int(segments[-1].ntotal)
                if room <= 0:
                    segments.append(self._another())
                    own = True
                    continue
                if not own:
                    segments[-1], own = faiss.clone_index(segments[-1]), True
                segments[-1].add(self._padded(templates[begin : begin + room]))
                begin += room
        return self._of(segments)

    def kept(self, rows: NDArray[np.int64]) -> CodeSegments:
        """Give the codes of these rows (ascending); segments that lose some are copied."""
        segments: list[tuple[Any, bool]] = []
        for first, segment in self._stretches():
            gone = np.ones(int(segment.ntotal), np.bool_)
            begin, end = np.searchsorted(rows, [first, first + len(gone)])
            gone[rows[begin:end] - first] = False
            if gone.all():
                continue
            segments.append((without(segment, gone), True) if gone.any() else (segment, False))
        left = joined(segments, SEGMENT_ROWS)
        return self._of(left or [self._another() if self.trained else self._empty()])

    def pieces(self) -> list[Codes]:
        """Give the segments, to be overwritten after an erasure."""
        return [Codes(segment) for segment in self._segments]

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
                for at, (place, block) in enumerate(places(segment, rows[begin:end] - first), int(begin)):
                    unpack(block, place, faiss.swig_ptr(found[at]))
        return found

    def encoded(self, templates: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Give the codes that templates would have, shape (n, bytes a row), without adding them."""
        found: NDArray[np.uint8] = self._segments[0].pq.compute_codes(self._padded(templates))
        return found

    def restored(self, codebook: NDArray[np.float32], codes: list[NDArray[np.uint8]]) -> CodeSegments:
        """Give a codebook and codes that were saved."""
        wanted = codebook_shape(self.dimension)
        if codebook.shape != wanted or not np.isfinite(codebook).all():
            raise GalleryError(f"a codebook of shape {codebook.shape}", allowed=f"finite, {wanted}")
        made = [packed(codebook, some) for some in cut(codes, SEGMENT_ROWS)]
        return self._of(made or [packed(codebook, np.empty((0, 0), np.uint8))])

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
        found: list[Any] = [None] * len(jobs)
        waiting = deque(range(len(jobs)))

        def work() -> None:
            while waiting:
                try:
                    at = waiting.popleft()
                except IndexError:  # another thread was faster
                    return
                found[at] = jobs[at]()

        others = [self._helpers.submit(work) for _ in range(min(self.threads, len(jobs)) - 1)]
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
