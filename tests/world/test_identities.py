"""Birth dates that people have, and passports of one person that differ: shares as the settings say."""

from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl
import pytest
from biomatch_synthetic.draft import Table
from biomatch_synthetic.identities import SPELLINGS, spelt, vary
from biomatch_synthetic.world import begin, make

from biomatch.errors import SettingsError
from biomatch.evidence.birth_dates import Dates, date_levels
from biomatch.evidence.levels import AGREES, EXCHANGED, LEVELS, ONE_DIGIT
from biomatch.rates import rate
from biomatch.settings.scenario import Scenario


def within(hits, trials, share):
    low, high = rate(int(hits), int(trials), confidence=0.999).interval
    return low <= share <= high


SCENARIO = Scenario.load("airport").with_({"travellers": 40_000})


def test_births_are_registered_as_the_settings_say():
    people = begin(SCENARIO, 4).people
    births = pl.Series(people.birth).cast(pl.Date)
    region = people.region
    whole = SCENARIO.people
    for place, name in enumerate(whole.registered_on_1_january):
        mine = births.filter(pl.Series(region == place))
        january = whole.registered_on_1_january[name]
        first = whole.registered_on_a_first[name]
        rest = 1 - january - first
        on_january = (mine.dt.ordinal_day() == 1).sum()
        on_first = ((mine.dt.day() == 1) & (mine.dt.month() > 1)).sum()
        assert within(on_january, len(mine), january + first / 12 + rest / 365.25), name
        assert within(on_first, len(mine), first * 11 / 12 + rest * 11 / 365.25), name


def test_no_other_birth_date_is_crowded():
    """A bound on ages must not pile up people on one day, as it would where ages were cut off."""
    births = pl.Series(begin(SCENARIO, 4).people.birth).cast(pl.Date)
    counts = Counter(births.filter(births.dt.day() > 1).to_list())
    assert max(counts.values()) < 30  # about three a day on average over forty years
    assert min(births) > births.dtype.to_python()(1930, 1, 1)


def test_people_without_registration_are_those_of_before():
    """The stream is a new one: nobody else's draws move, and dates only go back within their year."""
    settings = {"people.registered_on_1_january": {}, "people.registered_on_a_first": {}}
    plain, registered = begin(SCENARIO.with_(settings), 4).people, begin(SCENARIO, 4).people
    assert (registered.birth <= plain.birth).all()
    assert (registered.birth.astype("datetime64[Y]") == plain.birth.astype("datetime64[Y]")).all()
    assert (registered.family_name == plain.family_name).all()
    twins = np.flatnonzero(registered.twin >= 0)
    assert len(twins)
    assert (registered.birth[twins] == registered.birth[registered.twin[twins]]).all()


@pytest.fixture(scope="module")
def passports():
    """Pairs of a person's first and second passport, before any slip of a record."""
    scenario = Scenario.load("tiny").with_({"travellers": 6_000, "documents.second_passports": 1.0})
    observed, truth = make(scenario, 3)
    listed = observed.documents.filter(pl.col("kind") == "passport").join(
        truth.documents.select("number", "issuer", "person_id"), on=["number", "issuer"]
    )
    home = truth.people.select("person_id")
    pairs = listed.join(listed, on="person_id", suffix="_other").filter(
        (pl.col("number") < pl.col("number_other")) & (pl.col("issuer") != pl.col("issuer_other"))
    )
    return scenario.documents, pairs.join(home, on="person_id").unique("person_id", maintain_order=True)


def test_second_passports_differ_as_often_as_set(passports):
    settings, pairs = passports
    names = pairs.select(
        *(
            pl.col(column).str.split(", ").list.get(part).alias(f"{what}{suffix}")
            for suffix, column in (("", "holder_name"), ("_other", "holder_name_other"))
            for part, what in enumerate(("family", "given"))
        )
    )
    n = len(pairs)
    assert n > 2_000
    assert within((names["family"] != names["family_other"]).sum(), n, settings.other_spelling)
    empty = (names["given"] == "") != (names["given_other"] == "")
    assert within(empty.sum(), n, settings.given_name_missing)
    level = date_levels(Dates.of(pairs["birth_date"]), Dates.of(pairs["birth_date_other"]))
    counts = Counter(LEVELS[k] for k in level)
    swappable = 11 / 30.4  # days up to the twelfth, but for the one that is its own exchange
    assert within(counts["exchanged"], n, settings.birth_date_exchanged * swappable)
    assert 0 < (level == ONE_DIGIT).sum() < n * 0.02
    differ = n - (level == AGREES).sum()
    most = settings.birth_date_exchanged + settings.birth_date_digit + settings.birth_day_missing
    assert rate(int(differ), n, confidence=0.999).interval[0] <= most
    assert differ > 0.5 * most * n


def test_nothing_differs_where_it_is_not_asked_for():
    none = dict.fromkeys(
        [
            "documents.other_spelling", "documents.given_name_missing", "documents.birth_date_exchanged",
            "documents.birth_date_digit", "documents.birth_day_missing",
        ],
        0.0,
    )  # fmt: skip
    scenario = Scenario.load("tiny").with_(
        {**none, "travellers": 1_000, "documents.second_passports": 1.0, "subversion.second_identity": 0.0,
         "documents.changed_names": 0.0}
    )  # fmt: skip
    observed, truth = make(scenario, 3)
    listed = observed.documents.join(
        truth.documents.select("number", "issuer", "person_id"), on=["number", "issuer"]
    )
    for column in ("holder_name", "birth_date", "sex"):
        assert (listed.group_by("person_id").agg(pl.col(column).n_unique())[column] == 1).all()


def test_every_part_differs_where_all_is_asked_for():
    """All exchanged: exactly the exchangeable days move, to the exchange; all spelt otherwise: all change."""
    births = np.arange("1950-01-01", "1990-01-01", 13, dtype="datetime64[D]")
    n = len(births)
    table = Table(
        {
            "person": np.arange(n), "birth": births.copy(), "issued": np.zeros(n, np.int64),
            "spelling": np.zeros(n, np.int64), "given_unknown": np.zeros(n, np.bool_),
        }
    )  # fmt: skip
    scenario = Scenario.load("tiny").with_(
        {
            "documents.birth_date_exchanged": 1.0, "documents.birth_date_digit": 0.0,
            "documents.birth_day_missing": 0.0, "documents.other_spelling": 1.0,
            "documents.given_name_missing": 1.0,
        }
    )  # fmt: skip
    vary(scenario, 1, table, np.arange(n), 1.0, "test")
    before, after = (pl.Series(days).cast(pl.Date) for days in (births, table["birth"]))
    level = date_levels(Dates.of(before), Dates.of(after))
    can = ((before.dt.day() <= 12) & (before.dt.day() != before.dt.month().cast(pl.Int8))).to_numpy()
    assert (level == np.where(can, EXCHANGED, AGREES)).all()
    assert table["given_unknown"].all()
    assert set(table["spelling"]) == set(range(1, SPELLINGS))
    names = pl.Series(["CHAIKOV", "BEDAN", "OUSHI"])
    for spelling in range(1, SPELLINGS):
        assert not (spelt(names, np.full(3, spelling)) == names).any()


def test_shares_that_cannot_be():
    with pytest.raises(SettingsError, match="must not exceed 1 together"):
        SCENARIO.with_({"documents.birth_date_exchanged": 0.6, "documents.birth_date_digit": 0.6})
    with pytest.raises(SettingsError, match="exceed 1 together"):
        SCENARIO.with_({"people.registered_on_1_january": {"S-Asia": 1.2}})
