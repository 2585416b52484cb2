"""How people review a list of overstays: how many a day, in which order, with which errors."""

from __future__ import annotations

from typing import Literal

from biomatch.settings.base import ASSUMED, Settings, setting

Order = Literal["posterior", "days_over", "severity", "newest"]
ORDERS: tuple[Order, ...] = ("posterior", "days_over", "severity", "newest")
"""Most probable overstay; longest over, which is first in, first out; worst bar to return, then most
probable; shortest over, while the trail is fresh."""


class ReviewSettings(Settings):
    """What the judge assumes about officers; no system's setting, so another review needs no new run.

    Examples
    --------
    >>> ReviewSettings().with_({"order": "days_over"}).order
    'days_over'
    """

    reviews_a_day: float | None = setting(
        None,
        f"{ASSUMED}: where none is given, as many as work through the list within `days`; no public figure",
        gt=0,
        le=1e7,
    )
    days: int = setting(30, f"{ASSUMED}: a month of work on one list", unit="days", ge=1, le=3660)
    order: Order = setting(
        "posterior",
        f"{ASSUMED}: most probable overstay first; by days over where the linkage gives no posterior",
    )
    false_closure: float = setting(
        0.14,
        "White et al., PLOS ONE 2014: passport officers accept 14% of pairs of two people [A23]; here "
        "somebody else's departure is taken for that of a true overstay",
        ge=0,
        le=1,
    )
    false_confirmation: float = setting(
        0.06,
        "the same study: they reject 6% of pairs of one person [A23]; here a traveller's own departure is "
        "not recognised, and the lead is confirmed in error",
        ge=0,
        le=1,
    )
    found_elsewhere: float = setting(
        1.0,
        "of departures without a received record, the share that a review learns of elsewhere: 54% of the "
        "backlog of 2011 was closed [A2], which 42% of wrong leads [A10] reach only if nearly all of them "
        "can be shown to have left (0.14 x 0.58 + 0.94 x 0.42 = 0.48); 0: records alone close a lead",
        ge=0,
        le=1,
    )
    seed: int = setting(0, f"{ASSUMED}: of the officers' errors", ge=0, lt=2**63)
