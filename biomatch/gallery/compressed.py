"""Compressed search: 4-bit codes of everything are scanned, the best few hundred are looked at again.

A product quantiser gives every 4 values of a template 4 bits (64 bytes for 512 values); FAISS scans
such codes in registers. Their scores only choose; how many are chosen follows from `LossLaw`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import faiss as faiss_typed
import numpy as np
from numpy.typing import NDArray

from biomatch.errors import GalleryError
from biomatch.gallery.flat import FlatIndex
from biomatch.gallery.floor import leader_floor
from biomatch.gallery.law import LossLaw
from biomatch.gallery.rerank import STORE_KINDS, StoreKind, may_be_listed, ranker_of
from biomatch.gallery.store import Store, taken

faiss: Any = faiss_typed  # its type hints lack half of what it offers
TRAINING_ROWS = 8192
"""FAISS trains 16 centroids on at most 256 points each (4,096); twice that is there to sample from."""
EXACT_BELOW = 16_384
"""Up to so many searched rows an exact scan is as fast, so nothing is risked."""
LOSS_BUDGET = 1e-6
_SUB_DIMENSION = 4
_SLACK = 8
_FIRST_FETCH = 64
_MOST = 8192
_SAMPLED_PROBES, _SAMPLED_REFERENCES = 256, 512
_BATCH_SCAN = 15
"""FAISS's ``implem`` 15 (reservoirs, queries kept in registers): a third faster than its default for
batches; the set above the k-th score is the same for all of them."""


@contextmanager
def faiss_threads(threads: int) -> Iterator[None]:
    """Run a block with this many FAISS threads; the caller's number comes back afterwards."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(threads)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


