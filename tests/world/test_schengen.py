"""A border whose system of entries and exits starts: coverage by date, and 90 days in any 180."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from biomatch_synthetic.itineraries.permission import FAR, last_of_window
from biomatch_synthetic.world import make
from hypothesis import given, settings
from hypothesis import strategies as st

import biomatch as bm
from biomatch.errors import SettingsError
from biomatch.overstay.records.persons import person_ids
from biomatch.rates import rate
from biomatch.settings.scenario import Scenario
from biomatch.system.stays import StayBook
from biomatch.tables.zones import local_dates, zones_of

SMALL = {"travellers": 900, "faces.profile": "visa-border-small", "watchlist.size": 20}
WHOLE = {**SMALL, "records.coverage": 1.0, "records.coverage_from": {}}
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def worlds():
    """The same border under the start of the system and under a system that is whole."""
    scenario = Scenario.load("schengen")
    made = [make(scenario.with_(changes), 3) for changes in (SMALL, WHOLE)]
    return [(observed, replace(truth, world_id=observed.id)) for observed, truth in made]


def slow_last_day(entry: date, earlier: set[date]) -> date:
    """Go on day by day while every window of 180 days holds at most 90 of presence."""
    day = entry
    while True:
        window = {inside for inside in earlier if inside > day - 180 * DAY}
        inside = window | {entry + DAY * k for k in range((day - entry).days + 1)}
        if len(inside) > 90:
            return day - DAY
        day += DAY


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 120), st.integers(0, 100)), max_size=4), st.integers(1, 150))
def test_the_window_is_that_of_the_slow_twin(stays, gap):
    first, last, at = [], [], 0
    for wait, length in stays:
        first.append(at + wait)
        last.append(at := at + wait + length)
    begin = at + gap
    found = last_of_window(np.array([begin]), np.array([[*first, FAR]]), np.array([[*last, -FAR]]))
    origin = date(2020, 1, 1)
    days = {origin + DAY * d for a, b in zip(first, last, strict=True) for d in range(a, b + 1)}
    assert origin + DAY * int(found[0]) == slow_last_day(origin + DAY * begin, days)


def test_coverage_grows_by_date_and_adds_records_only(worlds):
    """Sources [E4, E7]: 10% from 12 October 2025, 35% from 9 January, 50% by 10 March, all from 10 April."""
    part, whole = (observed.encounters for (observed, _) in worlds)
    key = ["document_number", "time", "direction"]
    assert part.select(key).join(whole.select(key), on=key, how="anti").is_empty()
    steps = [(date(2025, 7, 1), 0.0), (date(2025, 10, 12), 0.10), (date(2026, 1, 9), 0.35),
             (date(2026, 3, 10), 0.50), (date(2026, 4, 10), 1.0), (date(2027, 1, 1), 1.0)]  # fmt: skip
    zones = zones_of(worlds[0][0].about)
    days = [local_dates(table["time"], table["port"], zones) for table in (part, whole)]
    for (begin, share), (end, _) in pairwise(steps):
        kept, all_ = (int(((day >= begin) & (day < end)).sum()) for day in days)
        low, high = rate(kept, all_, 0.999).interval
        assert low - 0.03 <= share <= high + 0.03  # parties are recorded together


def test_the_truth_is_the_rule_over_all_stays_of_a_person(worlds):
    observed, truth = worlds[1]
    zones, told = zones_of(observed.about), observed.encounters.select("encounter_id", "time", "port")
    days = dict(zip(told["encounter_id"], local_dates(told["time"], told["port"], zones), strict=True))
    again = 0
    for _, stays in truth.stays.group_by("person_id", maintain_order=True):
        inside: set[date] = set()
        for stay in sorted(stays.iter_rows(named=True), key=lambda row: days[row["entry_id"]]):
            entry = days[stay["entry_id"]]
            assert stay["last_lawful_day"] == slow_last_day(entry, inside)
            again += bool(inside) and stay["last_lawful_day"] < entry + 89 * DAY
            left = days.get(stay["exit_id"]) or (stay["departed_at"].date() if stay["departed_at"] else entry)
            inside |= {entry + DAY * k for k in range((left - entry).days + 1)}
    assert again > 50  # earlier stays count


def test_a_system_judges_by_the_rule_over_linked_passports(worlds):
    observed, truth = worlds[1]
    point = bm.OperatingPoint.of(0.4, bm.System.load("default").with_({"stays.rules": "eu"}))
    book = StayBook(observed, None, date(2026, 9, 30), point)
    linked = book.linked(point)
    stays = book.listed(linked)
    person = person_ids(observed, linked)
    papers = observed.encounters.select(pl.struct("document_number", "document_issuer")).to_series()
    held = (
        pl.DataFrame({"person": person, "papers": papers}).group_by("person").agg(pl.col("papers").n_unique())
    )
    several = held.filter(pl.col("papers") > 1)["person"]
    rows = linked.stays["entry_row"].to_numpy()
    across = pl.Series(person[rows]).is_in(several.implode())
    assert across.sum() > 5
    # What is judged is the slow rule over the days that the links say, person by person.
    zones = zones_of(observed.about)
    port = observed.encounters["port"]
    entries = local_dates(linked.stays["entry_time"], port[rows], zones).to_list()
    exits = local_dates(
        linked.stays["exit_time"], port[linked.stays["exit_row"].clip(lower_bound=0)], zones
    ).to_list()
    inside: dict[int, set[date]] = {}
    for at in sorted(range(len(entries)), key=lambda at: (entries[at], at)):
        who = int(person[rows[at]])
        if across[at] and exits[at] is not None:
            assert stays["permitted_until"][at] == slow_last_day(entries[at], inside.get(who, set()))
        left = exits[at] or entries[at]
        inside.setdefault(who, set()).update(
            entries[at] + DAY * k for k in range((left - entries[at]).days + 1)
        )
    graded = bm.evaluate(bm.run(observed, at=point, on=[date(2026, 9, 30)]), truth)
    assert graded is not None


def test_cameras_by_date():
    scenario = Scenario.load("tiny").with_(
        {
            "captures.exit_coverage_from": {"2024-05-01": {"air": 0.0}, "2024-06-01": {"air": 1.0}},
            "captures.failure_to_acquire": 0.0,
        }
    )
    exits = make(scenario, 2)[0].encounters.filter(
        (pl.col("direction") == "exit") & (pl.col("source") == "port") & (pl.col("mode") == "air")
    )
    day, due = exits["time"].dt.date(), exits["failure"].cast(pl.String) != "not_attempted"
    off = (day >= date(2024, 5, 1)) & (day < date(2024, 6, 1))
    assert not due.filter(off).any()
    assert due.filter(day >= date(2024, 6, 1)).all()
    assert 0.6 < due.filter(day < date(2024, 5, 1)).mean() < 1.0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"records.coverage_from": {"2026-01-01": 1.2}}, "shares from 0 to 1"),
        ({"records.coverage_from": {"soon": 0.2}}, "coverage_from"),
        ({"captures.entry_coverage_from": {"2026-01-01": {"air": 2}}}, "shares from 0 to 1"),
        ({"captures.entry_coverage_from": {"2026-01-01": {}}}, "shares from 0 to 1"),
        ({"stays.class_mix": {"F1": 1.0}}, "short stays only"),
        ({"stays.law": "fr"}, "law"),
    ],
)
def test_bad_coverage_is_refused(change, said):
    with pytest.raises(SettingsError, match=said):
        Scenario.load("schengen").with_(change)


def test_names_of_older_worlds_stay():
    tiny = Scenario.load("tiny")
    assert "coverage_from" not in tiny.canonical()
    assert tiny.with_({"records.coverage": 0.5}).id != tiny.id
