"""The European rule for stays that are linked: how long each was lawful, over all passports of its person."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from biomatch.overstay.rules import eu
from biomatch.portable.types import Ints
from biomatch.tables.produced import STAY_STATUSES


def lawful_until(
    person: Ints, entry: Ints, exit_: Ints, rules: eu.EuRules = eu.RULES, limit: Ints | None = None
) -> Ints:
    """Give the last lawful day of each stay: the maximum stay that is authorised at entry [E5].

    Parameters
    ----------
    person : ndarray of int64
        Shape (n,).
    entry, exit_ : ndarray of int64
        Shape (n,): first and last day of presence, as day numbers; of a stay whose end is not known, the
        last day that is known.
    rules : EuRules
        Limit and window.
    limit : ndarray of int64, optional
        Shape (n,): days that each entry allows; default: the rule's.

    Returns
    -------
    ndarray of int64
        Shape (n,): the last day such that on every day from the entry on at most ``limit_days`` of the
        window were spent inside, given the person's earlier stays; the day before the entry where none is.

    Notes
    -----
    With ``d`` days since the entry, days used are ``d`` and those of earlier stays that are still in the
    window: a number that never falls as ``d`` grows, so the last lawful day is found by bisection.

    Examples
    --------
    >>> lawful_until(np.array([1]), np.array([0]), np.array([0])).tolist()  # 90 days, the first included
    [89]
    """
    if not len(person):
        return np.zeros(0, dtype=np.int64)
    order = np.lexsort((exit_, entry, person))
    who, first, last = person[order], entry[order], exit_[order]
    start, length = _disjoint(who, first, last)
    # One axis for all persons, so that one search serves them: their days lie far apart.
    origin, span = int(first.min()) - 400, int(max(last.max(), first.max()) - first.min()) + 1000
    code = np.unique(who, return_inverse=True)[1].astype(np.int64) * span
    begins = code + start - origin
    total = np.concatenate([[0], np.cumsum(length)])

    def before(day: Ints) -> Ints:
        """Count days of presence of each row's person, and of those before, earlier than a day."""
        at = code + day - origin
        place = np.searchsorted(begins, at, side="left") - 1
        inside = np.clip(at - begins[np.maximum(place, 0)], 0, length[np.maximum(place, 0)])
        return np.asarray(np.where(place >= 0, total[np.maximum(place, 0)] + inside, 0))

    until = before(first)
    most = np.full(len(first), rules.limit_days, dtype=np.int64) if limit is None else limit[order]
    low, high = np.zeros(len(first), dtype=np.int64), most.copy()
    while (low < high).any():
        days = (low + high + 1) // 2
        window = np.minimum(first + days - rules.window_days, first)
        fits = days + until - before(window) <= most
        low, high = np.where(fits, days, low), np.where(fits, high, days - 1)
    found = np.empty(len(first), dtype=np.int64)
    found[order] = first + low - 1
    return found


def assess_linked(stays: pl.DataFrame, person: Ints, on: date) -> pl.DataFrame:
    """Judge linked stays by 90 days in any 180 of their person, or by an earlier day that the record permits.

    Parameters
    ----------
    stays : polars.DataFrame
        Columns entry, exit, next_entry, permitted_until (Date; all but entry may be null).
    person : ndarray of int64
        Shape (n,): whose each stay is, over all passports.
    on : datetime.date
        The day of the check.

    Returns
    -------
    polars.DataFrame
        Row by row: ``last_lawful_day`` (Date), ``status`` (Enum of `STAY_STATUSES`), ``days_over`` (Int32).
    """
    entry = stays["entry"].to_physical().to_numpy().astype(np.int64)
    exit_ = stays["exit"].to_physical()
    day = (on - date(1970, 1, 1)).days
    closed, again = stays["exit"].is_not_null().to_numpy(), stays["next_entry"].is_not_null().to_numpy()
    # Of a stay that a later entry ended only its first day is known to be one of presence.
    end = np.where(closed, exit_.fill_null(0).to_numpy(), np.where(again, entry, max(day, 0)))
    end = np.maximum(end.astype(np.int64), entry)
    last = lawful_until(person, entry, end)
    permitted = stays["permitted_until"]
    until = permitted.to_physical().fill_null(0).to_numpy()
    last = np.where(permitted.is_not_null().to_numpy(), np.minimum(last, until), last)
    over = np.where(closed, end, day) > last
    status = np.select(
        [closed & ~over, closed, again, ~over],
        ["compliant", "out_of_country_overstay", "departure_inferred", "not_yet_due"],
        "suspected_in_country_overstay",
    )
    is_over = np.isin(status, ["out_of_country_overstay", "suspected_in_country_overstay"])
    return pl.DataFrame(
        [
            pl.Series("last_lawful_day", last.astype(np.int32)).cast(pl.Date),
            pl.Series("status", status, dtype=pl.String).cast(pl.Enum(STAY_STATUSES)),
            pl.Series("days_over", np.where(is_over, np.where(closed, end, day) - last, 0).astype(np.int32)),
        ]
    )


def _disjoint(who: Ints, first: Ints, last: Ints) -> tuple[Ints, Ints]:
    """Cut stays, sorted by person and entry, so that no day counts twice; give first days and lengths."""
    reach = np.empty(len(who), dtype=np.int64)
    far = int(max(last.max(), first.max()) - min(last.min(), first.min())) + 2
    code = np.unique(who, return_inverse=True)[1].astype(np.int64) * far
    low = int(min(last.min(), first.min()))
    ahead = np.maximum.accumulate(code + last - low)
    reach[0] = np.iinfo(np.int64).min // 2
    same = who[1:] == who[:-1]
    reach[1:] = np.where(same, ahead[:-1] - code[1:] + low, np.iinfo(np.int64).min // 2)
    start = np.maximum(first, reach + 1)
    return start, np.maximum(last - start + 1, 0)
