"""Compressed search: 4-bit codes of everything are scanned, the best few hundred are looked at again.

The codes' scores only choose (see `biomatch.gallery.coding.codes`); how many are chosen follows from
`LossLaw`.
"""

from __future__ import annotations

from copy import copy
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomatch.errors import GalleryError
from biomatch.gallery.coding.codes import DEEPER, CodeSegments, Scan
from biomatch.gallery.coding.law import LossLaw
from biomatch.gallery.coding.mates import ASSUMED, MatedScores
from biomatch.gallery.coding.reach import Search, reaching
from biomatch.gallery.coding.rerank import STORE_KINDS, StoreKind, may_be_listed, ranker_of
from biomatch.gallery.flat import FlatIndex, Part, best_rows
from biomatch.gallery.floor import leader_floor
from biomatch.gallery.memory.store import Store, rows_between, taken

TRAINING_ROWS = 8192
"""FAISS trains 16 centroids on at most 256 points each (4,096); twice that is there to sample from."""
EXACT_BELOW = 16_384
"""Up to so many searched rows an exact scan is as fast, so nothing is risked."""
TAIL_ROWS = 1024
"""Rows are given codes so many at a time: an enrolment copies no segment of codes, and a search compares at
most so many more rows (a thousandth of a gallery of a million)."""
LOSS_BUDGET = 1e-6
_SLACK = 8
_FIRST_FETCH, _MOST_FIRST, _MOST_PILOT = 64, 1024, 2048
"""Codes that are fetched for a probe at first: they grow while more than `_OFTEN` of the scans fall short."""
_OFTEN = 1 / 16
_ALIKE = 32
"""Probes that need about as many codes, and are given as many."""
_MOST, _MOST_AT_ONCE = 1 << 16, 1 << 24
"""Codes that are fetched for one probe, and for all of a pass (200 MB), before an exact scan is better."""
_SAMPLED_PROBES, _SAMPLED_REFERENCES = 256, 512


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
        Most that the codes may add to FNIR at any threshold from the floor on.
    at_floor : bool
        Whether `loss_budget` is instead the largest chance of losing a mate that scores as much as the floor.
    mated_scores : MatedScores or None
        The law of mated scores that the budget is reckoned with; None: the assumed one.
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
        at_floor: bool = False,
        mated_scores: MatedScores | None = None,
    ) -> None:
        if rank_from not in STORE_KINDS:
            raise GalleryError(f"rank_from = {rank_from!r}", allowed=", ".join(STORE_KINDS))
        if not 0 < loss_budget < 1:
            raise GalleryError(f"loss_budget = {loss_budget}", allowed="a chance between 0 and 1")
        self.dimension, self.threads = dimension, threads
        self.floor_score, self.loss_budget, self.rank_from = floor_score, loss_budget, rank_from
        self.at_floor, self.mates = at_floor, ASSUMED if mated_scores is None else mated_scores
        self.ranker = ranker_of(rank_from, dimension)
        self._flat = FlatIndex()
        self._codes = CodeSegments(dimension, threads)
        self._rows = 0
        self.spare = 40  # rows beyond 3 L that are looked at, whatever their code score
        self._laws: dict[int, tuple[LossLaw, float]] = {}  # of the rows below a power of two
        self._effort = _Effort()
        if training is not None:
            if len(training) < TRAINING_ROWS:
                raise GalleryError(f"{len(training)} training templates", allowed=f"at least {TRAINING_ROWS}")
            self._codes = self._codes.trained_on(training)

    # -- learning of rows ---------------------------------------------------------------------------

    @property
    def trained(self) -> bool:
        """Whether there are codes yet."""
        return self._codes.trained

    def added(self, store: Store, first: int, templates: NDArray[np.float32]) -> CompressedIndex:
        """Learn of new rows; the first `TRAINING_ROWS` also train the quantiser."""
        made = copy(self)
        made.ranker = self.ranker.added(templates)
        made._rows = first + len(templates)
        if not self.trained and made._rows >= TRAINING_ROWS:
            made._codes = self._codes.trained_on(taken(store, np.arange(TRAINING_ROWS)))
        made._encode(store)
        return made

    def _encode(self, store: Store) -> None:
        """Give codes to the rows that are to have some: all but those since the last multiple of `TAIL_ROWS`.

        Which rows have codes follows from their number alone, not from how they came.
        """
        wanted = self._rows - self._rows % TAIL_ROWS
        if not self.trained or len(self._codes) == wanted:
            return
        if len(self._codes) > wanted:
            self._codes = self._codes.kept(np.arange(wanted))
        for _, stretch in rows_between(store, len(self._codes), wanted):
            for begin in range(0, len(stretch), 1 << 16):
                self._codes = self._codes.added(stretch[begin : begin + (1 << 16)])

    def kept(self, store: Store, rows: NDArray[np.int64]) -> CompressedIndex:
        """Forget all rows but these."""
        made = copy(self)
        made.ranker = self.ranker.kept(rows)
        made._rows, made._laws = len(rows), {}
        made._codes = self._codes.kept(rows[: int(np.searchsorted(rows, len(self._codes)))])
        made._encode(store)
        return made

    def pieces(self) -> list[Any]:
        """Give the codes and the coarse copies, to be overwritten after an erasure."""
        return [*self.ranker.pieces(), *self._codes.pieces()]

    # -- saving -------------------------------------------------------------------------------------

    def codebook(self) -> NDArray[np.float32] | None:
        """Give the centroids; None while untrained."""
        return self._codes.codebook()

    def codes(self, store: Store, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Give the codes of rows (ascending), shape (n, bytes a row); the last rows are encoded for it."""
        if not self.trained:
            return self._codes.codes(rows)
        there = int(np.searchsorted(rows, len(self._codes)))
        found = self._codes.codes(rows[:there])
        if there < len(rows):
            found = np.concatenate([found, self._codes.encoded(taken(store, rows[there:]))])
        return found

    def restored(
        self, store: Store, codebook: NDArray[np.float32] | None, codes: list[NDArray[np.uint8]]
    ) -> CompressedIndex:
        """Take up centroids and codes that were saved."""
        made = copy(self)
        for _, stretch in store.stretches():
            made.ranker = made.ranker.added(stretch)
        made._rows = sum(len(stretch) for _, stretch in store.stretches())
        if codebook is None:
            if made._rows >= TRAINING_ROWS:
                raise GalleryError("a gallery of this size without its codebook", remedy="take a whole copy")
            return made
        left, some = made._rows - made._rows % TAIL_ROWS, []
        for part in codes:
            some.append(part[:left])
            left -= len(some[-1])
        made._codes = self._codes.restored(codebook, some)
        return made

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
        count = self._rows if searched is None else int(searched.sum())
        if count <= EXACT_BELOW or not self.trained:
            return self._flat.choose(store, probes, list_length, searched)
        # The last rows have no codes: each of them is compared.
        total = len(self._codes)
        parts: list[Part] = [
            (first, rows, None if searched is None else searched[first : first + len(rows)])
            for first, rows in rows_between(store, total, self._rows)
        ]
        who, rows = self._of_codes(store, probes, list_length, searched, alone=alone)
        if not parts:
            return who, rows
        coded = rows < total  # where codes could not tell, the exact scan has given the last rows as well
        tail_who, tail_rows = best_rows(probes, parts, list_length)
        return np.concatenate([who[coded], tail_who]), np.concatenate([rows[coded], tail_rows])

    def _of_codes(
        self,
        store: Store,
        probes: NDArray[np.float32],
        list_length: int,
        searched: NDArray[np.bool_] | None,
        *,
        alone: bool,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give the pairs of `choose` among the rows that have codes (and more, at times)."""
        total = len(self._codes)
        count = total if searched is None else int(searched[:total].sum())
        code_score = np.float32(self.code_score(store))
        # The tail of a list is strangers, whom codes tell apart badly: more of them are looked at.
        wanted = min(3 * list_length + self.spare, count)
        # Rows that are not searched take places among the best codes: so many more are fetched.
        fetch = min(int((wanted + _SLACK) * total / count) + self._effort.fetch, total)
        if fetch > min(_MOST, _MOST_AT_ONCE // len(probes)):
            return self._flat.choose(store, probes, list_length, searched)
        search = Search(store, list_length, wanted, code_score, searched, alone)
        if alone or not self._codes.pilot_rows:
            return self._chosen(search, probes, self._codes.scan(probes, fetch, alone=alone), adapt=True)
        # Some probes have ten times as many strangers near them as others: the first segment tells.
        pilot = self._codes.pilot(probes, fetch)
        need = self._needed(search, pilot)
        order = np.argsort(need, kind="stable")
        found_who, found_rows = [], []
        for begin in range(0, len(probes), _ALIKE):
            some = order[begin : begin + _ALIKE]
            scans = self._codes.scan(probes[some], int(need[some[-1]]), alone=False, pilot=pilot.of(some))
            who, rows = self._chosen(search, probes[some], scans)
            found_who.append(some[who])
            found_rows.append(rows)
        return np.concatenate(found_who), np.concatenate(found_rows)

    def _needed(self, search: Search, pilot: Scan) -> NDArray[np.int64]:
        """Estimate how many rows must be fetched, from what the first segment gave; time only hangs on it."""
        share = self._codes.pilot_rows / len(self._codes)
        wanted = min(int(search.wanted * share) + 1, pilot.rows.shape[1])
        _, _, short, lowest = reaching([pilot], search, wanted)
        self._adapt(short, _MOST_PILOT)
        reached = (pilot.scores >= lowest[:, None]).sum(axis=1)
        reached[short[:, 0]] *= 2
        # Three standard deviations of a count.
        need: NDArray[np.int64] = np.minimum(
            (reached + 3 * np.sqrt(reached) + 1) / share, len(self._codes)
        ).astype(np.int64)
        return need

    def _adapt(self, short: NDArray[np.bool_], most: int) -> None:
        # How many are fetched at first changes the time only: the answer is what reaches the code score.
        if self._effort.fetch < most and short.mean() > _OFTEN:
            self._effort.fetch *= 2

    def _chosen(
        self, search: Search, probes: NDArray[np.float32], scans: list[Scan], *, adapt: bool = False
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give the pairs of `choose`, going deeper where scans do not reach far enough."""
        found_who, found_rows = [], []
        left = np.arange(len(probes))
        while True:
            rows, valid, short, _ = reaching(scans, search, search.wanted)
            if adapt:
                self._adapt(short, _MOST_FIRST)
            whole, adapt = np.logical_not(short.any(axis=1)), False
            who, kept = may_be_listed(
                probes[left[whole]], search.store, self.ranker, rows[whole], valid[whole], search.list_length
            )
            found_who.append(left[whole][who])
            found_rows.append(kept)
            with self._effort.counting:
                self._effort.looked_at += int(valid[whole].sum())
                self._effort.searches += int(whole.sum())
            left, short = left[~whole], short[~whole]
            if not len(left):
                break
            if DEEPER * rows.shape[1] > min(_MOST, _MOST_AT_ONCE // len(left)):
                who, kept = self._flat.choose(search.store, probes[left], search.list_length, search.searched)
                found_who.append(left[who])
                found_rows.append(kept)
                break
            scans = [scan.of(~whole) for scan in scans]
            scans = self._codes.deeper(probes[left], scans, short, alone=search.alone)
        return np.concatenate(found_who), np.concatenate(found_rows)

    @property
    def workers(self) -> int:
        """How many passes may run at once."""
        return self.threads

    def prepare(self, store: Store) -> None:
        """Measure the law before passes that run at once ask for it."""
        if self.trained and self._rows > EXACT_BELOW:
            self.law(store)

    # -- the bound ----------------------------------------------------------------------------------

    def floor(self, level: int = 1) -> float:
        """Score from which on losses are bounded: what was declared, else the leader's threshold at N."""
        return leader_floor(level) if self.floor_score is None else self.floor_score

    @property
    def level(self) -> int:
        """The power of two below which the rows lie that the law is measured on."""
        return 1 << max(0, self._rows.bit_length() - 1)

    def code_score(self, store: Store) -> float:
        """Give the code score from which rows are looked at again."""
        return self._known_law(store)[1]

    def loss_bound(self, store: Store, score: float | None) -> float:
        """Bound the chance that a mate of this score (None: the floor) is lost; 0 while exact."""
        if not self.trained or self._rows <= EXACT_BELOW:
            return 0.0
        law, code_score = self._known_law(store)
        return law.bound(self.floor(self.level) if score is None else score, code_score)

    def law(self, store: Store) -> LossLaw:
        """Give the law of the codes, measured again whenever the gallery has doubled.

        It is measured on rows below a power of two, so that it follows from the rows and not from when
        somebody searched.
        """
        return self._known_law(store)[0]

    def _known_law(self, store: Store) -> tuple[LossLaw, float]:
        level = self.level
        known = self._laws.get(level)
        if known is None:
            with self._effort.measuring:  # the threads that wait for it need not measure it as well
                known = self._laws.get(level)
                if known is None:
                    law = self._measured(store, level)
                    mates = None if self.at_floor else self.mates
                    known = law, law.code_score(self.floor(level), self.loss_budget, mates)
                    self._laws[level] = known
        return known

    def _measured(self, store: Store, level: int) -> LossLaw:
        references = taken(store, np.linspace(0, level - 1, _SAMPLED_REFERENCES).astype(np.int64))
        probes = taken(store, np.linspace(1, level - 2, _SAMPLED_PROBES).astype(np.int64))
        decoded, codes = self._codes.trial(references, probes)
        return LossLaw.measure(references, decoded, probes, codes)

    def about(self) -> dict[str, Any]:
        """Describe the index in plain data."""
        known = self._laws.get(self.level)
        floor = self.floor(1 if known is None else self.level)
        found: dict[str, Any] = {
            "index": "compressed",
            "codes": self._codes.name,
            "rank_from": self.rank_from,
            "trained": self.trained,
            "floor_score": floor,
            "floor_from": "the leader profile's threshold at N" if self.floor_score is None else "declared",
            "loss_budget": self.loss_budget,
            "loss_budget_is": "the loss of a mate at the floor" if self.at_floor else "added FNIR",
            "mated_scores": self.mates.name,
        }
        if known is not None:
            found["looked_at_from_code_score"] = known[1]
            found["index_loss_bound"] = known[0].bound(floor, known[1])
            found["added_fnir_bound"] = known[0].added_fnir(self.mates, floor, known[1])
        if self._effort.searches:
            found["looked_at_mean"] = self._effort.looked_at / self._effort.searches
        return found


class _Effort:
    """What searches have cost so far: it changes the time of the next, never an answer."""

    def __init__(self) -> None:
        self.fetch, self.searches, self.looked_at = _FIRST_FETCH, 0, 0
        self.counting, self.measuring = Lock(), Lock()  # passes run at once
