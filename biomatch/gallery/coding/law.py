"""How likely the codes lose a mate: a measured law, and the code score from which rows are looked at again.

With s the true score of a probe p and a reference x, and s' the score of x's code,

    s' = q_x s + b + e,      e ~ N(0, sigma_x^2 (1 - s^2) + v),

because a code is a shorter, slightly turned copy of its template: q_x = <code, x> is its length along
the template, and what lies across it, of length r_x, meets the rest of the probe in a random direction of
d - 1 dimensions (sigma_x = r_x / sqrt(d - 1)); b and v are what the scan's 8-bit tables add. A row is
looked at again when s' >= c, so the chance that a mate of score s is not is

    loss(s, c) = mean over x of Phi( (c - b - q_x s) / sqrt(sigma_x^2 (1 - s^2) + v) ).

It holds for every probe and every N: neither the strangers of a probe nor their number is in it.

The index adds to FNIR the loss of mates at or above the floor f, averaged over the mated scores that a law
says (`biomatch.gallery.coding.mates`),

    added FNIR(c) = sum over bins of score above f of (share of mated searches) 2 loss(lower edge, c),

and the gallery takes the largest c that keeps it within the budget (or, with ``at_floor``, the largest c
whose bound *at* the floor is within it: the same for every law of mated scores). Mates below the floor are
misses by the threshold, whatever the index does. Strangers that reach c cost time, not mates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from biomatch import portable
from biomatch.gallery.coding.mates import EDGES, MatedScores

SAFETY = 2.0
"""The bound is this many times the estimate, for what a sample of references cannot know."""
_TAIL = 1e-4
_REACH = 0.25
"""Scores above the floor that are counted bin by bin."""


@dataclass(frozen=True, eq=False)
class LossLaw:
    """The measured law of one gallery's codes.

    Attributes
    ----------
    along : ndarray
        Shape (r,), float64: q_x of sampled references.
    spread : ndarray
        Shape (r,), float64: sigma_x.
    shift, noise : float
        b and the square root of v.
    """

    along: NDArray[np.float64]
    spread: NDArray[np.float64]
    shift: float
    noise: float

    @classmethod
    def measure(
        cls,
        references: NDArray[np.float32],
        decoded: NDArray[np.float32],
        probes: NDArray[np.float32],
        codes: NDArray[np.float32],
    ) -> LossLaw:
        """Estimate the law.

        Parameters
        ----------
        references, decoded : ndarray
            Shape (r, d), float32: sampled templates, and what their codes stand for.
        probes : ndarray
            Shape (p, d), float32: templates of others.
        codes : ndarray
            Shape (p, r), float32: the scan's scores of every pair.
        """
        true, coded = references.astype(np.float64), decoded.astype(np.float64)
        others = probes.astype(np.float64)
        along = np.einsum("ij,ij->i", true, coded)
        across = np.linalg.norm(coded - along[:, None] * true, axis=1)
        spread = across / np.sqrt(max(1, true.shape[1] - 1))
        tables = codes - others @ coded.T
        # Real probes are not turned away in random directions. Where errors against other people's
        # templates spread wider, or have a heavier lower tail, than the law says, the law is widened.
        scores = others @ true.T
        error = (codes - along * scores) / np.sqrt(np.maximum(1e-9, 1 - scores**2))
        error -= error.mean(axis=0)
        wider = max(
            1.0,
            float(np.sqrt((error**2).mean() / (spread**2).mean())),
            float(np.quantile(error / spread, _TAIL) / portable.ndtri(_TAIL)),
        )
        return cls(along, spread * wider, float(tables.mean()), float(tables.std()))

    def bound(self, score: float, code_score: float) -> float:
        """Bound the chance that a mate with this true score stays below a code score.

        Parameters
        ----------
        score : float
            True comparison score s of probe and mate.
        code_score : float
            c: rows are looked at again from this code score on.

        Returns
        -------
        float
            ``min(1, 2 loss(s, c))``.
        """
        return float(self.bounds(np.array([score]), code_score)[0])

    def bounds(self, scores: NDArray[np.float64], code_score: float) -> NDArray[np.float64]:
        """Give `bound` for scores of shape (n,)."""
        deviation = np.sqrt(self.spread**2 * np.maximum(0.0, 1 - scores**2)[:, None] + self.noise**2)
        away = (code_score - self.shift - self.along * scores[:, None]) / np.maximum(deviation, 1e-12)
        found: NDArray[np.float64] = np.minimum(1.0, SAFETY * portable.ndtr(away).mean(axis=1))
        return found

    def added_fnir(self, mates: MatedScores, floor: float, code_score: float) -> float:
        """Bound what the codes add to FNIR at every threshold from the floor on.

        Parameters
        ----------
        mates : MatedScores
            The law of mated scores.
        floor : float
            Lowest threshold; mates below it are missed anyway.
        code_score : float
            c.

        Returns
        -------
        float
            In [0, 1]: mated searches that lose their mate to the codes, of all mated searches.
        """
        above = (EDGES[1:] > floor) & (mates.shares > 0)
        scores, shares = np.maximum(EDGES[:-1][above], floor), mates.shares[above]
        if not len(scores):
            return 0.0
        # Losses fall so fast that all mates beyond the first bins may count as those of one score.
        first = scores <= floor + _REACH
        total = float(shares[first] @ self.bounds(scores[first], code_score))
        if not first.all():
            rest = min(1.0, float(shares[~first].sum()))
            total += rest * self.bound(float(scores[~first][0]), code_score)
        return min(1.0, total)

    def code_score(self, score: float, budget: float, mates: MatedScores | None = None) -> float:
        """Give the largest c that keeps the budget.

        Parameters
        ----------
        score : float
            The floor.
        budget : float
            Most that may be lost: of all mated searches (`added_fnir`), or, without a law of mated scores, of
            those whose mate scores as much as the floor (`bound`).
        mates : MatedScores, optional
            The law of mated scores.
        """

        def over(code_score: float) -> float:
            lost = (
                self.bound(score, code_score) if mates is None else self.added_fnir(mates, score, code_score)
            )
            return float(portable.log(max(lost, 1e-300) / budget))

        if over(9.0) <= 0:  # so few mates are there above the floor that all may be lost
            return 9.0
        return float(brentq(over, -9.0, 9.0)) - 1e-9  # found within 2e-12: stay on the side of the budget