class CompressedIndex:
    """4-bit codes of every row, and a store to rank again from.

    Parameters
    ----------
    dimension : int
        d.
    threads : int
        Threads of a scan.
    floor_score : float or None
        Score from which on losses are bounded; None: the leader profile's threshold at N.
    loss_budget : float
        Largest bound, at the floor, of the chance that a search loses its mate to the codes.
    rank_from : {"exact", "int8", "float16"}
        What the chosen rows are ranked by: the templates themselves, or a coarser copy in memory.
    training : ndarray or None
        Templates (n, d) to train the quantiser on; None: the first that are enrolled.
    """

    probes_a_pass = 256

    def __init__(
        self,
        dimension: int,
        *,
        threads: int,
        floor_score: float | None = None,
        loss_budget: float = LOSS_BUDGET,
        rank_from: StoreKind = "exact",
        training: NDArray[np.float32] | None = None,
    ) -> None:
        if rank_from not in STORE_KINDS:
            raise GalleryError(f"rank_from = {rank_from!r}", allowed=", ".join(STORE_KINDS))
        if not 0 < loss_budget < 1:
            raise GalleryError(f"loss_budget = {loss_budget}", allowed="a chance between 0 and 1")
        self.dimension, self.threads = dimension, threads
        self.floor_score, self.loss_budget, self.rank_from = floor_score, loss_budget, rank_from
        self.ranker = ranker_of(rank_from, dimension)
        self._flat = FlatIndex()
        width = -(-dimension // _SUB_DIMENSION) * _SUB_DIMENSION
        self._codes = faiss.IndexPQFastScan(width, width // _SUB_DIMENSION, 4, faiss.METRIC_INNER_PRODUCT)
        self.spare = 40  # rows beyond 3 L that are looked at, whatever their code score
        self._law: LossLaw | None = None
        self._level, self._code_score = 0, 0.0
        self._fetch, self._searches, self._looked_at = _FIRST_FETCH, 0, 0
        if training is not None:
            if len(training) < TRAINING_ROWS:
                raise GalleryError(f"{len(training)} training templates", allowed=f"at least {TRAINING_ROWS}")
            self._train(training)

    # -- learning of rows ---------------------------------------------------------------------------

    @property
    def trained(self) -> bool:
        """Whether there are codes yet."""
        return bool(self._codes.is_trained)

    def _train(self, templates: NDArray[np.float32]) -> None:
        # One thread: thousands of tiny k-means steps gain nothing from more, and the result is the same
        # whatever the gallery's own number of threads.
        with faiss_threads(1):
            self._codes.train(self._padded(templates))

    def _padded(self, templates: NDArray[np.float32]) -> NDArray[np.float32]:
        missing = self._codes.d - self.dimension
        return np.pad(templates, ((0, 0), (0, missing))) if missing else np.ascontiguousarray(templates)

    def add(self, store: Store, first: int, templates: NDArray[np.float32]) -> None:
        """Learn of new rows; the first `TRAINING_ROWS` also train the quantiser."""
        self.ranker.add(templates)
        if self.trained:
            self._encode(templates)
        elif first + len(templates) >= TRAINING_ROWS:
            self._train(taken(store, np.arange(TRAINING_ROWS)))
            for _, stretch in store.stretches():
                for begin in range(0, len(stretch), 1 << 16):
                    self._encode(stretch[begin : begin + (1 << 16)])

    def _encode(self, templates: NDArray[np.float32]) -> None:
        if len(templates):
            with faiss_threads(self.threads):
                self._codes.add(self._padded(templates))

    def keep(self, store: Store, rows: NDArray[np.int64]) -> None:  # noqa: ARG002
        """Forget all rows but these, overwriting the codes of the others."""
        self.ranker.keep(rows)
        if not self.trained or not self._codes.ntotal:
            return
        gone = np.ones(self._codes.ntotal, np.bool_)
        gone[rows] = False
        self._scrub(np.flatnonzero(gone))
        bits = np.packbits(gone, bitorder="little")
        self._codes.remove_ids(faiss.IDSelectorBitmap(bits))
        self._law = None

    def _scrub(self, rows: NDArray[np.int64]) -> None:
        """Overwrite codes: FAISS moves others into their place, but leaves what stood at the end."""
        nothing = np.zeros(self._codes.code_size, np.uint8)
        pack = self._codes.get_CodePacker().pack_1_c
        for place, block in self._places(rows):
            pack(faiss.swig_ptr(nothing), place, block)

    def _places(self, rows: NDArray[np.int64]) -> Iterator[tuple[int, Any]]:
        """Give, for each row, its place within its block of codes, and a pointer to the block."""
        stride = self._codes.get_block_stride()
        table = faiss.rev_swig_ptr(self._codes.codes.get(), self._codes.codes.size())
        for row in rows.tolist():
            block, place = divmod(row, self._codes.bbs)
            yield place, faiss.swig_ptr(table[block * stride :])

    # -- saving -------------------------------------------------------------------------------------

    def codebook(self) -> NDArray[np.float32] | None:
        """Give the centroids, shape (sub-spaces, 16, 4); None while untrained."""
        if not self.trained:
            return None
        flat = faiss.vector_to_array(self._codes.pq.centroids)
        shaped: NDArray[np.float32] = flat.reshape(self._codes.pq.M, 16, _SUB_DIMENSION)
        return shaped

    def codes(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Give the codes of rows, shape (n, bytes a row)."""
        if not self.trained:
            return np.empty((len(rows), 0), np.uint8)
        found = np.empty((len(rows), self._codes.code_size), np.uint8)
        unpack = self._codes.get_CodePacker().unpack_1_c
        for at, (place, block) in enumerate(self._places(rows)):
            unpack(block, place, faiss.swig_ptr(found[at]))
        return found

    def restore(
        self, store: Store, codebook: NDArray[np.float32] | None, codes: list[NDArray[np.uint8]]
    ) -> None:
        """Take up centroids and codes that were saved, in a fresh index."""
        for _, stretch in store.stretches():
            self.ranker.add(stretch)
        if codebook is None:
            if sum(len(stretch) for _, stretch in store.stretches()) >= TRAINING_ROWS:
                raise GalleryError("a gallery of this size without its codebook", remedy="take a whole copy")
            return
        plain = faiss.IndexPQ(self._codes.d, self._codes.pq.M, 4, faiss.METRIC_INNER_PRODUCT)
        wanted = (plain.pq.M, 16, _SUB_DIMENSION)
        if codebook.shape != wanted or not np.isfinite(codebook).all():
            raise GalleryError(f"a codebook of shape {codebook.shape}", allowed=f"finite, {wanted}")
        faiss.copy_array_to_vector(np.array(codebook).ravel(), plain.pq.centroids)
        plain.is_trained = True
        plain.ntotal = sum(len(some) for some in codes)
        plain.codes.resize(plain.ntotal * plain.pq.code_size)
        if plain.ntotal:
            room = faiss.rev_swig_ptr(plain.codes.data(), plain.ntotal * plain.pq.code_size)
            np.concatenate([some.ravel() for some in codes], out=room)
        self._codes = faiss.IndexPQFastScan(plain)
        self._codes.orig_codes = None  # would dangle: `plain` ends here

    # -- searching ----------------------------------------------------------------------------------

    def choose(
        self,
        store: Store,
        probes: NDArray[np.float32],
        list_length: int,
        searched: NDArray[np.bool_] | None,
        *,
        alone: bool = True,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give pairs that hold every probe's best L of the rows that were looked at again."""
        total = int(self._codes.ntotal)
        count = total if searched is None else int(searched.sum())
        if count <= EXACT_BELOW:
            return self._flat.choose(store, probes, list_length, searched)
        code_score, threads = np.float32(self.code_score(store)), self.threads if alone else 1
        # The tail of a list is strangers, whom codes tell apart badly: more of them are looked at.
        wanted = min(3 * list_length + self.spare, count)
        # Rows that are not searched take places among the best codes: so many more are fetched.
        fetch = min(int((wanted + _SLACK) * total / count) + self._fetch, total)
        found_who, found_rows = [], []
        left = np.arange(len(probes))
        while len(left) and fetch <= _MOST:
            some = probes[left]
            rows, valid, whole = self._scan(some, fetch, code_score, wanted, searched, threads)
            who, kept = may_be_listed(some[whole], store, self.ranker, rows[whole], valid[whole], list_length)
            found_who.append(left[whole][who])
            found_rows.append(kept)
            self._looked_at += int(valid[whole].sum())
            self._searches += int(whole.sum())
            # How many are fetched at first changes the time only: the answer is what reaches code_score.
            if (~whole).sum() * 8 > len(left):
                self._fetch = min(2 * self._fetch, _MOST // 8)
            left, fetch = left[~whole], fetch * 4
        if len(left):
            who, kept = self._flat.choose(store, probes[left], list_length, searched)
            found_who.append(left[who])
            found_rows.append(kept)
        return np.concatenate(found_who), np.concatenate(found_rows)

    def _scan(
        self,
        probes: NDArray[np.float32],
        fetch: int,
        code_score: np.float32,
        wanted: int,
        searched: NDArray[np.bool_] | None,
        threads: int,
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
        """Give rows (m, fetch), which of them are looked at again, and which probes have all they need.

        Looked at again is every searched row whose code reaches `code_score`, and those that share the
        best codes down to the `wanted`-th: a set that does not depend on `fetch`, the batch or threads.
        """
        codes, rows = self._best_codes(probes, fetch, threads)
        valid = rows >= 0
        if searched is not None:
            valid &= searched[np.maximum(rows, 0)]
        enough = valid.cumsum(axis=1) >= wanted
        at_least = np.where(enough[:, -1], codes[np.arange(len(codes)), enough.argmax(axis=1)], -np.inf)
        lowest = np.minimum(code_score, at_least)
        valid &= codes >= lowest[:, None]
        # Rows that tie with the last fetched may be missing: whole is who needs none of those.
        whole = codes[:, -1] < lowest
        return rows, valid, whole

    def _best_codes(
        self, probes: NDArray[np.float32], fetch: int, threads: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        # Passes that run at once may undo each other's choice: they differ in speed alone.
        self._codes.implem = _BATCH_SCAN if len(probes) > 1 else 0
        with faiss_threads(threads):  # FAISS's number of threads belongs to the calling thread
            codes, rows = self._codes.search(self._padded(probes), fetch)
        return codes, rows

    @property
    def workers(self) -> int:
        """How many passes may run at once."""
        return self.threads

    def prepare(self, store: Store) -> None:
        """Measure the law before passes that run at once ask for it."""
        if self._codes.ntotal > EXACT_BELOW:
            self.law(store)

    # -- the bound ----------------------------------------------------------------------------------

    def floor(self) -> float:
        """Score from which on losses are bounded: what was declared, else the leader's threshold at N."""
        return leader_floor(self._level or 1) if self.floor_score is None else self.floor_score

    def code_score(self, store: Store) -> float:
        """Give the code score from which rows are looked at again."""
        self.law(store)
        return self._code_score

    def loss_bound(self, store: Store, score: float | None) -> float:
        """Bound the chance that a mate of this score (None: the floor) is lost; 0 while exact."""
        if not self.trained or self._codes.ntotal <= EXACT_BELOW:
            return 0.0
        law = self.law(store)
        return law.bound(self.floor() if score is None else score, self._code_score)

    def law(self, store: Store) -> LossLaw:
        """Give the law of the codes, measured again whenever the gallery has doubled.

        It is measured on rows below a power of two, so that it follows from the rows and not from when
        somebody searched.
        """
        level = 1 << (int(self._codes.ntotal).bit_length() - 1)
        if self._law is None or level != self._level:
            self._level = level
            self._law = self._measured(store, level)
            self._code_score = self._law.code_score(self.floor(), self.loss_budget)
        return self._law

    def _measured(self, store: Store, level: int) -> LossLaw:
        references = taken(store, np.linspace(0, level - 1, _SAMPLED_REFERENCES).astype(np.int64))
        probes = taken(store, np.linspace(1, level - 2, _SAMPLED_PROBES).astype(np.int64))
        sample = faiss.IndexPQFastScan(
            self._codes.d, self._codes.M, 4, faiss.METRIC_INNER_PRODUCT, self._codes.bbs
        )
        sample.pq, sample.is_trained = self._codes.pq, True
        sample.add(self._padded(references))
        found, place = sample.search(self._padded(probes), len(references))
        decoded = sample.reconstruct_n(0, len(references))[:, : self.dimension]
        codes = probes @ decoded.T
        which, at = np.nonzero(place >= 0)  # the scan leaves out who scores the least its tables can say
        codes[which, place[which, at]] = found[which, at]
        return LossLaw.measure(references, decoded, probes, codes)

    def about(self) -> dict[str, Any]:
        """Describe the index in plain data."""
        found: dict[str, Any] = {
            "index": "compressed",
            "codes": f"PQ{self._codes.M}x4",
            "rank_from": self.rank_from,
            "trained": self.trained,
            "floor_score": self.floor(),
            "floor_from": "the leader profile's threshold at N" if self.floor_score is None else "declared",
            "loss_budget": self.loss_budget,
        }
        if self._law is not None:
            found["looked_at_from_code_score"] = self._code_score
            found["index_loss_bound"] = self._law.bound(self.floor(), self._code_score)
        if self._searches:
            found["looked_at_mean"] = self._looked_at / self._searches
        return found
