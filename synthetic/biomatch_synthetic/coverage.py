"""Coverage that grows by date: which crossings a new system of entries and exits records at all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np

from biomatch.portable.types import Floats
from biomatch.settings.scenario import Scenario
from biomatch.streams import stream
from biomatch_synthetic.draft import DAY_MS, Draft


def by_day(scenario: Scenario, before: float, steps: Mapping[date, float]) -> Floats:
    """Give a share for each of a world's days.

    Parameters
    ----------
    scenario : Scenario
        Its first day and number of days.
    before : float
        The share before the first step.
    steps : mapping of datetime.date to float
        From each day on.

    Returns
    -------
    ndarray of float64
        Shape (days,).

    Examples
    --------
    >>> tiny = Scenario.load("tiny").with_({"days": 80})
    >>> by_day(tiny, 0.0, {date(2024, 1, 3): 0.1, date(2024, 1, 5): 1.0})[:6].tolist()
    [0.0, 0.0, 0.1, 0.1, 1.0, 1.0]
    """
    shares = np.full(scenario.days, before)
    for day, share in sorted(steps.items()):
        shares[max(0, (day - scenario.first_day).days) :] = share
    return shares


def leave_out(draft: Draft) -> None:
    """Take away the records of crossings that the system does not cover yet.

    Who travels together is recorded together, and a crossing's draw is the same whatever the coverage, so a
    higher share adds records and changes none. Carriers' manifests are another system's.
    """
    records, encounters = draft.scenario.records, draft.encounters
    if records.coverage >= 1.0 and not records.coverage_from:
        return
    share = by_day(draft.scenario, records.coverage, records.coverage_from)
    luck = stream(draft.seed, "records.coverage").random(2 * len(draft.trips))
    day = np.clip(encounters["time"] // DAY_MS, 0, draft.scenario.days - 1)
    kept = luck[encounters["leg"]] < share[day]
    place = np.where(kept, np.cumsum(kept) - 1, -1)
    draft.encounters = encounters.take(np.flatnonzero(kept))
    for name in ("entry", "exit"):
        row = draft.journeys[name]
        draft.journeys[name] = np.where(row >= 0, place[np.maximum(row, 0)], -1)
    draft.events = [
        (kind, np.where(row >= 0, place[np.maximum(row, 0)], -1), actor, victim, document)
        for kind, row, actor, victim, document in draft.events
    ]
