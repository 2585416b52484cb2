"""Fellegi-Sunter weights: levels against a slow twin, frequencies, and m by expectation maximisation."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomatch.errors import TableError
from biomatch.evidence.names import (
    AGREES,
    DEFAULT_M,
    DIFFERS,
    FIELDS,
    MISSING,
    NEARLY,
    Comparison,
    NameFrequencies,
    sound,
    spelt_alike,
    split,
    token_levels,
)


def edit_distance(a, b):
    """Optimal string alignment distance, the textbook table."""
    d = [[max(i, j) if 0 in (i, j) else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            d[i][j] = min(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]))
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                d[i][j] = min(d[i][j], d[i - 2][j - 2] + 1)
    return d[-1][-1]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.text("ABÉ", max_size=6), st.text("ABÉ", max_size=6)), min_size=1, max_size=8))
def testtoken_levels_equal_the_edit_distance(pairs):
    a, b = (list(side) for side in zip(*pairs, strict=True))
    wanted = [{0: AGREES, 1: NEARLY}.get(edit_distance(x, y), DIFFERS) for x, y in pairs]
    assert token_levels(pl.Series(a), pl.Series(b)).tolist() == wanted


def records(seed, count):
    rng = np.random.default_rng(seed)
    zipf = 1.0 / np.arange(1, 201)
    letters = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    pool = np.array(["".join(letters[rng.integers(26, size=7)]) for _ in range(400)])
    given_name = pool[rng.choice(200, count, p=zipf / zipf.sum())]
    family = pool[200 + rng.choice(200, count, p=zipf / zipf.sum())]
    born = [date(1950, 1, 1) + timedelta(days=int(d)) for d in rng.integers(0, 18_000, count)]
    return pl.DataFrame(
        {
            "claimed_name": [f"{g} {f}" for g, f in zip(given_name, family, strict=True)],
            "birth_date": born,
            "sex": rng.choice(["F", "M"], count),
            "nationality": rng.choice(["UTO", "XYZ"], count, p=[0.8, 0.2]),
        }
    )


@pytest.fixture(scope="module")
def people():
    return records(1, 6_000)


@pytest.fixture(scope="module")
def frequencies(people):
    return NameFrequencies.fit(people)


def test_a_shared_rare_name_says_more_than_a_common_one(people, frequencies):
    common = people["claimed_name"].str.split(" ").list.last().mode().first()
    rare = people["claimed_name"].str.split(" ").list.last().value_counts().sort("count")["claimed_name"][0]
    pair = people[:2].with_columns(
        claimed_name=pl.Series([f"XX {common}", f"XX {rare}"]), nationality=pl.lit("UTO")
    )
    ratio = frequencies.compare(pair, pair).llr()
    assert ratio[1] > ratio[0] + 1


def test_u_is_the_chance_for_two_persons(people, frequencies):
    """Over random pairs the mean of exp(ratio) is near 1: that is what a likelihood ratio against u means.

    Of birth dates it is below: three in ten of these are shared by chance by two or three, and these count as
    often as they were seen.
    """
    rng = np.random.default_rng(2)
    one = rng.integers(6_000, size=200_000)
    a, b = (
        people[one],
        people[(one + rng.integers(1, 6_000, size=len(one))) % 6_000],
    )  # never one record twice
    compared = frequencies.compare(a, b)
    for at, name in enumerate(FIELDS):
        m = np.log(np.maximum(DEFAULT_M[name], 1e-9))
        weight = m[compared.level[:, at]] - compared.log_u[:, at]
        found = np.exp(weight).mean()
        if name == "birth_date":
            assert found < 1.12
        else:
            assert found == pytest.approx(1.0, abs=0.14), name
    assert np.mean(compared.llr() > 0) < 2e-3


fields = {
    "claimed_name": st.sampled_from(["ROE, ANNA", "ROE, BO", "DOE, ANNA", "DOE, ", "", "ROE", "ÖZ, ANNA"]),
    "birth_date": st.sampled_from(
        [None, date(1980, 1, 1), date(1980, 1, 12), date(1980, 12, 1), date(1975, 7, 3)]
    ),
    "sex": st.sampled_from(["F", "M", "X", None]),
    "nationality": st.sampled_from(["UTO", "XYZ", "", None]),
}
SCHEMA = {"claimed_name": pl.String, "birth_date": pl.Date, "sex": pl.String, "nationality": pl.String}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.fixed_dictionaries(fields), min_size=1, max_size=40), st.integers(0, 300))
def test_no_value_is_worth_more_than_its_frequency_allows(rows, copies):
    """A shared value raises a pair by at most -ln of its share; whoever is alike in all is like that many."""
    people = pl.DataFrame(rows + rows[:1] * copies, schema=SCHEMA)
    found = NameFrequencies.fit(people)
    compared = found.compare(people, people)
    parts = split(people)
    for at, name in enumerate(FIELDS):
        values = parts[name]
        seen = values.to_frame("v").select(pl.len().over("v"))["len"].to_numpy()
        agrees = compared.level[:, at] == AGREES
        assert (agrees == values.is_not_null().to_numpy()).all()
        shared = agrees & (seen > 1)
        allowed = np.log(seen[shared] / max(values.count(), 1))
        assert (compared.log_u[shared, at] >= allowed - 1e-9).all(), name
    worth = compared.llr()
    assert np.isfinite(worth).all()
    if copies >= 40 * len(rows):  # nearly everybody is this person
        assert worth[0] < 1.0


@settings(max_examples=50, deadline=None)
@given(st.fixed_dictionaries(fields), st.fixed_dictionaries(fields), st.sampled_from(sorted(SCHEMA)))
def test_what_is_not_said_is_no_evidence(one, other, unsaid):
    """With a field empty on a side, a pair is worth what its other fields are worth."""
    people = pl.DataFrame([one, other, one, other], schema=SCHEMA)
    found = NameFrequencies.fit(people)
    a, b = pl.DataFrame([one], schema=SCHEMA), pl.DataFrame([other], schema=SCHEMA)
    empty = b.with_columns(pl.lit(None, dtype=SCHEMA[unsaid]).alias(unsaid))
    compared = found.compare(a, empty)
    at = [0, 1] if unsaid == "claimed_name" else [FIELDS.index(unsaid)]
    assert (compared.level[0, at] == MISSING).all()
    assert (compared.log_u[0, at] == 0).all()
    rest = found.compare(a, b)
    level, log_u = rest.level.copy(), rest.log_u.copy()
    level[0, at], log_u[0, at] = MISSING, 0.0
    assert compared.llr()[0] == pytest.approx(Comparison(level, log_u).llr()[0], abs=1e-12)


def test_a_field_that_differs_never_raises():
    """Where nearly all are of one sex, two of different sex are still no likelier to be one person."""
    people = pl.DataFrame(
        {
            "claimed_name": ["ROE, ANNA"] * 1_000, "birth_date": [date(1980, 1, 1)] * 1_000,
            "sex": ["F"] * 999 + ["M"], "nationality": ["UTO"] * 1_000,
        }
    )  # fmt: skip
    found = NameFrequencies.fit(people)
    pair = found.compare(people[:1], people[999:])
    assert pair.llr()[0] <= 0.0


def test_transliterations_sound_alike():
    """Spellings of one name, from passports and newspapers; and names that are not one."""
    pairs = [("YUSUF", "JOUSSEF"), ("CHAIKOVSKY", "TCHAIKOVSKIY"), ("SHEVCHENKO", "SCHEWTSCHENKO"),
             ("MOHAMMED", "MUHAMMAD"), ("DMITRIY", "DMITRI"), ("GADDAFI", "QADHAFI")]  # fmt: skip
    a, b = (pl.Series(list(side)) for side in zip(*pairs, strict=True))
    assert (sound(a) == sound(b)).all()
    others = pl.Series(["AHMED", "SMITH", "ROE", "NGUYEN"]), pl.Series(["MOHAMMED", "JONES", "DOE", "TRAN"])
    assert not (sound(others[0]) == sound(others[1])).any()
    one = pl.Series(["SHEVCHENKO, DMITRIY", "SHEVCHENKO, ", "SHEVCHENKO, DMITRIY"])
    other = pl.Series(["SCHEWTSCHENKO, DMITRI", "SCHEWTSCHENKO, ANNA", "SCHEWTSCHENKO, BORIS"])
    assert spelt_alike(one, other).tolist() == [True, True, False]


def test_one_person_scores_high_and_a_keying_error_little_less(people, frequencies):
    same = frequencies.compare(people[:500], people[:500]).llr()
    assert same.min() > 8
    typed = people[:500].with_columns(pl.col("claimed_name").str.replace(r"(.)(.)$", "$1$1$2"))
    keyed = frequencies.compare(people[:500], typed).llr()
    assert (keyed < same).mean() > 0.9
    assert (keyed > 0).mean() > 0.9


def test_refusals(people, frequencies):
    with pytest.raises(TableError, match="no records"):
        NameFrequencies.fit(people[:0])
    with pytest.raises(TableError, match="2 records against 3"):
        frequencies.compare(people[:2], people[:3])
    assert len(frequencies.compare(people[:0], people[:0]).llr()) == 0
