"""The vectorised European rule against its slow twin, and what must hold whatever the stays."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomatch.errors import TableError
from biomatch.overstay.rules import days, eu

DAY = timedelta(days=1)
START = date(2024, 1, 1)
NAMES = (
    "limit",
    "used",
    "remaining",
    "excess",
    "overstay_days",
    "may_stay_until",
    "next_entry",
    "inside",
)


@st.composite
def rows(draw: st.DrawFn) -> list[tuple[date, date | None, str | None, int | None]]:
    count = draw(st.integers(0, 7))
    mixed = draw(st.booleans())
    excluding = draw(st.booleans())
    out = []
    for _ in range(count):
        entry = START + draw(st.integers(0, 420)) * DAY
        length = draw(st.one_of(st.none(), st.integers(0, 12), st.integers(0, 150)))
        basis = draw(st.sampled_from([None, "short_stay", "residence_permit"])) if excluding else None
        limit = draw(st.sampled_from([None, 5, 30, 90, 120, 179])) if mixed else None
        out.append((entry, None if length is None else entry + length * DAY, basis, limit))
        if draw(st.integers(0, 9)) == 0:
            out.append(out[-1])  # the same row twice
    return out


def frame(travellers: list[list[tuple[date, date | None, str | None, int | None]]]) -> pl.DataFrame:
    table = [(f"T{i}", *row) for i, of_one in enumerate(travellers) for row in of_one]
    kinds = {
        "traveller": pl.String,
        "entry": pl.Date,
        "exit": pl.Date,
        "basis": pl.String,
        "max_days": pl.Int64,
    }
    return pl.DataFrame(table, schema=kinds, orient="row")


@settings(deadline=None, max_examples=120)
@given(st.lists(rows(), min_size=1, max_size=5), st.integers(-10, 500), st.randoms(use_true_random=False))
def test_equals_the_slow_twin(eu_twin, eu_row, travellers, offset, shuffler) -> None:
    on = START + offset * DAY
    stays = frame(travellers)
    found = {row["traveller"]: row for row in eu.assess(stays, on).iter_rows(named=True)}
    for i, of_one in enumerate(travellers):
        if of_one:
            wanted = eu_twin([eu_row(*row) for row in of_one], on)
            assert {name: found[f"T{i}"][name] for name in NAMES} == wanted
    assert len(found) == sum(bool(of_one) for of_one in travellers)
    order = list(range(len(stays)))
    shuffler.shuffle(order)
    assert eu.assess(stays[order], on).sort("traveller").equals(eu.assess(stays, on).sort("traveller"))


@settings(deadline=None, max_examples=100)
@given(st.lists(rows(), min_size=1, max_size=4), st.integers(0, 430))
def test_whole_numbers_name_travellers_too(travellers, offset) -> None:
    on = START + offset * DAY
    text = frame(travellers)
    numbers = text.with_columns(traveller=pl.col("traveller").str.slice(1).cast(pl.Int32) * 10**6 - 7)
    found = eu.assess(numbers, on)
    assert found["traveller"].is_sorted()
    assert found.drop("traveller").equals(eu.assess(text, on).drop("traveller"))


@settings(deadline=None, max_examples=60)
@given(st.lists(rows(), min_size=1, max_size=4), st.integers(0, 430))
def test_nothing_after_the_date_is_used(travellers, offset) -> None:
    """A row that enters later changes nothing; an exit later is the same as none."""
    on = START + offset * DAY
    stays = frame(travellers)
    cut = stays.with_columns(exit=pl.when(pl.col("exit") <= on).then("exit"))
    known = cut.filter(pl.col("entry") <= on)
    full = eu.assess(stays, on)
    assert eu.assess(cut, on).equals(full)
    some = full.filter(pl.col("traveller").is_in(known["traveller"].unique().to_list()))
    assert eu.assess(known, on).equals(some)


def test_wide_keys_take_the_other_road_to_the_same_result() -> None:
    """Identifiers too large to pack into one key are sorted as a table, with the same result."""
    rng = np.random.default_rng(5)
    count = 400
    entry = rng.integers(19_000, 19_700, count)
    small = pl.DataFrame(
        {
            "traveller": rng.integers(0, 40, count),
            "entry": pl.Series(entry.astype(np.int32)).cast(pl.Date),
            "exit": pl.Series((entry + rng.integers(0, 40, count)).astype(np.int32)).cast(pl.Date),
            "max_days": rng.choice([30, 60, 90], count),
        }
    )
    wide = small.with_columns(pl.col("traveller") * (1 << 40))
    on = date(2023, 12, 1)
    assert eu.assess(wide, on).drop("traveller").equals(eu.assess(small, on).drop("traveller"))


def test_the_day_with_two_limits_belongs_to_the_later_entry() -> None:
    """Out and in again on one day, on a sticker for 10 days: that day is judged against 10, not 90."""
    stays = pl.DataFrame(
        {
            "traveller": ["A", "A"],
            "entry": [date(2026, 1, 1), date(2026, 1, 11)],
            "exit": [date(2026, 1, 11), date(2026, 1, 15)],
            "max_days": [None, 10],
        }
    )
    found = eu.assess(stays, date(2026, 1, 15)).row(0, named=True)
    assert (found["limit"], found["used"], found["excess"], found["overstay_days"]) == (10, 15, 5, 5)
    earlier = eu.assess(stays, date(2026, 1, 10)).row(0, named=True)
    assert (earlier["limit"], earlier["overstay_days"]) == (90, 0)


def test_a_nested_stay_gives_the_days_after_it_back() -> None:
    """A visa-free stay goes on after a nested row with a sticker: only the nested days have its limit."""
    stays = pl.DataFrame(
        {
            "traveller": ["A", "A"],
            "entry": [date(2026, 1, 1), date(2026, 1, 21)],
            "exit": [None, date(2026, 1, 25)],
            "max_days": [None, 10],
        },
        schema_overrides={"exit": pl.Date},
    )
    found = eu.assess(stays, date(2026, 2, 10)).row(0, named=True)
    assert found["overstay_days"] == 5  # 21 to 25 January
    assert found["may_stay_until"] == date(2026, 3, 31)  # the presence that goes on has its own 90 days


def test_days_under_another_basis_never_count() -> None:
    """E1: stays under a residence permit are left out, also where another row covers them."""
    stays = pl.DataFrame(
        {
            "traveller": ["A", "A"],
            "entry": [date(2026, 1, 1), date(2026, 2, 1)],
            "exit": [date(2026, 3, 1), None],
            "basis": ["short_stay", "residence_permit"],
        },
        schema_overrides={"exit": pl.Date},
    )
    found = eu.assess(stays, date(2026, 2, 10)).row(0, named=True)
    assert (found["used"], found["inside"]) == (31, False)
    assert found["next_entry"] == date(2026, 2, 10)
    assert found["may_stay_until"] == date(2026, 4, 9)  # 59 more days


def test_nobody_at_all() -> None:
    stays = frame([[]])
    assert len(eu.assess(stays, date(2026, 1, 1))) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"exit": [date(2025, 12, 31), None]}, "row 1: the exit is before the entry"),
        ({"entry": [date(2026, 1, 1), None]}, "row 2: no entry date"),
        ({"traveller": [None, "A"]}, "row 1: no traveller"),
        ({"max_days": [90, 0]}, "row 2: max_days"),
        ({"max_days": [180, None]}, "row 1: max_days"),
        ({"entry": [date(202, 1, 1), date(2026, 1, 1)]}, "row 1: entry is out of range"),
        ({"max_days": ["90", None]}, "allowed: integers"),
        ({"traveller": [1.5, 2.0]}, "text or whole numbers"),
        ({"entry": ["2026-01-01", "2026-01-02"]}, "allowed: Date"),
    ],
)
def test_bad_frames(change: dict[str, list[object]], message: str) -> None:
    columns = {"traveller": ["A", "A"], "entry": [date(2026, 1, 1)] * 2, "exit": [None, None]}
    stays = pl.DataFrame({**columns, **change}, schema_overrides={"exit": pl.Date})
    with pytest.raises(TableError, match=message):
        eu.assess(stays, date(2026, 1, 1))


def test_missing_column_and_impossible_check_day() -> None:
    with pytest.raises(TableError, match="lack the column 'exit'"):
        eu.assess(pl.DataFrame({"traveller": ["A"], "entry": [date(2026, 1, 1)]}), date(2026, 1, 1))
    with pytest.raises(TableError, match="the day of the check"):
        eu.assess(frame([[]]), date(9999, 12, 31))


def test_union_is_disjoint_and_ascending() -> None:
    rng = np.random.default_rng(1)
    n = 3000
    first = rng.integers(0, 200, n)
    last = np.minimum(first + rng.integers(0, 30, n), 220)
    given_rows = days.Intervals(rng.integers(0, 50, n), first, last, rng.choice([30, 90], n))
    made = days.united(days.in_order(given_rows, 220), 220)
    same = made.traveller[1:] == made.traveller[:-1]
    assert (made.first[1:][same] > made.last[:-1][same]).all()
    assert (made.first <= made.last).all()


@settings(deadline=None, max_examples=60)
@given(st.lists(rows(), min_size=1, max_size=9), st.integers(0, 430), st.integers(1, 12))
def test_blocks_change_nothing(travellers, offset, size) -> None:
    """Whatever the size of the blocks, travellers stay whole and the result is the same."""
    on = START + offset * DAY
    stays = frame(travellers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(eu, "in_blocks", lambda rows_, span: days.in_blocks(rows_, span, size))
        found = eu.assess(stays, on)
    assert found.equals(eu.assess(stays, on))


@pytest.mark.parametrize("kept_bits", [64, 3, 0])
def test_text_is_coded_in_order_of_appearance_whatever_its_hash(kept_bits) -> None:
    """Hashes that agree in their upper bits are parted; texts with one hash are told apart by themselves."""
    random = np.random.default_rng(3)
    for count in (0, 1, 2, 3, 40, 900):
        text = pl.Series([f"P{n}" for n in random.integers(0, count // 3 + 1, count)], dtype=pl.String)
        whole = text.hash(7).to_numpy()
        # The lower bits kept: the sort's key sees only the upper ones, so all of them agree there.
        few = whole if kept_bits == 64 else whole & np.uint64(2**kept_bits - 1)
        seen: dict[str, int] = {}
        wanted = [seen.setdefault(name, len(seen)) for name in text.to_list()]
        for hashes in (None, few, whole >> np.uint64(32) if kept_bits == 3 else few):
            codes, names = eu._codes_of_text(text, hashes)
            assert (codes.tolist(), names.to_list()) == (wanted, list(seen))
