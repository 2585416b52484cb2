"""A template's length as a quality: how much of a mated score it foretells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biomatch import portable
from biomatch.rates import Rate, rate
from biomatch.scorelaw.fit.compare import People

Floats = NDArray[np.float64]
LOWEST = 0.1
SAME = 1e-3
"""Lengths that spread by less than this part of their mean were normalised: they tell nothing."""


@dataclass(frozen=True)
class LengthQuality:
    """What lengths say of mated scores.

    Attributes
    ----------
    correlation : float
        Rank correlation of the mated score with the smaller length of the two images, in [-1, 1].
    lowest, others : Rate
        Misses at `threshold` among the tenth of pairs with the smallest length, and among the others.
    threshold : float
    """

    correlation: float
    lowest: Rate
    others: Rate
    threshold: float

    def to_json(self) -> dict[str, object]:
        """Give plain numbers."""
        return {
            "correlation": self.correlation,
            "lowest_tenth": self.lowest.to_json(),
            "others": self.others.to_json(),
            "threshold": self.threshold,
        }


def judge_lengths(
    templates: NDArray[np.float32], people: People, lengths: Floats | None, threshold: float
) -> LengthQuality | None:
    """Compare lengths with the scores of first and second images.

    Parameters
    ----------
    templates : ndarray
        Shape (n, d), float32, unit rows.
    people : People
    lengths : ndarray or None
        Shape (n,), float64: length of each template before it was brought to unit length.
    threshold : float
        Where misses are counted.

    Returns
    -------
    LengthQuality or None
        None where there are no lengths, or they are all alike.
    """
    if lengths is None or float(lengths.std()) < SAME * float(lengths.mean()):
        return None
    several = np.flatnonzero(people.images > 1)
    first, second = (people.rows[people.start[several] + at] for at in (0, 1))
    scores = portable.pair_sums(templates[first], templates[second])
    least = np.minimum(lengths[first], lengths[second])
    ranks = [np.argsort(np.argsort(x, kind="stable"), kind="stable").astype(float) for x in (scores, least)]
    centred = [x - x.mean() for x in ranks]
    correlation = float((centred[0] * centred[1]).sum() / np.sqrt((centred[0] ** 2).sum() ** 2))
    low = ranks[1] < LOWEST * len(least)
    missed = scores < threshold
    return LengthQuality(
        round(correlation, 4),
        rate(int(missed[low].sum()), int(low.sum())),
        rate(int(missed[~low].sum()), int((~low).sum())),
        threshold,
    )
