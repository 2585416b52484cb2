"""What is left of a limit of stops or alerts: it is spent where it pays, and what is not is explained."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from biomatch.portable.types import Floats
from biomatch.tuning.alerts.by_part import Step
from biomatch.tuning.alerts.front import hull

Key = tuple[str, str]


def under_limit(
    steps: Mapping[Key, Step],
    rates: Mapping[str, float],
    limit: float,
    spent: float,
    silent: float,
    *,
    stops_only: bool,
) -> dict[Key, float]:
    """Choose the thresholds that catch most under a limit; parameters as of `fill`.

    Corners of the concave hulls are taken in the order of catches per alert, then `fill` spends the rest.
    `silent` is the threshold of a kind for which nothing is spent.
    """
    hulls: dict[Key, tuple[Floats, Floats, Floats]] = {}
    for key, one in steps.items():
        p = rates[key[0]]
        price = one.stopped if stops_only else p * one.caught + (1.0 - p) * one.stopped
        spend = one.counted if stops_only else p * one.caught_counted + (1.0 - p) * one.counted
        at, slopes = hull(p * one.caught, price)
        hulls[key] = one.thresholds[at], spend[at], slopes
    segments = sorted(
        (-slope, key, place) for key, (_, _, slopes) in hulls.items() for place, slope in enumerate(slopes)
    )
    chosen = dict.fromkeys(steps, silent)
    for _, key, place in segments:
        thresholds, spends, _ = hulls[key]
        more = spends[place + 1] - spends[place]
        # Segments of one curve come in the order of their slope: a later one never goes before an earlier.
        if spent + more > limit or chosen[key] != thresholds[place]:
            continue
        spent += more
        chosen[key] = float(thresholds[place + 1])
    return fill(steps, rates, limit, spent, chosen, stops_only=stops_only)


def fill(
    steps: Mapping[Key, Step],
    rates: Mapping[str, float],
    limit: float,
    spent: float,
    chosen: Mapping[Key, float],
    *,
    stops_only: bool,
) -> dict[Key, float]:
    """Spend the rest of a limit on thresholds between the corners of the hulls, the greatest gain first.

    Parameters
    ----------
    steps : mapping of (str, str) to Step
        By kind of alert and part, thresholds descending.
    rates : mapping of str to float
        Events an encounter, by kind.
    limit, spent : float
        The most that may be spent, and what is: alerts (or stops) an encounter.
    chosen : mapping of (str, str) to float
        Thresholds so far.
    stops_only : bool
        Whether the limit is of stops (else of all alerts).

    Returns
    -------
    dict of (str, str) to float
        Thresholds, none higher than before.
    """
    found = dict(chosen)
    while True:
        best: tuple[float, float, Key, int] | None = None
        for key in sorted(found):
            one = steps[key]
            at = _place(one, found[key])
            gain = rates[key[0]] * (one.caught - one.caught[at])
            more = price(one, rates[key[0]], stops_only) - price(one, rates[key[0]], stops_only)[at]
            usable = (gain > 0.0) & (spent + more <= limit)
            usable[: at + 1] = False
            if not usable.any():
                continue
            # Of equal gains the highest threshold, which is the first.
            place = int(np.argmax(np.where(usable, gain, -np.inf)))
            if best is None or (gain[place], -more[place]) > (best[0], -best[1]):
                best = (float(gain[place]), float(more[place]), key, place)
        if best is None:
            return found
        spent += best[1]
        found[best[2]] = float(steps[best[2]].thresholds[best[3]])


def price(one: Step, rate: float, stops_only: bool) -> Floats:
    """Give what each threshold spends, as it was counted."""
    return one.counted if stops_only else rate * one.caught_counted + (1.0 - rate) * one.counted


def spent_of(
    steps: Mapping[str, Step],
    rates: Mapping[str, float],
    limit: float,
    chosen: Mapping[str, float],
    *,
    traffic: float | None = None,
) -> str:
    """Say how much of a limit is spent, and why not more.

    Parameters
    ----------
    steps, rates, chosen
        By kind of alert.
    limit : float
        Alerts (or stops) an encounter.
    traffic : float, optional
        Encounters a day, where the limit is of alerts a day; None: of honest travellers stopped.
    """
    spent, dearer = 0.0, []
    for kind, one in steps.items():
        at = _place(one, chosen[kind])
        prices = price(one, rates[kind], traffic is None)
        spent += float(prices[at])
        more = (one.caught > one.caught[at]) & (np.arange(len(one.thresholds)) > at)
        if more.any():
            dearer.append((float(prices[more].min() - prices[at]), kind))
    scale, what = (1e6, "honest stops per million") if traffic is None else (traffic, "alerts a day")
    told = f"limit: {spent * scale:,.4g} of {limit * scale:,.4g} {what} are spent"
    if not dearer:
        return f"{told}: every event that any alert shows in the tuning worlds is caught"
    cost, kind = min(dearer)
    return f"{told}; the next event to be caught ({kind}) would take {(spent + cost) * scale:,.4g}"


def _place(one: Step, threshold: float) -> int:
    """Where a threshold stands among the steps, which descend."""
    return int(np.searchsorted(-one.thresholds, -threshold))
