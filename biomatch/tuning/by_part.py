"""Thresholds by port or mode that miss least together, under one FPIR for all and with its guarantee.

Splitting a target evenly wastes it: a port whose strangers look alike should get a higher threshold than
one whose do not. Half of the subjects draw the path of best threshold vectors (each point minimises misses
plus a price for each false positive); the path is nested, so the other half can walk down it with the
guarantee of a single threshold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomatch.curves.build import IdentificationCurve
from biomatch.errors import ResultsError
from biomatch.policy import accept
from biomatch.portable.types import Reals
from biomatch.streams import stream
from biomatch.tuning.guarantee import Guarantee, guarantee

STEPS = 400
"""Prices of a false positive that are tried, evenly spread on a logarithmic scale."""


@dataclass(frozen=True)
class PartThresholds:
    """A threshold for each part, and what was shown about all of them together.

    Attributes
    ----------
    by : str
        The breakdown.
    thresholds : mapping
        Label to threshold.
    guarantee : Guarantee
        Of the FPIR over all parts; its ``threshold`` is the step of the path, negated.
    """

    by: str
    thresholds: dict[str, float]
    guarantee: Guarantee

    def to_json(self) -> dict[str, Any]:
        """Give plain data."""
        shown = self.guarantee.to_json()
        shown.pop("threshold")
        return {"by": {self.by: dict(self.thresholds)}, "guarantee": shown}


def tune_parts(
    curve: IdentificationCurve,
    by: str,
    *,
    max_fpir: float,
    confidence: float = 0.95,
    cap: int | None = None,
    seed: int = 0,
) -> PartThresholds:
    """Find thresholds by part that miss least, with the FPIR over all parts at most the target.

    Parameters
    ----------
    curve : IdentificationCurve
        With labels ``by`` on all searches.
    by : str
        ``"port"`` or ``"mode"``.
    max_fpir : float
        Target over all parts together.
    confidence : float
        One-sided.
    cap : int, optional
        See `biomatch.tuning.guarantee.guarantee`.
    seed : int
        Of the split of subjects into halves.

    Raises
    ------
    ResultsError
        Where half of the subjects cannot support the claim; `tune` with one threshold uses all of them.
    """
    labels = list(curve.by(by))
    first, second = _halves(curve, seed)
    drawn, kept = curve.subset(*first), curve.subset(*second)
    if not drawn.mated or not drawn.non_mated:
        raise ResultsError("no searches to draw the path from", remedy="bring mated and non-mated searches")
    path = _path(drawn.by(by), labels, drawn.list_length)
    place = _places(kept.non_mated_top_scores, kept.non_mated_strata[by].astype(str), labels, path)
    # Where no step errs the whole path is open: its end is the lowest place.
    ends = place if np.isfinite(place).any() else np.array([1.0 - STEPS])
    found = guarantee(
        place, kept.non_mated_subjects, target=max_fpir, confidence=confidence, cap=cap, others=ends
    )
    # The last step before the one that would accept too much; where nothing is refused, the last that errs.
    lowest = -ends[np.isfinite(ends)].min() if found.refused == -np.inf else -found.refused - 1
    step = int(np.clip(lowest, 0, STEPS - 1))
    return PartThresholds(by, {label: float(path[i, step]) for i, label in enumerate(labels)}, found)


def decided(
    curve: IdentificationCurve, by: str, thresholds: Mapping[str, float], default: float
) -> IdentificationCurve:
    """Apply thresholds by part; in the curve that comes back 1 is what was accepted and -inf what was not.

    Parameters
    ----------
    curve : IdentificationCurve
        With labels ``by`` on all searches.
    by : str
        ``"port"`` or ``"mode"``.
    thresholds : mapping of str to float
        By label.
    default : float
        Of all other labels.
    """

    def scores(given: Reals, strata: NDArray[Any]) -> Reals:
        limits = np.array([thresholds.get(str(label), default) for label in strata], dtype=np.float64)
        return np.where(accept(given, limits), 1.0, -np.inf)

    return replace(
        curve,
        mated_scores=scores(curve.mated_scores, curve.mated_strata[by]),
        non_mated_top_scores=scores(curve.non_mated_top_scores, curve.non_mated_strata[by]),
    )


def _path(parts: dict[str, IdentificationCurve], labels: list[str], rank: int) -> NDArray[np.float64]:
    """Give thresholds (parts, steps), falling along the steps: the price of a false positive falls."""
    prices = np.geomspace(1e4, 1e-4, STEPS)
    path = np.full((len(labels), STEPS), np.inf)
    mated = sum(part.mated for part in parts.values())
    strangers = sum(part.non_mated for part in parts.values())
    for i, label in enumerate(labels):
        if label not in parts or not parts[label].points(rank).thresholds.size:
            continue
        points = parts[label].points(min(rank, parts[label].list_length))
        cost = (
            points.misses[None, :] / mated + prices[:, None] * points.false_positives[None, :] / strangers
            if points.thresholds.size < 20_000
            else None
        )
        if cost is not None:
            chosen = cost.argmin(axis=1)
        else:  # the same, price by price, where the table would not fit
            chosen = np.array(
                [
                    int((points.misses / mated + price * points.false_positives / strangers).argmin())
                    for price in prices
                ]
            )
        # Ties and rounding must not break the nesting.
        as_decimal = {int(at): points.decimal(int(at)) for at in np.unique(chosen)}
        path[i] = np.minimum.accumulate([as_decimal[int(at)] for at in chosen])
    return path


def _places(
    scores: Reals, strata: NDArray[Any], labels: list[str], path: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Give minus the first step at which each search would be accepted; -inf: at none."""
    place = np.full(scores.size, -np.inf)
    for i, label in enumerate(labels):
        own = strata == label
        # The path falls, so its negative rises: the first step with threshold <= score.
        first = np.searchsorted(-path[i], -scores[own].astype(np.float64), side="left")
        place[own] = np.where((first < STEPS) & ~np.isneginf(scores[own]), -first.astype(np.float64), -np.inf)
    return place


def _halves(curve: IdentificationCurve, seed: int) -> tuple[Any, Any]:
    rng = stream(seed, "tuning.parts")
    if curve.mated_subjects is None or curve.non_mated_subjects is None:
        coins = rng.random(curve.mated) < 0.5, rng.random(curve.non_mated) < 0.5
    else:
        known = np.unique(np.concatenate([curve.mated_subjects, curve.non_mated_subjects]))
        heads = known[rng.random(known.size) < 0.5]
        coins = np.isin(curve.mated_subjects, heads), np.isin(curve.non_mated_subjects, heads)
    return coins, (~coins[0], ~coins[1])
