"""The share of ends that have a link, estimated from the evidence, and whether that is to be believed.

The share is the maximum of a concave likelihood, so it is one number whatever it starts from. But it is only
as good as the evidence: where a value that many share counts for too much, each end has many weak candidates
whose odds add up to a link that none of them is, or many strong ones of which one at most can be true. Both
show in the records themselves, and both are met by counting for less than was found, never for more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from biomatch import portable
from biomatch.evidence.prior import pair_log_odds
from biomatch.portable.types import Floats, Ints

SURE = 0.9
"""A pair that is at least so probable counts as a sure link (assumed)."""
VAGUE, FEW = 2.0, 5.0
"""Links expected by the estimate may be twice those that are sure, and five more (assumed)."""
RIVALS = 1.5
"""Sure pairs an end, over all ends (assumed): twins and people with several documents make a few more."""
_STEPS = 60  # of the bisection: the share to 1e-18
_MOST = 60.0  # nats: no more is ever taken off


@dataclass(frozen=True, eq=False)
class Share:
    """An estimated share of linkable ends.

    Attributes
    ----------
    share : float
        Share that is used, in (0, 1).
    probability : ndarray of float64
        Shape (n,): of each pair, given the share, against the end's other pairs and none.
    discount : float
        Nats taken off every pair's evidence; 0 where it was to be believed.
    estimate : float
        Share before anything was doubted.
    doubts : tuple of str
        Why it was not believed; empty where it was.
    """

    share: float
    probability: Floats
    discount: float
    estimate: float
    doubts: tuple[str, ...]


def linkable_share(evidence: Floats, left: Ints, right: Ints, candidates: Ints, total: int) -> Share:
    """Estimate the share of right ends whose left end is among their candidates, and doubt it.

    Parameters
    ----------
    evidence : ndarray of float64
        Shape (n,): natural log-likelihood ratio of each pair.
    left, right : ndarray of int64
        Shape (n,): the pair's ends.
    candidates : ndarray of int64
        Shape (n,): how many left ends the right end might have had.
    total : int
        Right ends, those without any pair among them.

    Returns
    -------
    Share
        Where many right ends have several sure pairs, evidence is taken down until sure pairs tell people
        apart; where the estimate rests on pairs of which none is sure, only sure pairs are counted.
    """
    ends, at = np.unique(right, return_inverse=True)
    count = len(ends)
    estimate = share = _most_likely(evidence, at, candidates, count, total)
    doubts = []
    discount = _discount(evidence, left, right, candidates, share)
    if discount:
        share = _most_likely(evidence - discount, at, candidates, count, total)
        nats = "1 nat" if discount == 1 else f"{discount:.0f} nats"
        doubts.append(
            f"sure pairs have several partners each, so the evidence of every pair was reduced by {nats}"
        )
    probability = _of_pairs(evidence - discount, at, candidates, count, share)
    sums = np.bincount(at, probability, count)
    best = np.zeros(count)
    np.maximum.at(best, at, probability)
    expected, sure = float(sums.sum()), float(sums[best >= SURE].sum())
    if expected > VAGUE * sure + FEW:
        share = (sure + 0.5) / (total + 1.0)
        doubts.append(
            f"of {expected:.0f} expected links only {sure:.0f} are sure, and only these were counted"
        )
        probability = _of_pairs(evidence - discount, at, candidates, count, share)
    return Share(share, probability, discount, estimate, tuple(doubts))


def _most_likely(evidence: Floats, at: Ints, candidates: Ints, count: int, total: int) -> float:
    """Maximise sum ln(1 - share + share L_j) over right ends, L_j the mean ratio; half a link each way."""
    ratio = _summed(evidence - portable.log(np.maximum(candidates, 1)), at, count)
    low, high = -15.0, 15.0  # log odds of the share
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        share = 1.0 / (1.0 + portable.exp(-middle))
        found = (float(np.sum(1.0 / (1.0 + portable.exp(-np.clip(ratio + middle, -500, 500))))) + 0.5) / (
            total + 1
        )
        low, high = (middle, high) if found > share else (low, middle)
    return float(np.clip(1.0 / (1.0 + portable.exp(-0.5 * (low + high))), 1e-6, 1 - 1e-6))


def _summed(log: Floats, at: Ints, count: int) -> Floats:
    """Give ln of the sum of exp by end; shape (count,)."""
    top = np.full(count, -np.inf)
    np.maximum.at(top, at, log)
    return np.asarray(
        top + portable.log(np.maximum(np.bincount(at, portable.exp(log - top[at]), count), 1e-320))
    )


def _of_pairs(evidence: Floats, at: Ints, candidates: Ints, count: int, share: float) -> Floats:
    odds = pair_log_odds(share, candidates) + evidence
    whole = portable.logaddexp(0.0, _summed(odds, at, count))
    return np.asarray(portable.exp(odds - whole[at]))


def _discount(evidence: Floats, left: Ints, right: Ints, candidates: Ints, share: float) -> float:
    """Give the whole nats by which evidence must fall until sure pairs are about one an end."""
    odds = pair_log_odds(share, candidates) + evidence
    floor = portable.log(SURE / (1 - SURE))
    taken = 0.0
    while taken < _MOST:
        sure = odds - taken > floor
        ends = max(len(np.unique(left[sure])), len(np.unique(right[sure])))
        if int(sure.sum()) <= RIVALS * ends + FEW:
            break
        taken += 1.0
    return taken
