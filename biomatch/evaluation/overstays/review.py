"""A list of overstays worked through by people: who is confirmed, who is closed, and what is left waiting.

An officer looks for the departure of the traveller on a lead and compares faces. Sometimes two people are
judged to be one: a true overstay is closed. Sometimes one person's two pictures are judged to show two
people: a lead is confirmed in error. Where no record of a departure has arrived by the day of the review, it
may be learnt of elsewhere; if not, there is nothing to compare, and the lead is confirmed, whoever looks.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.curves.clustered_rates import by_subject
from biomatch.errors import ResultsError
from biomatch.overstay.rules.us_classes import STATUS_CODES
from biomatch.overstay.rules.us_days import number, severities
from biomatch.portable.types import Bools, Ints
from biomatch.rates import Rate, clustered_rate
from biomatch.settings.review import Order, ReviewSettings
from biomatch.streams import stream

NEEDED = ("entry_id", "person_id", "days_over", "is_overstay")
PARTS = (0.25, 0.5, 1.0)
"""Parts of the list after which orders are compared."""
UNRECORDED = "left unrecorded"


@dataclass(frozen=True, eq=False)
class Review:
    """What became of one list of leads.

    Attributes
    ----------
    as_of : date
        The list's date; the first review is on the day after.
    settings : ReviewSettings
        Capacity, order and errors.
    order : str
        In which the leads were taken: ``"days_over"`` where a posterior was asked for and there is none.
    leads, true_leads : int
        Leads on the list, and those who truly are in-country overstays.
    entry : ndarray of int64
        Shape (leads,): the stay's entry. All arrays are in the order of the work, leads that were not
        reviewed last.
    day : ndarray of int64
        Shape (leads,): the day of each lead's review, 1 being the first; 0: not reviewed in time.
    is_overstay, confirmed : ndarray of bool
        Shape (leads,): whether it is a true overstay; whether an officer confirmed it.
    shown : ndarray of bool
        Shape (leads,): whether a departure could be shown on the day of the review, by a record or otherwise.
    person : ndarray of int64
        Shape (leads,): the traveller, for intervals.
    backlog : tuple of int
        Leads waiting at the end of each day, the list's own day first.
    """

    as_of: date
    settings: ReviewSettings
    order: str
    leads: int
    true_leads: int
    entry: Ints
    day: Ints
    is_overstay: Bools
    confirmed: Bools
    shown: Bools
    person: Ints
    backlog: tuple[int, ...]

    @property
    def reviews(self) -> int:
        """Leads that somebody looked at."""
        return int(np.count_nonzero(self.day))

    @property
    def true_confirmed(self) -> int:
        """True overstays that were confirmed."""
        return int(np.count_nonzero(self.confirmed & self.is_overstay))

    @property
    def wrongly_confirmed(self) -> int:
        """Confirmed, and no overstay."""
        return int(np.count_nonzero(self.confirmed & ~self.is_overstay))

    @property
    def confirmed_unseen(self) -> int:
        """Of `wrongly_confirmed`: nothing could have shown the departure."""
        return int(np.count_nonzero(self.confirmed & ~self.is_overstay & ~self.shown))

    @property
    def wrongly_closed(self) -> int:
        """True overstays that were closed."""
        return int(np.count_nonzero(self._reviewed & ~self.confirmed & self.is_overstay))

    @property
    def rightly_closed(self) -> int:
        """Leads listed in error that were closed."""
        return int(np.count_nonzero(self._reviewed & ~self.confirmed & ~self.is_overstay))

    @property
    def waiting(self) -> int:
        """Leads that nobody had looked at when the days were over."""
        return self.leads - self.reviews

    @property
    def precision(self) -> Rate:
        """True overstays / confirmed leads, in [0, 1], travellers as clusters; no value without any."""
        return self._rate(self.is_overstay, self.confirmed)

    @property
    def listed_precision(self) -> Rate:
        """True overstays / leads of the whole list, before any review; no value for an empty list."""
        return self._rate(self.is_overstay, np.ones(self.leads, dtype=bool))

    @property
    def false_confirmation_rate(self) -> Rate:
        """Confirmed / reviewed leads that are no overstays, in [0, 1]; no value where there was none."""
        return self._rate(self.confirmed, self._reviewed & ~self.is_overstay)

    @property
    def false_closure_rate(self) -> Rate:
        """Closed / reviewed true overstays, in [0, 1]; no value where there was none."""
        return self._rate(~self.confirmed, self._reviewed & self.is_overstay)

    @property
    def closed(self) -> Rate:
        """Closed / reviewed leads, in [0, 1]: 54% of the backlog of 2011 [A2]; no value without reviews."""
        return self._rate(~self.confirmed, self._reviewed)

    @property
    def reviews_per_overstay(self) -> float | None:
        """Reviews for each true overstay that was confirmed; None where none was."""
        return self.reviews / self.true_confirmed if self.true_confirmed else None

    @property
    def days_to_clear(self) -> int | None:
        """The day on which the last lead was looked at; None where some are still waiting."""
        return None if self.waiting else int(self.day.max(initial=0))

    def after(self, reviews: int) -> tuple[int, int]:
        """Give true overstays and all leads confirmed by the first so many reviews.

        Leads beyond `reviews` that the capacity allowed count as not looked at.
        """
        done = self.confirmed[: min(max(reviews, 0), self.reviews)]
        return int(np.count_nonzero(done & self.is_overstay[: len(done)])), int(np.count_nonzero(done))

    @property
    def _reviewed(self) -> Bools:
        return np.asarray(self.day > 0)

    def _rate(self, events: Bools, among: Bools) -> Rate:
        return clustered_rate(*by_subject(events[among], self.person[among]))

    def frame(self) -> pl.DataFrame:
        """Give a row a lead, in the order of the work: entry_id and the arrays of the same names."""
        columns = {"entry_id": self.entry, "day": self.day, "is_overstay": self.is_overstay}
        return pl.DataFrame({**columns, "confirmed": self.confirmed, "shown": self.shown})

    def to_json(self) -> dict[str, Any]:
        """Give counts, rates and the backlog as plain data."""
        return {
            "as_of": self.as_of.isoformat(),
            "settings": self.settings.model_dump(mode="json"),
            "order": self.order,
            "leads": self.leads,
            "true_leads": self.true_leads,
            "reviews": self.reviews,
            "confirmed": self.true_confirmed + self.wrongly_confirmed,
            "true_confirmed": self.true_confirmed,
            "wrongly_confirmed": self.wrongly_confirmed,
            "confirmed_unseen": self.confirmed_unseen,
            "wrongly_closed": self.wrongly_closed,
            "rightly_closed": self.rightly_closed,
            "waiting": self.waiting,
            "days_to_clear": self.days_to_clear,
            "reviews_per_overstay": self.reviews_per_overstay,
            "listed_precision": self.listed_precision.to_json(),
            "precision": self.precision.to_json(),
            "false_confirmation_rate": self.false_confirmation_rate.to_json(),
            "false_closure_rate": self.false_closure_rate.to_json(),
            "closed": self.closed.to_json(),
            "backlog": list(self.backlog),
        }


def review_stays(judged: pl.DataFrame, settings: ReviewSettings, order: Order | None = None) -> Review | None:
    """Have the last list of judged stays reviewed.

    Parameters
    ----------
    judged : polars.DataFrame
        Judged stays, as a `Result` holds them; they say who is listed, and who truly is an overstay.
    settings : ReviewSettings
        Capacity, order and errors.
    order : str, optional
        Instead of the settings' own.

    Returns
    -------
    Review or None
        None where no stay was judged at all (an external matcher's result).
    """
    if not judged.height:
        return None
    last = judged["as_of"].max()
    if not isinstance(last, date):
        raise ResultsError(f"as_of of the judged stays is {last!r}", allowed="a date")
    asked = settings if order is None else settings.with_({"order": order})
    return review_leads(leads_of(judged, last), asked, as_of=last)


def leads_of(judged: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Give the leads of judged stays as `review_leads` takes them.

    That a lead is listed in error can be shown from the day on which the record of its departure was received
    (``evidence_from``); a result that does not say so takes every record for received.
    """
    due = judged.filter((pl.col("as_of") == as_of) & pl.col("expected") & pl.col("listed"))
    if "evidence_from" not in due.columns:
        shown = pl.when(pl.col("cause").fill_null("") != UNRECORDED).then(pl.lit(as_of))
        due = due.with_columns(evidence_from=shown)
    return due.select(
        "entry_id",
        "person_id",
        "days_over",
        "p_overstay",
        "permitted_until",
        "evidence_from",
        is_overstay="truly_inside_over",
    )


def review_leads(leads: pl.DataFrame, settings: ReviewSettings, *, as_of: date) -> Review:
    """Work through a list of leads, so many a day, from the first in order.

    Parameters
    ----------
    leads : polars.DataFrame
        A row a lead. Needed: ``entry_id``, ``person_id`` (Int64), ``days_over`` (integer), ``is_overstay``
        (Boolean: the truth). Optional: ``p_overstay`` (Float64, null: none), ``permitted_until`` (Date; the
        last lawful day, for calendar years of severity), ``admission_class`` (str; in duration of status
        nothing accrues, so such leads have no severity), ``evidence_from`` (Date: the day from which a
        departure can be shown; null: never. Without the column: from the beginning), ``listed_on`` (Date:
        when the lead joins the list; without the column: before the first day).
    settings : ReviewSettings
        Capacity, order and errors.
    as_of : date
        The list's date; the first reviews are made on the day after.

    Returns
    -------
    Review

    Raises
    ------
    ResultsError
        For a missing column, a lead that stands there twice, or a null where a value is needed.

    Notes
    -----
    Each lead's officer is drawn by its place among the leads' ids, so that the order of the work changes
    nobody's verdict, but for records that arrive in between. Equal values are taken by entry id.

    Examples
    --------
    >>> leads = pl.DataFrame({"entry_id": [1, 2, 3], "person_id": [7, 8, 9], "days_over": [5, 400, 30],
    ...                       "is_overstay": [False, True, True]})
    >>> sure = ReviewSettings().with_({"reviews_a_day": 1, "days": 2, "order": "days_over",
    ...                                "false_closure": 0, "false_confirmation": 0})
    >>> found = review_leads(leads, sure, as_of=date(2025, 3, 31))
    >>> found.true_confirmed, found.waiting, found.backlog
    (2, 1, (3, 2, 1))
    """
    _check(leads)
    leads = leads.sort("entry_id")
    count = leads.height
    order, rank = _ranked(leads, settings.order, as_of)
    arrives = np.zeros(count, dtype=np.int64)
    if "listed_on" in leads.columns:
        arrives = np.maximum(_days(leads["listed_on"]) - number(as_of), 0)
    day, backlog = _work(rank, arrives, settings)
    eyes = stream(settings.seed, "review.eyes").random(count)
    elsewhere = stream(settings.seed, "review.elsewhere").random(count) < settings.found_elsewhere
    is_overstay = leads["is_overstay"].to_numpy()
    shown = np.ones(count, dtype=bool)
    if "evidence_from" in leads.columns:
        from_day = leads["evidence_from"]
        received = _days(from_day.fill_null(date.max)) <= number(as_of) + day
        shown = (received & ~from_day.is_null().to_numpy()) | elsewhere
    stands = ~shown | (eyes < settings.false_confirmation)
    confirmed = (day > 0) & np.where(is_overstay, eyes >= settings.false_closure, stands)
    done = np.lexsort((rank, np.where(day > 0, day, np.iinfo(np.int64).max)))
    return Review(
        as_of=as_of,
        settings=settings,
        order=order,
        leads=count,
        true_leads=int(np.count_nonzero(is_overstay)),
        entry=leads["entry_id"].to_numpy()[done],
        day=day[done],
        is_overstay=is_overstay[done],
        confirmed=confirmed[done],
        shown=shown[done],
        person=leads["person_id"].to_numpy()[done],
        backlog=backlog,
    )


def _check(leads: pl.DataFrame) -> None:
    for name in NEEDED:
        if name not in leads.columns:
            raise ResultsError(f"the leads lack the column {name!r}", allowed=", ".join(NEEDED))
        if leads[name].null_count():
            raise ResultsError(f"a lead has no {name}", allowed="a value in every row")
    if leads["entry_id"].n_unique() < leads.height:
        raise ResultsError("a stay is a lead twice", allowed="one row for each entry_id")


def _days(column: pl.Series) -> Ints:
    return column.cast(pl.Date).to_physical().to_numpy().astype(np.int64)


def _ranked(leads: pl.DataFrame, order: Order, as_of: date) -> tuple[Order, Ints]:
    """Give the order that can be had, and the place of each lead in it (0: first)."""
    longest = -leads["days_over"].to_numpy().astype(np.int64)
    entry = leads["entry_id"].to_numpy()
    unlikely: NDArray[Any] | None = None
    if "p_overstay" in leads.columns and not leads["p_overstay"].is_null().all():
        unlikely = -leads["p_overstay"].fill_null(1.0).to_numpy().astype(np.float64)
    keys: tuple[NDArray[Any], ...]  # the last one decides first
    if order == "posterior" and unlikely is not None:
        keys = (entry, longest, unlikely)
    elif order == "severity":
        keys = (entry, longest if unlikely is None else unlikely, -_severity(leads, -longest, as_of))
    elif order == "newest":
        keys = (entry, -longest)
    else:
        order, keys = "days_over", (entry, longest)
    rank = np.empty(leads.height, dtype=np.int64)
    rank[np.lexsort(keys)] = np.arange(leads.height)
    return order, rank


def _severity(leads: pl.DataFrame, days_over: Ints, as_of: date) -> Ints:
    """Give the bin of each lead (see `us_days.SEVERITIES`); 0 in a class admitted for duration of status."""
    last = np.full(leads.height, number(as_of), dtype=np.int64) - days_over
    if "permitted_until" in leads.columns:
        known = leads["permitted_until"]
        last = np.where(known.is_null().to_numpy(), last, _days(known.fill_null(as_of)))
    end = np.full(leads.height, number(as_of), dtype=np.int32)
    found = severities(last.astype(np.int32), end).astype(np.int64)
    if "admission_class" in leads.columns:
        found[
            leads["admission_class"].cast(pl.String).is_in(STATUS_CODES).fill_null(value=False).to_numpy()
        ] = 0
    return found


def _work(rank: Ints, arrives: Ints, settings: ReviewSettings) -> tuple[Ints, tuple[int, ...]]:
    """Give the day of each lead's review (0: none) and the leads waiting at the end of each day.

    On every day the first in rank of those who wait are looked at. Of a capacity that is no whole number,
    the rest is carried over to the next day.
    """
    day = np.zeros(len(rank), dtype=np.int64)
    by_day: dict[int, list[int]] = {}
    for lead in np.argsort(arrives, kind="stable").tolist():
        by_day.setdefault(int(arrives[lead]), []).append(lead)
    a_day = settings.reviews_a_day or -(-len(rank) // settings.days)
    waiting: list[tuple[int, int]] = []
    backlog, spent = [], 0
    for today in range(settings.days + 1):
        for lead in by_day.get(today, ()):
            heapq.heappush(waiting, (int(rank[lead]), lead))
        # The sum of whole days, so that a third of a review a day makes one in three days.
        due = int(a_day * today + 1e-9)
        for _ in range(min(due - spent, len(waiting)) if today else 0):
            day[heapq.heappop(waiting)[1]] = today
        spent = due
        backlog.append(len(waiting))
    return day, tuple(backlog)
