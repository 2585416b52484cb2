"""Speed of the stay rules on five million stays: against a plain loop, and against one sort of the table.

Ratios are taken in one run and stand in ``extra_info``: ``times_one_sort`` (target: at most 3) and
``times_faster_than_loop`` (target: at least 100; the loop runs on a sample, per stay). The loops are plain
but not foolish: a sliding window over a traveller's days, one pass over each stay's fields.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from biomatch.overstay.rules import eu, us
from biomatch.overstay.rules.us_classes import CODES
from biomatch.streams import stream

STAYS = 5_000_000
SAMPLE = 20_000
ON = date(2026, 1, 1)
DAY = timedelta(days=1)
ROUNDS = 3
pytestmark = pytest.mark.timeout(1800)  # a shared machine can be slow: a benchmark is not hung


def dates(days: Any) -> pl.Series:
    return pl.Series(np.asarray(days, dtype=np.int32)).cast(pl.Date)


def best_of(call: Callable[[], object]) -> float:
    """Give the shortest of several runs in seconds."""
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def eu_stays(kind: str) -> pl.DataFrame:
    """Make five million stays in four years, in no order.

    ``numbers``: 1.5 million travellers named by whole numbers; ``text``: the same, by text; ``frequent``:
    100,000 travellers with 50 stays each; ``mixed``: ``text`` with limits of their own and residence permits.
    """
    rng = stream(1, f"bench.rules.eu.{kind}")
    travellers = 100_000 if kind == "frequent" else 1_500_000
    entry = rng.integers(19_000, 20_454, STAYS)
    length = rng.gamma(2.0, 5.0 if kind == "frequent" else 10.0, STAYS).astype(np.int64)
    made = pl.DataFrame(
        {
            "traveller": rng.integers(0, travellers, STAYS),
            "entry": dates(entry),
            "exit": dates(entry + length),
        }
    )
    if kind in ("text", "mixed"):
        made = made.with_columns(traveller="P" + pl.col("traveller").cast(pl.String))
    if kind == "mixed":
        limits = pl.Series(rng.choice([15, 30, 90], STAYS, p=[0.05, 0.05, 0.9]))
        permit = pl.Series(rng.random(STAYS) < 0.02)
        made = made.with_columns(
            max_days=limits,
            basis=pl.when(permit).then(pl.lit("residence_permit")).otherwise(pl.lit("short_stay")),
        )
    return made


def eu_loop(stays: pl.DataFrame, on: date) -> list[tuple[int, int, int, date | None, date]]:
    """Apply the European rule traveller by traveller, day by day."""
    by_traveller: dict[Any, list[tuple[date, date | None]]] = {}
    for traveller, entry, exit_ in stays.select("traveller", "entry", "exit").iter_rows():
        by_traveller.setdefault(traveller, []).append((entry, exit_))
    made = []
    for rows in by_traveller.values():
        presence = set()
        for entry, exit_ in rows:
            day = entry
            while day <= min(exit_ or on, on):
                presence.add(day)
                day += DAY
        window: deque[date] = deque()
        overstay = 0
        for day in sorted(presence):
            window.append(day)
            while window[0] < day - 179 * DAY:
                window.popleft()
            overstay += len(window) > 90
        while window and window[0] < on - 179 * DAY:
            window.popleft()
        used = len(window)
        past = [day for day in window if day < on]
        until, day, count, left = None, on, 0, deque(past)
        while True:
            count += 1
            while left and left[0] < day - 179 * DAY:
                left.popleft()
            if len(left) + count > 90:
                break
            until = day
            day += DAY
        entry = on + DAY if on in presence else on
        left = deque(sorted(presence)[-180:])
        while True:
            while left and left[0] < entry - 179 * DAY:
                left.popleft()
            if len(left) + 1 <= 90:
                break
            entry += DAY
        made.append((used, max(0, used - 90), overstay, until, entry))
    return made


@pytest.mark.parametrize("kind", ["numbers", "text", "frequent", "mixed"])
def test_eu(benchmark: Any, kind: str) -> None:
    stays = eu_stays(kind)
    result = benchmark.pedantic(eu.assess, (stays, ON), rounds=ROUNDS, warmup_rounds=1)
    seconds = best_of(lambda: eu.assess(stays, ON))
    sort = best_of(lambda: stays.sort("traveller", "entry"))
    benchmark.extra_info.update(
        stays=STAYS, seconds=seconds, sort_seconds=sort, times_one_sort=seconds / sort
    )
    if kind != "mixed":
        some = (
            stays["traveller"].unique().sort().head(SAMPLE * 3 // 10 if kind != "frequent" else SAMPLE // 50)
        )
        sample = stays.join(some.to_frame(), on="traveller", how="semi", maintain_order="left")
        start = time.perf_counter()
        looped = eu_loop(sample, ON)
        loop = (time.perf_counter() - start) / len(sample) * STAYS
        names = ("used", "excess", "overstay_days", "may_stay_until", "next_entry")
        wanted = result.join(some.to_frame(), on="traveller", how="semi").select(names).sort(names).rows()
        schema = {name: result.schema[name] for name in names}
        assert pl.DataFrame(looped, schema=schema, orient="row").sort(names).rows() == wanted
        benchmark.extra_info.update(loop_seconds=loop, times_faster_than_loop=loop / seconds)


def us_stays() -> pl.DataFrame:
    """Make five million stays with every column that the rules know, in no order."""
    rng = stream(1, "bench.rules.us")
    entry = rng.integers(19_000, 20_454, STAYS)
    code = rng.choice(["B2", "WT", "F1", "J1", "B1", "H1B"], STAYS, p=[0.4, 0.4, 0.07, 0.03, 0.05, 0.05])
    missing = pl.Series(rng.random(STAYS) < 0.02)
    rare = pl.Series(rng.random(STAYS) < 0.01)
    is_status = pl.col("admission_class").cast(pl.String).is_in(["F1", "J1"])
    exit_ = entry + rng.gamma(2.0, 10.0, STAYS).astype(np.int64)
    return pl.DataFrame(
        {
            "traveller": rng.integers(0, 3_000_000, STAYS),
            "admission_class": pl.Series(code).cast(pl.Enum(CODES)),
            "entry": dates(entry),
            "exit": dates(exit_),
            "until": dates(entry + 89),
        }
    ).with_columns(
        exit=pl.when(~missing).then("exit"),
        exit_received_on=pl.when(~missing).then(pl.col("exit") + pl.duration(days=3)),
        admitted_until=pl.when(~is_status).then("until"),
        programme_end=pl.when(is_status).then(pl.col("entry") + pl.duration(days=300)),
        extension_filed_on=pl.when(rare).then(pl.col("until") - pl.duration(days=5)),
        next_entry=pl.when(rare).then(pl.col("until") + pl.duration(days=50)),
        adjusted_on=pl.when(rare.reverse()).then(pl.col("until") + pl.duration(days=9)),
        satisfactory_departure_until=pl.when(rare).then(pl.col("until") + pl.duration(days=20)),
    )


def us_loop(stays: pl.DataFrame, on: date) -> list[tuple[object, ...]]:
    """Apply the United States' rules stay by stay, with every result that `us.assess` gives."""
    made: list[tuple[object, ...]] = []
    for s in stays.iter_rows(named=True):
        code, last, exit_, filed = (
            s["admission_class"],
            s["admitted_until"],
            s["exit"],
            s["extension_filed_on"],
        )
        is_dated = last is not None or code not in ("F1", "J1")
        if last is None and s["programme_end"] is not None:
            last = s["programme_end"] + timedelta(days=60 if code == "F1" else 30)
        elif last is None:
            last = s["entry"] + timedelta(days=89)
        left = exit_ if exit_ is not None and max(exit_, s["exit_received_on"]) <= on else None
        due, granted, adjusted = last, s["satisfactory_departure_until"], s["adjusted_on"]
        if code == "WT" and granted is not None:
            due = max(last, min(granted, last + timedelta(days=30)))
        days_over, severity = 0, "none"
        if left is not None and left <= due:
            status = "compliant"
        elif (filed is not None and filed <= min(on, last) and code != "WT") or (
            adjusted is not None and adjusted <= min(on, left or on)
        ):
            status = "status_changed"
        elif left is not None:
            status, days_over = "out_of_country_overstay", (left - last).days
        elif s["next_entry"] is not None and s["next_entry"] <= on:
            status = "departure_inferred"
        elif due >= on:
            status = "not_yet_due"
        else:
            status, days_over = "suspected_in_country_overstay", (on - last).days
        if days_over:
            severity = "up_to_180_days" if days_over <= 180 else "over_180_days"
            first = last + DAY
            leap = first.month == 2 and first.day == 29
            year = date(first.year + 1, 2, 28) if leap else first.replace(year=first.year + 1)
            if (left or on) >= year - DAY:
                severity = "one_year_or_more"
        fiscal_year = last.year + (last.month >= 10)
        made.append(
            (last, status, days_over, fiscal_year, s["entry"] <= on, severity, days_over > 0 and is_dated)
        )
    return made


def test_us(benchmark: Any) -> None:
    stays = us_stays()
    result = benchmark.pedantic(us.assess, (stays, ON), rounds=ROUNDS, warmup_rounds=1)
    seconds = best_of(lambda: us.assess(stays, ON))
    sort = best_of(lambda: stays.sort("traveller", "entry"))
    sample = stays.head(SAMPLE * 4)
    start = time.perf_counter()
    looped = us_loop(sample, ON)
    loop = (time.perf_counter() - start) / len(sample) * STAYS
    assert result.head(len(sample)).rows() == looped
    benchmark.extra_info.update(
        stays=STAYS,
        seconds=seconds,
        sort_seconds=sort,
        times_one_sort=seconds / sort,
        loop_seconds=loop,
        times_faster_than_loop=loop / seconds,
    )
