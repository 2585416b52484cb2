"""The front of catch rate against honest travellers stopped, all kinds of alert together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomatch.portable.types import Floats
from biomatch.tuning.alerts.by_part import Step

MOST_POINTS = 40
"""Points of the front that are kept, evenly spread over the logarithm of the stops."""


def hull(caught: Floats, price: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Keep the corners of the concave hull of catches over their price, and its falling slopes."""
    kept: list[int] = []

    def bends_up(a: int, b: int, c: int) -> bool:
        rise = (price[b] - price[a]) * (caught[c] - caught[a])
        return bool(rise >= (caught[b] - caught[a]) * (price[c] - price[a]))

    for place in range(len(caught)):
        if kept and caught[place] <= caught[kept[-1]]:
            continue  # more alerts, nothing more caught
        while len(kept) > 1 and bends_up(kept[-2], kept[-1], place):
            kept.pop()
        kept.append(place)
    at = np.array(kept)
    return at, np.diff(caught[at]) / np.maximum(np.diff(price[at]), 1e-300)


def front(steps: Mapping[str, Step], rates: Mapping[str, float]) -> list[dict[str, Any]]:
    """Give the most that can be caught for what is stopped, every kind with one threshold.

    Parameters
    ----------
    steps : mapping of str to Step
        By kind of alert, thresholds descending.
    rates : mapping of str to float
        Events an encounter, by kind: what a kind's catches weigh in ``caught``.

    Returns
    -------
    list of dict
        Ascending: ``stopped_per_million`` (honest encounters, one that two kinds stop counts twice),
        ``caught`` (share of all events, each kind at its prevalence, in [0, 1]) and ``kinds`` (share of each
        kind's own). Corners of the joint hull: what lies between two is had by tossing a coin.
    """
    total = sum(rates[kind] for kind in steps)
    if not total:
        return []
    corners = {kind: hull(rates[kind] * one.caught, one.stopped) for kind, one in steps.items()}
    segments = sorted(
        (-slope, kind, place) for kind, (_, slopes) in corners.items() for place, slope in enumerate(slopes)
    )
    place_of = dict.fromkeys(steps, 0)

    def point() -> dict[str, Any]:
        at = {kind: corners[kind][0][place] for kind, place in place_of.items()}
        kinds = {kind: float(steps[kind].caught[where]) for kind, where in at.items()}
        return {
            "stopped_per_million": 1e6 * sum(float(steps[kind].stopped[where]) for kind, where in at.items()),
            "caught": sum(rates[kind] * share for kind, share in kinds.items()) / total,
            "kinds": kinds,
        }

    found = [point()]
    for _, kind, place in segments:
        place_of[kind] = place + 1
        found.append(point())
    # What costs nothing more is taken at once: of equal stops the last corner stands.
    last = {one["stopped_per_million"]: one for one in found}
    points = list(last.values())
    if len(points) <= MOST_POINTS:
        return points
    stops = np.array([one["stopped_per_million"] for one in points])
    wanted = np.geomspace(stops[stops > 0].min(), stops[-1], MOST_POINTS - 1)
    chosen = np.unique(np.r_[0, np.searchsorted(stops, wanted * (1 - 1e-12)), len(points) - 1])
    return [points[at] for at in chosen[chosen < len(points)]]
