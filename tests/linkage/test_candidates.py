"""Candidates by several keys: against all pairs one by one, and the bound on values that many share."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomatch.overstay.linkage.candidates import KEYS, by_details


def people(rows):
    schema = {"claimed_name": pl.String, "birth_date": pl.Date, "sex": pl.String, "nationality": pl.String}
    return pl.DataFrame([{"nationality": "UTO", **row} for row in rows], schema=schema)


anyone = st.fixed_dictionaries(
    {
        "claimed_name": st.sampled_from(["ROE, ANNA", "ROW, ANA", "ROE, BO", "DOE, ANNA", "DOE, ", ""]),
        "birth_date": st.sampled_from(
            [
                None,
                date(1980, 3, 12),
                date(1980, 12, 3),
                date(1981, 3, 12),
                date(1980, 3, 2),
                date(1950, 5, 5),
            ]
        ),
        "sex": st.sampled_from(["F", "M", "X"]),
    }
)


def slow_pairs(table):
    """All pairs that share a key, compared one by one in Python."""
    from biomatch.evidence.names import sound, split

    parts = split(table).to_dicts()
    for row in parts:
        born = row["birth_date"]
        for token in ("given", "family"):
            row[f"{token}_sound"] = sound(pl.Series([row[token]]))[0] if row[token] else None
        row["date"], row["year"], row["month"], row["day"] = (
            (born, born.year, born.month, born.day) if born else (None,) * 4
        )
        swaps = born is not None and born.day <= 12 and born.day != born.month
        row["exchanged"] = date(born.year, born.day, born.month) if swaps else None
    found = set()
    for i, a in enumerate(parts):
        for j, b in enumerate(parts):
            for key in KEYS.values():
                left = [a[name] for name in key]
                right = [b["date" if name == "exchanged" else name] for name in key]
                if None not in left and left == right:
                    found.add((i, j))
    return found


@settings(max_examples=25, deadline=None)
@given(st.lists(anyone, min_size=1, max_size=8))
def test_keys_join_the_pairs_that_share_one(rows):
    table = people(rows)
    every = pl.Series(range(len(rows)), dtype=pl.Int64)
    found, left_out = by_details(table, every, every)
    assert set(found.rows()) == slow_pairs(table)
    assert len(found) == found.n_unique()
    assert left_out == ()


MARY = {"claimed_name": "SHEVCHENKO, MARIYA", "birth_date": date(1984, 3, 7), "sex": "F"}


@pytest.mark.parametrize(
    "change",
    [
        {"birth_date": date(1984, 7, 3)},
        {"birth_date": date(1984, 3, 17)},
        {"birth_date": date(1934, 3, 7)},
        {"birth_date": date(1984, 8, 7)},
        {"birth_date": None},
        {"birth_date": date(1961, 11, 25)},
        {"sex": "M"},
        {"sex": "X", "birth_date": date(1984, 7, 3)},
        {"claimed_name": "SCHEWTSCHENKO, MARIA", "birth_date": date(1984, 3, 8)},
        {"claimed_name": "KOVAL, MARIYA"},
        {"claimed_name": "SHEVCHENKO, "},
        {"claimed_name": "SHEVRENKO, MARIYA", "birth_date": None},
        {"claimed_name": "SHEVCHENKO, IRINA", "birth_date": None},
        {"claimed_name": ""},
        {"claimed_name": "KOVAL, MARIYA", "birth_date": date(1984, 3, 17)},
    ],
    ids=str,
)
def test_whoever_differs_in_a_part_is_a_candidate(change):
    """Day and month exchanged, a wrong digit, another sex, a part that is missing: never out of sight."""
    table = people([MARY, {**MARY, **change}])
    found, _ = by_details(table, pl.Series([0]), pl.Series([1]))
    assert found.rows() == [(0, 1)]


def test_a_value_that_very_many_share_is_left_out_and_said():
    """Memory stays bounded: 2,000 of one birth date and sex are not all paired, others still are."""
    rows = [
        {"claimed_name": f"F{chr(66 + k % 20)}{chr(66 + k // 20 % 20)}N, G{chr(66 + k // 400)}M",
         "birth_date": date(1980, 1, 1) if k < 2_000 else date(1950, 1, 1) + timedelta(days=9 * k),
         "sex": "F"}
        for k in range(2_400)
    ]  # fmt: skip
    every = pl.Series(range(len(rows)), dtype=pl.Int64)
    found, left_out = by_details(people(rows), every, every, max_pairs=50_000)
    assert "birth date and sex for 1 frequent value (4,000,000 pairs)" in left_out
    assert len(found) <= 50_000 * len(KEYS)
    pairs = found.filter(pl.col("left_row") == pl.col("right_row"))["left_row"].to_numpy()
    assert set(pairs) >= set(np.arange(2_400))  # each is joined with itself by a key that asks for more
