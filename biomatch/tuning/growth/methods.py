"""From a test gallery to the operational one: four ways to carry FPIR to a larger N, side by side.

All hold the threshold fixed. With q(p) the chance that probe p meets no candidate at or above T among N0
references, FPIR(N) = 1 - E q(p)**(N / N0).

- *binomial*: 1 - (1 - FPIR(N0))**(N / N0). Never too low for N > N0 (Jensen), since false matches cluster
  by probe; so `tune` rests on it.
- *effective N*: galleries grow like N**slope; the slope is read off smaller galleries of the same searches.
- *tail*: a generalised Pareto law of the best scores beyond their 95% quantile (Pickands 1975), then
  binomial growth. It also answers at thresholds that no non-mated search reached.
- *face model*: the growth that a fitted score law predicts, anchored at the measured rate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from biomatch import portable
from biomatch.curves.clustered_rates import by_subject, rate_above
from biomatch.errors import ResultsError
from biomatch.policy import accept
from biomatch.portable.types import Ints, Reals
from biomatch.streams import stream

BODY = 0.95
"""Quantile of the best scores from which on the tail is fitted (assumed; the back-test prints its error)."""
LEAST_ERRORS = 10
"""Errors at the smallest gallery from which on a slope is read off a threshold."""


class Law(Protocol):
    """What a score law must answer, as `biomatch.scorelaw.ScoreLaw` does."""

    def fpir(self, gallery: float, threshold: Any) -> Any:
        """Give FPIR(N, T)."""


@dataclass(frozen=True, eq=False)
class Gallery:
    """The same non-mated searches against one gallery size.

    Attributes
    ----------
    size : int
        N.
    top_scores : ndarray
        Shape (k,): best score of each search, -inf for an empty list.
    subjects : ndarray of int64 or None
        Shape (k,): clusters.
    """

    size: int
    top_scores: Reals
    subjects: Ints | None = None


@dataclass(frozen=True)
class Estimate:
    """FPIR at a gallery size that was not tested: a model's figure.

    Attributes
    ----------
    method : str
        ``binomial``, ``effective N``, ``tail`` or ``face model``.
    fpir : float or None
        In [0, 1]; None where the method has nothing to go by.
    interval : tuple of float or None
        95 % (or as asked), of sampling error alone; the model's own error is what the back-test prints.
    """

    method: str
    fpir: float | None
    interval: tuple[float, float] | None


def grow(rate: float, ratio: float) -> float:
    """Carry a rate from N0 to ``ratio * N0`` as if all comparisons were independent.

    Examples
    --------
    >>> round(grow(0.001, 100.0), 4)
    0.0952
    """
    return float(-portable.expm1(ratio * portable.log1p(-min(rate, 1.0 - 1e-15)))) if rate < 1.0 else 1.0


def shrink(target: float, ratio: float) -> float:
    """Give the rate at N0 that grows to `target`: the inverse of `grow`.

    Examples
    --------
    >>> round(grow(shrink(0.003, 50.0), 50.0), 6)
    0.003
    """
    return grow(target, 1.0 / ratio)


def fpir_at(
    galleries: Sequence[Gallery],
    size: int,
    threshold: float,
    *,
    law: Law | None = None,
    confidence: float = 0.95,
    resamples: int = 200,
) -> list[Estimate]:
    """Estimate FPIR(N, T) at a larger gallery by every method.

    Parameters
    ----------
    galleries : sequence of Gallery
        At least one; the largest is the base. Several sizes with the same searches let the slope be seen.
    size : int
        N, at least that of the base.
    threshold : float
        T.
    law : Law, optional
        A fitted score law, for the face model's growth.
    confidence : float
        Two-sided.
    resamples : int
        Bootstrap samples of subjects.

    Raises
    ------
    ResultsError
        For no gallery, or a size below the base's.
    """
    return fpir_along(galleries, [size], threshold, law=law, confidence=confidence, resamples=resamples)[0]


def fpir_along(
    galleries: Sequence[Gallery],
    sizes: Sequence[int],
    threshold: float,
    *,
    law: Law | None = None,
    confidence: float = 0.95,
    resamples: int = 200,
) -> list[list[Estimate]]:
    """Estimate as `fpir_at` does at several sizes, each bootstrap sample drawn once for all of them.

    Returns
    -------
    list of list of Estimate
        In the order of `sizes`.
    """
    if not galleries:
        raise ResultsError("no gallery", remedy="give the searches against at least one gallery")
    ordered = sorted(galleries, key=lambda one: one.size)
    base = ordered[-1]
    small = [size for size in sizes if size < base.size]
    if small:
        raise ResultsError(f"gallery {small[0]:,}", allowed=f"at least the tested {base.size:,}")
    measured = rate_above(base.top_scores, base.subjects, threshold, confidence)
    if measured.value is None:
        raise ResultsError("no non-mated search", remedy="FPIR needs probes that are not enrolled")
    effective = _bootstrapped(
        "effective N", ordered, sizes, lambda some: _effective(some, sizes, threshold), confidence, resamples
    )
    tail = _bootstrapped(
        "tail", [base], sizes, lambda some: _tail(some[0], sizes, threshold), confidence, resamples
    )
    low, high = measured.interval
    found = []
    for at, size in enumerate(sizes):
        ratio = size / base.size
        bounds = (grow(low, ratio), grow(high, ratio))
        here = [Estimate("binomial", grow(measured.value, ratio), bounds), effective[at], tail[at]]
        if law is not None:
            growth = float(_hazard(law.fpir(size, threshold)) / _hazard(law.fpir(base.size, threshold)))
            bounds = (grow(low, growth), grow(high, growth))
            here.append(Estimate("face model", grow(measured.value, growth), bounds))
        found.append(here)
    return found


def _effective(galleries: Sequence[Gallery], sizes: Sequence[int], threshold: float) -> list[float] | None:
    """Fit log(-log(1 - FPIR)) = a + slope * log N at T, or where the smallest gallery still shows errors."""
    if len(galleries) < 2:
        return None
    smallest = galleries[0].top_scores
    if smallest.size < LEAST_ERRORS:
        return None
    # A slope needs errors at every size: the threshold is lowered until the smallest gallery has some.
    at = min(
        threshold, float(np.partition(smallest, smallest.size - LEAST_ERRORS)[smallest.size - LEAST_ERRORS])
    )
    rates = np.array([accept(one.top_scores, at).mean() for one in galleries])
    if (rates <= 0).any() or (rates >= 1).any():
        return None
    tested = portable.log([one.size for one in galleries])
    # Counts of nested galleries share their errors; weighting by them is a fair approximation.
    hazard = portable.log(_hazard(rates))
    away = tested - (rates * tested).sum() / rates.sum()
    slope = float((rates * away * hazard).sum() / (rates * away * away).sum())
    base = galleries[-1]
    rate = float(accept(base.top_scores, threshold).mean())
    held = float(np.clip(slope, 0.0, 1.0))
    return [grow(rate, (size / base.size) ** held) for size in sizes]


def _tail(base: Gallery, sizes: Sequence[int], threshold: float) -> list[float] | None:
    """Fit a generalised Pareto tail by probability-weighted moments (Hosking and Wallis 1987); grow it."""
    rate = pareto_tail(base.top_scores, threshold)
    return None if rate is None else [grow(rate, size / base.size) for size in sizes]


def pareto_tail(scores: Reals, threshold: float) -> float | None:
    """Give P(score >= threshold) with a generalised Pareto law beyond the 95% quantile; below, the share."""
    finite = np.sort(scores[~np.isneginf(scores)].astype(np.float64))
    start = int(BODY * finite.size)
    if finite.size - start < 20:
        return None
    edge = finite[start]
    if threshold <= edge:
        return float(accept(scores, threshold).mean())
    beyond = finite[start:] - edge
    n = beyond.size
    first = beyond.mean()
    second = float((beyond * (n - np.arange(1, n + 1)) / (n - 1)).mean())
    if first <= 0 or first - 2 * second == 0:
        return None
    # Hosking and Wallis: shape k = b0 / (b0 - 2 b1) - 2 and scale a = 2 b0 b1 / (b0 - 2 b1), xi = -k.
    shape = first / (first - 2 * second) - 2.0
    scale = 2 * first * second / (first - 2 * second)
    inside = 1.0 - shape * (threshold - edge) / scale
    share = n / scores.size
    if abs(shape) < 1e-9:
        return float(share * portable.exp(-(threshold - edge) / scale))
    return float(share * inside ** (1.0 / shape)) if inside > 0 else 0.0


def _bootstrapped(
    method: str,
    galleries: Sequence[Gallery],
    sizes: Sequence[int],
    estimate: Callable[[Sequence[Gallery]], list[float] | None],
    confidence: float,
    resamples: int,
) -> list[Estimate]:
    """Resample subjects, the same ones in every gallery, and take the quantiles; an estimate a size."""
    values = estimate(galleries)
    if values is None:
        return [Estimate(method, None, None) for _ in sizes]
    rng = stream(0, "tuning.larger")
    count = galleries[0].top_scores.size
    if any(one.top_scores.size != count for one in galleries):
        raise ResultsError("galleries with different searches", allowed="the same searches in every gallery")
    subjects = galleries[-1].subjects
    rows = _rows_by_subject(subjects, count)
    drawn = []
    for _ in range(resamples):
        chosen = rows(rng)
        some = [Gallery(one.size, one.top_scores[chosen]) for one in galleries]
        found = estimate(some)
        if found is not None:
            drawn.append(found)
    tail = (1.0 - confidence) / 2.0
    if not drawn or len(drawn) < 0.9 * resamples:
        return [Estimate(method, value, None) for value in values]
    lows, highs = np.quantile(drawn, [tail, 1.0 - tail], axis=0)
    return [
        Estimate(method, value, (float(low), float(high)))
        for value, low, high in zip(values, lows, highs, strict=True)
    ]


def _rows_by_subject(subjects: Ints | None, count: int) -> Callable[[np.random.Generator], NDArray[np.int64]]:
    if subjects is None:
        return lambda rng: rng.integers(0, count, count)
    order = np.argsort(subjects, kind="stable")
    _, sizes = by_subject(np.zeros(count, dtype=bool), subjects)
    ends = np.cumsum(sizes)
    starts = ends - sizes

    def draw(rng: np.random.Generator) -> NDArray[np.int64]:
        who = rng.integers(0, sizes.size, sizes.size)
        lengths = sizes[who]
        offsets = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return np.asarray(order[np.repeat(starts[who], lengths) + offsets], dtype=np.int64)

    return draw


def _hazard(rate: Any) -> Any:
    return -portable.log1p(-np.minimum(rate, 1.0 - 1e-15))
