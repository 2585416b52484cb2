"""First wall: ids and the order of rows carry no information."""

import numpy as np
import polars as pl
import pytest


def bound(count):
    """99.99% bound of a rank correlation of independent columns (normal approximation)."""
    return 3.9 / np.sqrt(count - 1)


@pytest.fixture(scope="module")
def joined(enriched):
    _, observed, truth = enriched
    fraud = truth.subversion["encounter_id"].unique().implode()
    return (
        observed.encounters.with_row_index("row")
        .join(truth.encounters.with_row_index("true_row"), on="encounter_id")
        .with_columns(fraud=pl.col("encounter_id").is_in(fraud))
    )


@pytest.mark.parametrize("of", ["encounter_id", "row", "true_row", "template_row", "person_id", "journey_id"])
@pytest.mark.parametrize("what", ["time", "direction", "admission_class", "failure", "fraud", "birth_date"])
def test_encounters(joined, rank_correlation, of, what):
    rows = joined.filter((pl.col(of) >= 0) & (pl.col("person_id") >= 0))
    known = rows[what]
    values = known.to_physical() if known.dtype != pl.Boolean else known.cast(pl.Int8)
    # Several encounters of one person stand together where the id is the person's: count people.
    count = rows["person_id"].n_unique()
    if rows[what].n_unique() > 1:
        assert abs(rank_correlation(rows[of], values)) < bound(count)


@pytest.mark.parametrize(("a", "b"), [
    ("encounter_id", "row"), ("encounter_id", "template_row"), ("encounter_id", "person_id"),
    ("encounter_id", "counterpart_id"), ("row", "true_row"), ("encounter_id", "journey_id"),
    ("person_id", "claimed_person_id"), ("encounter_id", "movement"),
])  # fmt: skip
def test_ids_say_nothing_about_each_other(joined, rank_correlation, a, b):
    rows = joined.filter((pl.col(a) >= 0) & (pl.col(b) >= 0))
    if a == "person_id":  # whoever shows their own document is who they claim: only the others count
        rows = rows.filter(pl.col(a) != pl.col(b))
        assert rows.height > 100
    assert abs(rank_correlation(rows[a], rows[b])) < bound(rows.height)


def test_people_and_documents(enriched, rank_correlation):
    _, observed, truth = enriched
    people = truth.people.with_row_index("row")
    for of in ("person_id", "row"):
        for what in ("birth_date", "sex", "family_id"):
            assert abs(rank_correlation(people[of], people[what].to_physical())) < bound(people.height)
    twins = people.filter(pl.col("twin_id") >= 0)
    assert abs(rank_correlation(twins["person_id"], twins["twin_id"])) < bound(twins.height)
    documents = observed.documents.with_row_index("row").join(truth.documents, on=["number", "issuer"])
    digits = documents["number"].str.slice(1).cast(pl.Int64)
    for values in (documents["row"], documents["template_row"], documents["person_id"], documents["issued"]):
        assert abs(rank_correlation(digits, values.to_physical())) < bound(documents.height)


def test_true_stays_and_watchlist_and_events(enriched, rank_correlation):
    _, observed, truth = enriched
    stays = truth.stays.with_row_index("row")
    for what in ("entry_id", "person_id", "departed_at", "status"):
        known = stays.filter(pl.col(what).is_not_null())
        assert abs(rank_correlation(known["row"], known[what].to_physical())) < bound(known.height)
    events = truth.subversion
    for what in ("kind", "encounter_id", "actor_id"):
        assert abs(rank_correlation(events["event_id"], events[what].to_physical())) < bound(
            events.height / 2
        )
    listed = observed.watchlist.join(truth.watchlist, on="reference")
    assert listed.height == observed.watchlist.height > 0
    assert abs(rank_correlation(listed["reference"], listed["since"])) < bound(listed.height)


def test_templates_lie_in_no_order(enriched):
    _, observed, _ = enriched
    rows = pl.concat(
        [
            observed.encounters["template_row"],
            observed.documents["template_row"],
            observed.watchlist["template_row"],
        ]
    )
    used = rows.filter(rows >= 0).sort()
    assert used.to_list() == list(range(len(observed.templates)))  # each belongs to exactly one
    near = (observed.templates[1:] * observed.templates[:-1]).sum(axis=1)
    assert (near > 0.6).mean() < 0.01  # neighbours in the array are strangers
