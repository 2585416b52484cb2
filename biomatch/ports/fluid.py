"""The coarse hall: all days at once, a loop over minutes, officers who speed up under a backlog.

It is fitted to a port's own hours, only to be compared with the waits measured there. Its parameters are
scales: booths in such hours follow demand, so none of them is a time at a desk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.portable.types import Floats, Ints
from biomatch.streams import stream

STEP_MINUTES = 2
WINDOW_MINUTES = 120
"""Minutes from the start of an hour in which the passengers who landed in it reach the hall."""
WALK_MINUTES = 8.0
"""Usual walk from gate to hall; what a fit of O'Hare's hours asks for."""
LEAVING_RATE = 15.0
"""Passengers a minute who leave one aircraft (assumed; what it misses is in the fitted offset)."""
SPEED_UP_MINUTES = 15.0
"""Backlog at which officers work at 63% of their full speed-up; fixed, not fitted."""
DRAWS = 2
HOURS = 24


@dataclass(frozen=True)
class Scales:
    """What is fitted. None of these is a service time.

    Attributes
    ----------
    work : float
        Scale of the work that a passenger brings, seconds of one booth to the powers below.
    booths, usual : float
        Powers of the hour's booths, and of those usual at that hour of the day.
    speed_up : float
        How much faster officers work under a long backlog: 1 + speed_up.
    """

    work: float
    booths: float
    usual: float
    speed_up: float


@dataclass(frozen=True)
class Arrivals:
    """When the passengers of each landing hour reach the hall: several draws of the minutes of landing.

    Attributes
    ----------
    day, hour : ndarray of int64
        Shape (n,): number of the day, and hour, of each row.
    days : int
    profile : ndarray of float64
        Shape (draws, n, WINDOW_MINUTES / STEP_MINUTES): passengers a step, from the start of the hour on.
    """

    day: Ints
    hour: Ints
    days: int
    profile: NDArray[np.float64]


def arrivals(frame: pl.DataFrame, *, seed: int = 0, draws: int = DRAWS) -> Arrivals:
    """Draw the minutes of landing of the rows of a table of hours, and spread passengers over the window.

    Parameters
    ----------
    frame : polars.DataFrame
        With ``date``, ``hour``, ``passengers`` and ``flights`` (none of them null, flights at least 1).
    seed : int
        A row's draws depend on its date and hour alone, so that a change elsewhere never moves them.
    draws : int
        Several: where in its hour a flight lands is not in the table.
    """
    days = frame["date"].unique().sort()
    day = days.search_sorted(frame["date"]).to_numpy().astype(np.int64)
    hour = frame["hour"].to_numpy().astype(np.int64)
    people = frame["passengers"].to_numpy().astype(np.float64)
    flights = np.rint(frame["flights"].to_numpy()).astype(np.int64)
    steps = WINDOW_MINUTES // STEP_MINUTES
    edges = np.arange(steps + 1) * float(STEP_MINUTES)
    ordinal = frame["date"].cast(pl.Int32).to_numpy().astype(np.int64)
    table = stream(seed, "ports.fluid.landing").random((draws, 4096))
    profile = np.zeros((draws, people.size, steps))
    each = people / flights
    lasts = np.maximum(each / LEAVING_RATE, 1.0)
    for number in range(int(flights.max())):
        rows = np.flatnonzero(flights > number)
        # One fixed table of uniforms, entered by date, hour and flight: reproducible, and any row alone.
        entry = (ordinal[rows] * 7919 + hour[rows] * 104_729 + number * 1_299_709) % 4096
        for draw in range(draws):
            begins = table[draw, entry] * 60.0 + WALK_MINUTES
            cumulated = np.clip((edges[None] - begins[:, None]) / lasts[rows][:, None], 0.0, 1.0)
            profile[draw, rows] += np.diff(cumulated, axis=1) * each[rows][:, None]
    return Arrivals(day, hour, len(days), profile)


def queue_minutes(of: Arrivals, booths: Floats, usual: Floats, scales: Scales) -> Floats:
    """Give the mean minutes in the queue of the passengers of each landing hour.

    Parameters
    ----------
    of : Arrivals
    booths : ndarray of float64
        Shape (n,): booths of each row's hour, at least 1.
    usual : ndarray of float64
        Shape (24,): booths usual at each hour of the day, at least 1; stands in for hours without a row.
    scales : Scales

    Returns
    -------
    ndarray of float64
        Shape (n,).
    """
    per = 60 // STEP_MINUTES
    draws, size, steps = of.profile.shape
    length = HOURS * per + steps
    brought = np.zeros((of.days, draws, length))
    rows = [np.flatnonzero(of.hour == hour) for hour in range(HOURS)]
    for hour, at in enumerate(rows):
        window = slice(hour * per, hour * per + steps)
        brought[of.day[at], :, window] += np.moveaxis(of.profile[:, at] * scales.work, 0, 1)
    officers = np.broadcast_to(usual ** (scales.booths + scales.usual), (of.days, HOURS)).copy()
    officers[of.day, of.hour] = booths**scales.booths * usual[of.hour] ** scales.usual
    does = officers * STEP_MINUTES * 60.0
    brought = np.ascontiguousarray(np.moveaxis(brought, 2, 0))
    waits = np.zeros_like(brought)
    backlog = np.zeros((of.days, draws))
    for step in range(length):
        capacity = does[:, min(step // per, HOURS - 1)][:, None]
        before = backlog / capacity * STEP_MINUTES
        speed = 1.0 + scales.speed_up * (1.0 - np.exp(-before / SPEED_UP_MINUTES))
        backlog = np.maximum(backlog + brought[step] - capacity * speed, 0.0)
        # Who comes inside the step meets on average what waits between its two ends.
        waits[step] = (before + backlog / capacity * STEP_MINUTES) / 2.0 / speed
    waits = np.moveaxis(waits, 0, 2)
    found = np.zeros(size)
    for hour, at in enumerate(rows):
        if at.size:
            inside = waits[of.day[at], :, hour * per : hour * per + steps]
            weight = np.moveaxis(of.profile[:, at], 0, 1)
            total = np.maximum(weight.sum(axis=(1, 2)), 1e-9)
            found[at] = (inside * weight).sum(axis=(1, 2)) / total
    return found


def usual_booths(hours: Sequence[int] | Ints, booths: Floats) -> Floats:
    """Give the median booths at each hour of the day, shape (24,), at least 1."""
    at = np.asarray(hours)
    whole = float(np.median(booths)) if booths.size else 1.0
    found = [float(np.median(booths[at == k])) if (at == k).any() else whole for k in range(HOURS)]
    return np.asarray(np.maximum(np.array(found), 1.0))
