"""The list of overstays of a result, worked through by people: in one order, or in every order."""

from __future__ import annotations

from biomatch.evaluation.overstays.review import Review, review_stays
from biomatch.evaluation.result import Result
from biomatch.settings.review import ORDERS, Order, ReviewSettings


def review(
    result: Result, settings: ReviewSettings | None = None, *, order: Order | None = None
) -> Review | None:
    """Have the list of a result reviewed, as of its last date.

    Parameters
    ----------
    result : Result
        What `evaluate` gave; its judged stays say who is listed, and who truly is an overstay.
    settings : ReviewSettings, optional
        Default: those that the result was judged with.
    order : str, optional
        Instead of the settings' own.

    Returns
    -------
    Review or None
        None where the result lists no stays at all (an external matcher's).

    Examples
    --------
    >>> import biomatch as bm
    >>> made = bm.world(bm.Scenario.load("tiny").with_({"travellers": 1500}), seed=1)
    >>> done = bm.run(made.observed, at=bm.OperatingPoint.of(0.4, bm.System()))
    >>> found = bm.review(bm.evaluate(done, made.truth, grid=0))
    >>> found.reviews + found.waiting == found.leads, found.backlog[0] == found.leads
    (True, True)
    """
    return review_stays(result.stays, settings or result.review_settings, order)


def review_orders(result: Result, settings: ReviewSettings | None = None) -> list[Review]:
    """Have the same list reviewed in every order that it offers; each lead meets the same officer's eyes."""
    found = [review(result, settings, order=order) for order in ORDERS]
    return [one for one, asked in zip(found, ORDERS, strict=True) if one is not None and one.order == asked]
