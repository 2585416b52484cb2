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


def us_one_stay(stay: dict[str, object], on: date) -> dict[str, object]:
    """Judge one United States stay step by step; nothing is shared with the fast version.

    The keys are those of `us.assess`. Classes: WT and WB may not file, the others here may.
    """
    from calendar import monthrange

    def get(name: str) -> date | None:
        return stay.get(name)

    kind = stay["admission_class"]
    last = get("admitted_until")
    if last is None and kind in ("F1", "J1", "M1"):
        grace = {"F1": 60, "J1": 30, "M1": 30}[kind]
        grace = {None: grace, "completed": grace, "withdrawn": 15, "terminated": 0}[
            stay.get("programme_ended")
        ]
        last = get("programme_end") and get("programme_end") + grace * DAY
    elif last is None and kind == "B2":
        month = stay["entry"].month + 6
        year, month = stay["entry"].year + (month > 12), (month - 1) % 12 + 1
        last = date(year, month, min(stay["entry"].day, monthrange(year, month)[1])) - DAY
    elif last is None and kind in ("WT", "WB"):
        last = stay["entry"] + 89 * DAY
    left = get("exit")
    if left is not None and (left > on or (get("exit_received_on") or left) > on):
        left = None
    due = last
    if kind in ("WT", "WB") and get("satisfactory_departure_until") and last:
        due = max(last, min(get("satisfactory_departure_until"), last + 30 * DAY))
    filed, adjusted = get("extension_filed_on"), get("adjusted_on")
    timely = (
        filed is not None and filed <= on and kind not in ("WT", "WB") and (last is None or filed <= last)
    )
    settled = adjusted is not None and adjusted <= on and (left is None or adjusted <= left)
    over = 0
    if left is not None and (due is None or left <= due):
        status = "compliant"
    elif timely or settled:
        status = "status_changed"
    elif left is not None:
        status, over = "out_of_country_overstay", (left - last).days
    elif get("next_entry") is not None and get("next_entry") <= on:
        status = "departure_inferred"
    elif due is None or on <= due:
        status = "not_yet_due"
    else:
        status, over = "suspected_in_country_overstay", (on - last).days
    bin_ = "none"
    if over:
        first, end = last + DAY, left or on
        try:
            anniversary = first.replace(year=first.year + 1)
        except ValueError:  # 29 February
            anniversary = date(first.year + 1, 2, 28)
        bin_ = "up_to_180_days" if over <= 180 else "over_180_days"
        if end >= anniversary - DAY:
            bin_ = "one_year_or_more"
    dated = get("admitted_until") is not None or kind not in ("F1", "J1", "M1")
    return {
        "last_lawful_day": last,
        "status": status,
        "days_over": over,
        "fiscal_year": None if last is None else last.year + (last >= date(last.year, 10, 1)),
        "expected_departure": last is not None and stay["entry"] <= on and stay.get("mode") != "land",
        "severity": bin_ if dated else "none",
        "visa_void": over > 0 and dated,
    }


@pytest.fixture(scope="session")
def us_twin():
    return us_one_stay
