"""What people make of the list of overstays: confirmed, closed, waiting, in which order."""

from __future__ import annotations

from biomatch.evaluation.overstays.review import PARTS, Review
from biomatch.evaluation.overstays.review_orders import review, review_orders
from biomatch.evaluation.result import Result
from biomatch.rates import rate
from biomatch.reporting.figures import Ratio, count, percent
from biomatch.reporting.tables import Table, Value

CLOSED_2011 = "54% (863,000 of 1.6 million unmatched arrivals, United States, 2011, GAO-13-683)"
ORDER_NAMES = {
    "posterior": "most probable first",
    "days_over": "longest over first",
    "severity": "worst bar to return first",
    "newest": "newest first",
}


def review_table(result: Result) -> Table | None:
    """Show what one review of the list leaves; None without leads."""
    found = result.review
    if found is None or not found.leads:
        return None
    confirmed = found.true_confirmed + found.wrongly_confirmed
    strict = review(result, found.settings.with_({"found_elsewhere": 0.0})) or found
    rows: tuple[tuple[Value, ...], ...] = (
        ("Leads on the list", found.leads, None, None),
        ("True among them, before review", found.true_leads, Ratio.of(found.listed_precision), "leads"),
        ("Looked at", found.reviews, None, None),
        ("Confirmed", confirmed, Ratio.of(rate(confirmed, found.reviews)), "looked at"),
        ("True among the confirmed", found.true_confirmed, Ratio.of(found.precision), "confirmed"),
        (
            "Confirmed in error",
            found.wrongly_confirmed,
            Ratio.of(found.false_confirmation_rate),
            "looked at, no overstays",
        ),
        (
            "True among the confirmed, if only received records could close a lead",
            strict.true_confirmed,
            Ratio.of(strict.precision),
            "confirmed",
        ),
        (
            "Overstays closed by mistake",
            found.wrongly_closed,
            Ratio.of(found.false_closure_rate),
            "looked at, overstays",
        ),
        ("Closed", found.reviews - confirmed, Ratio.of(found.closed), "looked at"),
        ("Still waiting", found.waiting, None, None),
        ("Reviews for each true overstay confirmed", found.reviews_per_overstay, None, None),
    )
    return Table(
        "review",
        f"The list after {_work(found)}",
        ("What", "Number", "Share, 95% interval", "Of"),
        rows,
        f"Officers close {percent(found.settings.false_closure)} of true overstays by mistake and confirm "
        f"{percent(found.settings.false_confirmation)} of those whose departure can be shown (errors of "
        "passport officers, White et al. 2014). Of departures without a received record, "
        f"{percent(found.settings.found_elsewhere)} are taken to be learnt of elsewhere. "
        f"Published, closed on review: {CLOSED_2011}.",
    )


def _work(found: Review) -> str:
    a_day = found.settings.reviews_a_day
    pace = "" if a_day is None else f", {a_day:,g} reviews a day"
    days = found.settings.days
    return f"{count(days)} {'day' if days == 1 else 'days'} of review{pace}, {ORDER_NAMES[found.order]}"


def orders_table(result: Result) -> Table | None:
    """Show what each order of the same list has confirmed after a part of the reviews; None without leads."""
    found = review_orders(result)
    if not found or not found[0].leads:
        return None
    rows = []
    for one in found:
        cells: list[Value] = [ORDER_NAMES[one.order].capitalize()]
        for part in PARTS:
            budget = round(part * one.leads)
            cells.append(Ratio.of(rate(one.after(budget)[0], one.true_leads)))
        rows.append(tuple(cells))
    return Table(
        "review-orders",
        "Overstays of the list that are confirmed, by the order of the work",
        ("Order", *(f"After {percent(part, 2)} of the list" for part in PARTS)),
        tuple(rows),
        "Of the true overstays on the list; the same officers' errors in every order. A lead beyond what the "
        "days allow is not looked at.",
    )


def backlog_table(result: Result) -> Table | None:
    """Show what is waiting and what is confirmed at the end of each day; None without leads."""
    found = result.review
    if found is None or not found.leads:
        return None
    rows = []
    for day, waiting in enumerate(found.backlog):
        done = (found.day > 0) & (found.day <= day)
        confirmed = done & found.confirmed
        true = int((confirmed & found.is_overstay).sum())
        rows.append((str(day), waiting, int(done.sum()), true, int(confirmed.sum()) - true))
    return Table(
        "backlog",
        "Leads waiting at the end of each day",
        ("Day", "Waiting", "Looked at", "Confirmed, true", "Confirmed in error"),
        tuple(rows),
        "Day 0 is the list's own date.",
    )
