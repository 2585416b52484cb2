"""Worlds that the tests of this folder share, and an exact bound for rates whose trials come in parties."""

import numpy as np
import polars as pl
import pytest
from biomatch_synthetic.world import make

from biomatch.rates import clustered_rate
from biomatch.settings.scenario import KINDS, Scenario

SMALL = {"faces.profile": "visa-border-small", "watchlist.size": 50}


@pytest.fixture(scope="session")
def tiny():
    """The built-in `tiny` in full."""
    return make(Scenario.load("tiny"), 1)


@pytest.fixture(scope="session")
def honest():
    """An airport without subversion, in which everything that goes wrong goes wrong often."""
    flat = dict.fromkeys(("WT", "WB", "B1", "B2", "VISITOR", "F1", "J1", "M1", "H1B", "L1", "C1"), 1.0)
    scenario = Scenario.load("airport").with_(
        {
            **SMALL, "travellers": 12_000, **{f"subversion.{kind}": 0.0 for kind in KINDS},
            "stays.in_country_overstay": 0.06, "stays.out_of_country_overstay": 0.04,
            "stays.overstay_weights": flat, "records.missed_weights": flat, "records.missed_exits": 0.05,
            "traffic.further_journeys": 0.0,
        }
    )  # fmt: skip
    return scenario, *make(scenario, 13)


@pytest.fixture(scope="session")
def enriched():
    """An airport in which every kind of subversion is a thousand times as frequent as it is."""
    scenario = Scenario.load("airport").with_(
        {**SMALL, "travellers": 9_000, **{f"subversion.{kind}": 10_000.0 for kind in KINDS}}
    )
    return scenario, *make(scenario, 13)


def party_of(truth):
    """Give person_id and the party: people of one family who travel at one time share it."""
    people = truth.people.select("person_id", "family_id")
    return people.with_columns(
        party=pl.when(pl.col("family_id") >= 0).then(-pl.col("family_id") - 1).otherwise("person_id")
    ).drop("family_id")


@pytest.fixture(scope="session")
def inside():
    """Check a measured share against a setting: 99.9% bounds, clustered by party.

    Trials are grouped by family: siblings who travel apart are joined with each other, which only
    widens the bounds.
    """

    def check(truth, frame, hit, expected):
        """`frame` has person_id; `hit` is an expression of bool."""
        counted = (
            frame.with_columns(hit=hit.cast(pl.Int64))
            .join(party_of(truth), on="person_id", how="left")
            .group_by("party")
            .agg(pl.col("hit").sum(), pl.len().alias("trials"))
        )
        found = clustered_rate(counted["hit"].to_numpy(), counted["trials"].to_numpy(), 0.999)
        assert found.denominator > 0
        low, high = found.interval
        assert low <= expected <= high, f"{found.numerator}/{found.denominator} against {expected}"
        return found

    return check


@pytest.fixture(scope="session")
def rank_correlation():
    """Give Spearman's rank correlation; ties by their mean rank."""

    def correlate(a, b):
        ranks = [pl.Series(values).rank().to_numpy() for values in (a, b)]
        return float(np.corrcoef(*ranks)[0, 1])

    return correlate
