"""Birth dates: levels against a slow twin, chances against counts, and dates that many share."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomatch.evidence.birth_dates import BirthDateFrequencies, Dates, date_levels
from biomatch.evidence.levels import (
    AGREES,
    DIFFERS,
    EXCHANGED,
    LEVELS,
    MISSING,
    NEARLY,
    ONE_DIGIT,
    SAME_YEAR,
)

dates = st.dates(date(1940, 1, 1), date(2023, 12, 31))
some_dates = st.one_of(st.none(), dates)


def slow_level(a, b):
    if a is None or b is None:
        return MISSING
    if a == b:
        return AGREES
    if a.year == b.year and (a.month, a.day) == (b.day, b.month):
        return EXCHANGED
    if sum(x != y for x, y in zip(f"{a:%Y%m%d}", f"{b:%Y%m%d}", strict=True)) == 1:
        return ONE_DIGIT
    if (a.year == b.year) + (a.month == b.month) + (a.day == b.day) == 2:
        return NEARLY
    return SAME_YEAR if a.year == b.year else DIFFERS


def series(values):
    return pl.Series(values, dtype=pl.Date)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(some_dates, some_dates), min_size=1, max_size=30), st.randoms())
def test_levels_equal_the_slow_twin(pairs, random):
    for one, _ in list(pairs):
        if one is not None:  # near misses, which chance would hardly draw
            pairs.append((one, one))
            pairs.append((one, one.replace(day=random.randint(1, 28))))
            if one.day <= 12:
                pairs.append((one, date(one.year, one.day, one.month)))
    a, b = (Dates.of(series(list(side))) for side in zip(*pairs, strict=True))
    assert date_levels(a, b).tolist() == [slow_level(*pair) for pair in pairs]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(dates, st.sampled_from(["UTO", "XYZ"])), min_size=1, max_size=60), st.data())
def test_a_date_that_several_share_is_never_rarer_than_it_is(records, data):
    """The chance of a stranger's agreement is at least the date's share of the records."""
    copies = data.draw(st.integers(1, 40))
    records += [records[0]] * copies
    births, nations = series([born for born, _ in records]), pl.Series([nation for _, nation in records])
    found = BirthDateFrequencies.fit(births, nations)
    listed = Dates.of(births)
    level = date_levels(listed, listed)
    chance = found.chance(level, listed, listed, nations)
    counts = births.value_counts()
    seen = births.to_frame("birth_date").join(
        counts.rename({counts.columns[0]: "birth_date"}), on="birth_date", how="left", maintain_order="left"
    )["count"]
    shared = (seen > 1).to_numpy()
    assert (chance[shared] >= (seen / len(births)).to_numpy()[shared] * (1 - 1e-12)).all()
    assert ((chance > 0) & (chance <= 1)).all()


def population(count, january, seed=1):
    """People of two nationalities; of the first, some are registered on 1 January."""
    rng = np.random.default_rng(seed)
    nation = rng.choice(["UTO", "XYZ"], count, p=[0.3, 0.7])
    born = [date(1950, 1, 1) + timedelta(days=int(day)) for day in rng.integers(0, 18_262, count)]
    lumped = (rng.random(count) < january) & (nation == "UTO")
    born = [date(day.year, 1, 1) if lump else day for day, lump in zip(born, lumped, strict=True)]
    return series(born), pl.Series(nation)


def test_a_date_that_all_share_says_nothing():
    """1,000 people all born on 1980-01-01, alone and in a crowd of another nationality."""
    shared = series([date(1980, 1, 1)] * 1_000)
    nations = pl.Series(["UTO"] * 1_000)
    one = Dates.of(shared[:1])
    alone = BirthDateFrequencies.fit(shared, nations)
    assert np.log(alone.share(one, nations[:1])[0]) == pytest.approx(0.0, abs=0.05)
    others = population(20_000, 0.0)
    crowd = BirthDateFrequencies.fit(
        pl.concat([shared, others[0]]), pl.concat([nations, pl.Series(["XYZ"] * 20_000)])
    )
    # Of that nationality everybody has that date: it adds nothing to the nationality.
    assert np.log(crowd.share(one, nations[:1])[0]) == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize("january", [0.0, 0.5])
def test_chances_are_those_of_random_pairs(january):
    """Of every level, expected and counted pairs of strangers agree, in both nationalities."""
    births, nations = population(20_000, january)
    found = BirthDateFrequencies.fit(births, nations)
    others, other_nations = population(20_000, january, seed=2)  # so that no pair is in the frequencies
    for nation in ("UTO", "XYZ"):
        a, b = births.filter(nations == nation), others.filter(other_nations == nation)
        rng = np.random.default_rng(3)
        left, right = rng.integers(0, len(a), 400_000), rng.integers(0, len(b), 400_000)
        x, y = Dates.of(a.gather(left)), Dates.of(b.gather(right))
        level = date_levels(x, y)
        label = pl.Series([nation]).new_from_index(0, len(left))
        for one in (ONE_DIGIT, NEARLY, SAME_YEAR, AGREES):
            counted = np.mean(level == one)
            expected = found.chance(np.full(len(left), one, dtype=np.int8), x, y, label).mean()
            if one == AGREES:  # more than counted by chance repeats in the sample, never less
                assert counted * 0.8 <= expected <= max(4 * counted, 5 / len(births)), LEVELS[one]
            else:
                assert counted * 0.7 <= expected <= counted * 1.5, LEVELS[one]


def test_unknown_dates_and_nationalities_are_no_fault():
    found = BirthDateFrequencies.fit(series([None, None]), pl.Series(["UTO", None]))
    a = Dates.of(series([None, date(1990, 5, 4)]))
    chance = found.chance(date_levels(a, a), a, a, pl.Series([None, "NEW"], dtype=pl.String))
    assert chance[0] == 1.0
    assert 0 < chance[1] <= 1.0
