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
    NEARLY,
    NameFrequencies,
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
    """Over random pairs the mean of exp(ratio) is near 1: that is what a likelihood ratio against u means."""
    rng = np.random.default_rng(2)
    one = rng.integers(6_000, size=200_000)
    a, b = (
        people[one],
        people[(one + rng.integers(1, 6_000, size=len(one))) % 6_000],
    )  # never one record twice
    compared = frequencies.compare(a, b)
    for at, name in enumerate(FIELDS):
        weight = np.log(np.array(DEFAULT_M[name]))[compared.level[:, at]] - compared.log_u[:, at]
        assert np.exp(weight).mean() == pytest.approx(1.0, abs=0.12), name
    assert np.mean(compared.llr() > 0) < 2e-3


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
