"""Comparison scores that somebody else has made: looked up by pair, in place of templates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.portable.types import Floats, Ints


@dataclass(frozen=True, eq=False)
class GivenScores:
    """Scores of pairs of samples; a `PairScorer` that looks up what was given and compares nothing itself.

    Attributes
    ----------
    keys : ndarray of int64
        Shape (n,), ascending: ``smaller sample * count + larger sample``; sample numbers are what the
        encounters call ``template_row``.
    scores : ndarray of float32
        Shape (n,).
    count : int
        Samples are numbered below it.
    """

    keys: Ints
    scores: NDArray[np.float32]
    count: int

    @classmethod
    def of(cls, left: Ints, right: Ints, scores: NDArray[np.float32], count: int) -> GivenScores:
        """Take pairs in any order; of a pair that is given twice the higher score counts."""
        keys = np.minimum(left, right) * count + np.maximum(left, right)
        order = np.lexsort((scores, keys))
        keys, scores = keys[order], scores[order]
        last = np.r_[keys[1:] != keys[:-1], True] if len(keys) else np.zeros(0, dtype=bool)
        return cls(keys[last], scores[last].astype(np.float32), count)

    def __call__(self, _: NDArray[np.float32], left: Ints, right: Ints) -> NDArray[np.float32]:
        """Give the score of each pair of samples; NaN: none was given."""
        keys = np.minimum(left, right) * self.count + np.maximum(left, right)
        found = np.full(len(keys), np.nan, dtype=np.float32)
        if len(self.keys):
            at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
            hit = self.keys[at] == keys
            found[hit] = self.scores[at[hit]]
        return found

    def among(self, references: Ints, probes: Ints, rows: Ints) -> tuple[Ints, Ints]:
        """Give the pairs of a reference and a probe that have a score.

        Parameters
        ----------
        references, probes : ndarray of int64
            Encounter rows.
        rows : ndarray of int64
            Sample of each encounter row, -1: none.

        Returns
        -------
        tuple of ndarray of int64
            Encounter rows of references and of probes, a pair each.
        """
        owner = {}
        for name, some in (("reference", references), ("probe", probes)):
            place = np.full(self.count, -1, dtype=np.int64)
            some = some[rows[some] >= 0]
            place[rows[some]] = some
            owner[name] = place
        first, second = self.keys // max(self.count, 1), self.keys % max(self.count, 1)
        left = np.concatenate([owner["reference"][first], owner["reference"][second]])
        right = np.concatenate([owner["probe"][second], owner["probe"][first]])
        both = (left >= 0) & (right >= 0) & (left != right)
        return left[both], right[both]

    def strangers(self, encounters: pl.DataFrame) -> tuple[Floats, Ints, Ints]:
        """Give the scores of two persons' pairs: other documents, and other birth dates that both say.

        Where there are no such pairs, other sexes tell apart.

        Returns
        -------
        tuple of ndarray
            Scores, and the encounter rows of both records of each pair.
        """
        sample = encounters["template_row"].to_numpy()
        row_of = np.full(self.count, -1, dtype=np.int64)
        held = np.flatnonzero(sample >= 0)
        row_of[sample[held]] = held
        left = row_of[self.keys // max(self.count, 1)]
        right = row_of[self.keys % max(self.count, 1)]
        known = np.flatnonzero((left >= 0) & (right >= 0))
        left, right, score = left[known], right[known], self.scores[known].astype(np.float64)
        told = encounters.select("document_number", "document_issuer", "birth_date", "sex")
        a, b = told[left], told[right]
        apart = (a["document_number"] != b["document_number"]) | (
            a["document_issuer"] != b["document_issuer"]
        )
        strange = (apart & (a["birth_date"] != b["birth_date"])).fill_null(value=False).to_numpy()
        if not strange.any():
            sexes = [side["sex"].cast(pl.String) for side in (a, b)]
            said = sexes[0].is_in(["F", "M"]) & sexes[1].is_in(["F", "M"])
            strange = (apart & said & (sexes[0] != sexes[1])).fill_null(value=False).to_numpy()
        return score[strange], left[strange], right[strange]
