"""Thresholds of alerts by port or mode under the one budget of all, and what holds them back from noise.

A port at which honest travellers alarm often should get a higher threshold than one at which they seldom
do. How often they do at one port is measured on few encounters, so every rate of a part is drawn towards
the rate of all parts, the more so the less the parts differ (a beta-binomial prior whose strength comes
from the data by the method of moments: Kleinman, J. Am. Stat. Assoc. 68:46, 1973). Where nothing says that
they differ, all parts follow the common rate and their thresholds are one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from biomatch.evaluation.alerts.by_part import ELSEWHERE
from biomatch.evaluation.alerts.curves import AlertCurve
from biomatch.portable.types import Floats

LEAST_STOPS = 3.0
"""Honest encounters that the single threshold must be expected to stop at a part before it gets its own:
with three expected, none would be seen once in twenty times (exp(-3) = 0.05)."""


@dataclass(frozen=True)
class Step:
    """One curve on the way down: what each threshold catches and stops.

    Attributes
    ----------
    thresholds : ndarray of float64
        Shape (t,), descending; the first is one that no score reaches.
    caught, stopped : ndarray of float64
        Shape (t,): events caught an event, honest encounters stopped an honest encounter, of all parts:
        what chooses among steps (drawn together, where parts are).
    counted : ndarray of float64
        Shape (t,): `stopped` as it was counted: what the budget is spent on.
    caught_counted : ndarray of float64
        Shape (t,): `caught` as it was counted.
    """

    thresholds: Floats
    caught: Floats
    stopped: Floats
    counted: Floats
    caught_counted: Floats


def prior_trials(errors: Floats, trials: Floats) -> float:
    """Say how many trials at the common rate each part's own are to be mixed with.

    Parameters
    ----------
    errors, trials : ndarray of float64
        Shape (p,), by part.

    Returns
    -------
    float
        From 0; infinite where the parts differ no more than chance explains.

    Notes
    -----
    With common rate r and S = sum n (x/n - r)^2, the intra-part correlation is
    ``rho = (S / (r (1 - r)) - (p - 1)) / (N - sum n^2 / N - (p - 1))`` and the answer ``1/rho - 1``.
    """
    used = trials > 0
    n, x = trials[used], errors[used]
    total = float(n.sum())
    if len(n) < 2:
        return float("inf")
    common = float(x.sum()) / total
    spread = common * (1.0 - common)
    room = total - float((n * n).sum()) / total - (len(n) - 1)
    if spread <= 0.0 or room <= 0.0:
        return float("inf")
    excess = float((n * (x / n - common) ** 2).sum()) / spread - (len(n) - 1)
    rho = excess / room
    return float("inf") if rho <= 0.0 else max(1.0 / min(rho, 1.0) - 1.0, 0.0)


def drawn_together(errors: Floats, trials: Floats, at: int) -> Floats:
    """Draw the rates of parts towards the common one.

    Parameters
    ----------
    errors : ndarray of float64
        Shape (p, t): by part and threshold.
    trials : ndarray of float64
        Shape (p,).
    at : int
        The threshold at which the strength is measured.

    Returns
    -------
    ndarray of float64
        Shape (p, t), in [0, 1].
    """
    common = errors.sum(axis=0) / max(float(trials.sum()), 1.0)
    strength = prior_trials(errors[:, at], trials)
    if not np.isfinite(strength):
        return np.asarray(np.broadcast_to(common, errors.shape))
    return np.asarray((errors + strength * common) / np.maximum(trials + strength, 1e-300)[:, None])


def steps_by_part(
    curve: AlertCurve, by: str, single: float, silent: float
) -> tuple[dict[str, Step], tuple[str, ...]]:
    """Break a kind's curve into one a part, each in units of the whole.

    Parameters
    ----------
    curve : AlertCurve
        Of the kind.
    by : str
        ``"port"`` or ``"mode"``.
    single : float
        The threshold that the kind has where it has one for all.
    silent : float
        A threshold that no score reaches.

    Returns
    -------
    tuple
        Steps by label of the parts that get a threshold of their own, and the labels that do not: too few
        encounters. Where that leaves fewer than two parts, none gets one.
    """
    parts = curve.part(by)
    honest = np.bincount(parts.honest, minlength=len(parts.labels)).astype(np.float64)
    rate = int(curve.at(single)[1]) / max(curve.encounters, 1)
    own = [at for at, label in enumerate(parts.labels)
           if label != ELSEWHERE and honest[at] * rate >= LEAST_STOPS]  # fmt: skip
    if len(own) < 2:
        return {}, parts.labels
    thresholds = np.r_[silent, curve.thresholds]
    place = int(np.searchsorted(-thresholds, -single))
    owners = parts.owners
    events = np.array([np.count_nonzero(owners == at) for at in own], dtype=np.float64)
    # An event counts at the part of its highest alert, so that each is counted once.
    caught = np.stack([_at_least(curve.event_scores[owners == at], thresholds) for at in own])
    stopped = np.stack([_at_least(curve.false_scores[parts.honest == at], thresholds) for at in own])
    density = drawn_together(events[:, None], events + honest[own], 0)[:, 0]
    weight = density / (1.0 - density) * honest[own]
    weight *= events.sum() / max(float(weight.sum()), 1e-300) / max(curve.events, 1)
    share = honest[own] / max(curve.encounters, 1)
    smooth_catch = drawn_together(caught, events, place) * weight[:, None]
    smooth_stop = drawn_together(stopped, honest[own], place) * share[:, None]
    steps = {
        parts.labels[at]: Step(
            thresholds,
            smooth_catch[i],
            smooth_stop[i],
            stopped[i] / max(curve.encounters, 1),
            caught[i] / max(curve.events, 1),
        )
        for i, at in enumerate(own)
    }
    return steps, tuple(label for at, label in enumerate(parts.labels) if at not in own)


def rest_of(curve: AlertCurve, by: str, labels: tuple[str, ...], single: float) -> tuple[float, float]:
    """Give what the parts without a threshold of their own catch and stop at the single one (as `Step`)."""
    parts = curve.part(by)
    places = [at for at, label in enumerate(parts.labels) if label in labels]
    caught = _at_least(curve.event_scores[np.isin(parts.owners, places)], np.array([single]))
    stopped = _at_least(curve.false_scores[np.isin(parts.honest, places)], np.array([single]))
    return float(caught[0]) / max(curve.events, 1), float(stopped[0]) / max(curve.encounters, 1)


def _at_least(scores: Floats, thresholds: Floats) -> Floats:
    # Counting on sorted scores with side="left" is `accept` (see biomatch.policy.accept).
    ranked = np.sort(scores[~np.isneginf(scores)])
    return (len(ranked) - np.searchsorted(ranked, thresholds, side="left")).astype(np.float64)


def told(by: str, thresholds: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, dict[str, float]]]:
    """Turn kind -> label -> threshold into the form of `OperatingPoint.alert_thresholds_by`."""
    found: dict[str, dict[str, float]] = {}
    for kind, table in thresholds.items():
        for label, threshold in table.items():
            found.setdefault(label, {})[kind] = threshold
    return {by: found} if found else {}
