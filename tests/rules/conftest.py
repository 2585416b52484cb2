"""Slow twins: the stay rules over sets of days and one stay at a time, as one would do them by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import pytest

DAY = timedelta(days=1)


@dataclass(frozen=True)
class EuRow:
    """One row of a file for ``stays eu``."""

    entry: date
    exit: date | None = None
    basis: str | None = None
    max_days: int | None = None


def days_of(first: date, last: date) -> set[date]:
    return {first + i * DAY for i in range((last - first).days + 1)}


def eu_by_day_sets(rows: list[EuRow], on: date) -> dict[str, object]:
    """Judge one traveller with sets of days and loops over days; nothing is shared with the fast version."""
    begun = [r for r in rows if r.entry <= on]
    short = [r for r in begun if r.basis in (None, "short_stay")]
    hidden: set[date] = set()
    for r in begun:
        if r not in short:
            hidden |= days_of(r.entry, min(r.exit or on, on))
    allowed = {}  # day of presence -> limit of its own entry: latest entry, then the strictest
    for r in sorted(short, key=lambda r: (r.entry, -(r.max_days or 90))):
        for d in days_of(r.entry, min(r.exit or on, on)):
            allowed[d] = r.max_days or 90
    presence = set(allowed) - hidden

    def used(d: date, extra: frozenset[date] | set[date] = frozenset()) -> int:
        return len((presence | extra) & days_of(d - 179 * DAY, d))

    limit = 90
    if short:
        latest = max(r.entry for r in short)
        limit = min(r.max_days or 90 for r in short if r.entry == latest)
    inside = on in presence
    own = allowed[on] if inside else limit
    until, going_on = None, set()
    d = on
    while True:
        going_on.add(d)
        if used(d, going_on) > own:
            break
        until = d
        d += DAY
    entry = on + DAY if inside else on
    while used(entry, {entry}) > limit:
        entry += DAY
    return {
        "limit": limit,
        "used": used(on),
        "remaining": max(0, limit - used(on)),
        "excess": max(0, used(on) - limit),
        "overstay_days": sum(used(d) > allowed[d] for d in presence),
        "may_stay_until": until,
        "next_entry": entry,
        "inside": inside,
    }


@pytest.fixture(scope="session")
def eu_twin():
    return eu_by_day_sets


@pytest.fixture(scope="session")
def eu_row():
    return EuRow
