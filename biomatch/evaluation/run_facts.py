"""What was known of a run's world on its last day, gathered once for all who weigh evidence after it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache

from biomatch.evaluation.trials import observed_of
from biomatch.fraud.facts import Facts
from biomatch.system.run import Run
from biomatch.system.stays import StayBook

GetFacts = Callable[[], Facts]


def facts_of(run: Run) -> GetFacts:
    """Give a function that gathers the facts when it is first asked, and hands the same out from then on.

    Parameters
    ----------
    run : Run
        With its world's observed side.
    """

    @cache
    def gathered() -> Facts:
        observed, day = observed_of(run.lists), date.fromisoformat(run.about["on"][-1])
        links = StayBook(observed, run.lists, day, run.point).links.stays
        return Facts(observed, run.lists, links, day, run.point.system.alerts.unseen_departures)

    return gathered
