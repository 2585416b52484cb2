"""For how long a visitor may stay, by class of admission."""

from __future__ import annotations

import numpy as np

from biomatch.portable.types import Floats, Ints
from biomatch.settings.scenario import Scenario
from biomatch.tables.observed import CLASSES

STATUS_CLASSES = ("F1", "J1", "M1")
GRACE_DAYS = {"F1": 60, "J1": 30, "M1": 30}
"""Days after the end of the programme [S6, S13, S14]."""
FAR = 10**6
"""A day that no world reaches."""
WINDOW_DAYS, LIMIT_DAYS = 180, 90
"""The European rule: at most 90 days in any 180, days of entry and exit counted [E1]."""


def permission(scenario: Scenario, admission: Ints, begin_day: Ints, drawn: Floats) -> tuple[Ints, Ints]:
    """Day until which each stay is permitted (FAR: duration of status), and the programme's end."""
    stays = scenario.stays
    if stays.law == "eu":
        resident = admission == CLASSES.index("RESIDENT")
        return np.where(resident, FAR, begin_day + LIMIT_DAYS - 1), np.full(len(admission), -1)
    day_0 = np.datetime64(scenario.first_day, "D")
    months = {"B1": stays.visitor_months, "B2": stays.visitor_months, "VISITOR": stays.visitor_months}
    months |= {"H1B": 36, "L1": 36}  # petitions of up to 3 years: unverified for L, table 1.2
    permitted = np.full(len(admission), FAR)
    programme = np.full(len(admission), -1)
    for code, name in enumerate(CLASSES):
        rows = np.flatnonzero(admission == code)
        if not len(rows):
            continue
        if name in ("WT", "WB"):
            permitted[rows] = begin_day[rows] + stays.waiver_days
        elif name == "C1":
            permitted[rows] = begin_day[rows] + 28  # 29 days with the day of entry: unverified, table 1.2
        elif name in months:
            permitted[rows] = add_months(day_0, begin_day[rows], months[name]) - 1
        elif name in STATUS_CLASSES:
            planned = stays.mean_stay_days[name] * (0.4 + 1.2 * drawn[rows])  # type: ignore[index]
            programme[rows] = begin_day[rows] + 10 + planned.astype(np.int64)
    return permitted, programme


def last_of_window(begin: Ints, first: Ints, last: Ints) -> Ints:
    """Give the last day that the European rule allows, after earlier stays of the same person.

    Parameters
    ----------
    begin : ndarray of int64
        Shape (n,): days of entry.
    first, last : ndarray of int64
        Shape (n, k): first and last days of earlier stays, all before `begin`; `last` before `first`: none.

    Returns
    -------
    ndarray of int64
        Shape (n,): the last day up to which at most 90 days of every window were spent inside; the day
        before the entry where no day is left.
    """
    low, high = np.full(len(begin), -1), np.full(len(begin), LIMIT_DAYS - 1)
    while (low < high).any():
        days = (low + high + 1) // 2
        opens = (begin + days - WINDOW_DAYS + 1)[:, None]
        spent = np.maximum(last - np.maximum(first, opens) + 1, 0).sum(axis=1)
        # Another day adds one and takes away at most one, so the count never falls.
        fits = spent + days + 1 <= LIMIT_DAYS
        low, high = np.where(fits, days, low), np.where(fits, high, days - 1)
    return np.asarray(begin + low)


def add_months(day_0: np.datetime64, days: Ints, months: int) -> Ints:
    """Add calendar months to days; where the month is too short, its last day."""
    known = days < FAR
    dates = day_0 + np.where(known, days, 0).astype("timedelta64[D]")
    month = dates.astype("datetime64[M]")
    of_month = (dates - month.astype("datetime64[D]")).astype(np.int64)
    # Units are said: NumPy 2.5 warns of a whole number that is added to a date.
    target = month + np.timedelta64(months, "M")
    length = (
        (target + np.timedelta64(1, "M")).astype("datetime64[D]") - target.astype("datetime64[D]")
    ).astype(np.int64)
    moved = target.astype("datetime64[D]") + np.minimum(of_month, length - 1).astype("timedelta64[D]")
    return np.where(known, (moved - day_0).astype(np.int64), FAR)
