"""Each kind of subversion changes what it should, and the truth says so."""

import numpy as np
import polars as pl
import pytest
from biomatch_synthetic.world import make

from biomatch.settings.scenario import KINDS, Scenario


@pytest.fixture(scope="module")
def events(enriched):
    """Every event beside its encounter, observed and true."""
    _, observed, truth = enriched
    return truth.subversion.join(
        observed.encounters.join(truth.encounters, on="encounter_id"), on="encounter_id", how="left"
    )


def of(events, kind):
    found = events.filter(pl.col("kind") == kind)
    assert found.height > 5, kind
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_occurs_and_is_seen_somewhere(events, kind):
    found = of(events, kind)
    assert (found["encounter_id"] >= 0).all()
    assert found["source"].is_not_null().all()


def test_without_prevalence_there_is_none(honest):
    _, _observed, truth = honest
    assert truth.subversion.height == 0
    own = truth.encounters
    assert (own["person_id"] == own["claimed_person_id"]).all()
    assert (truth.documents["contributor_id"] < 0).all()


def test_impostors_show_a_donor_of_their_sex_and_region(events, enriched):
    _, _, truth = enriched
    found = of(events, "impostor")
    assert (found["person_id"] == found["actor_id"]).all()
    assert (found["claimed_person_id"] == found["victim_id"]).all()
    assert (found["person_id"] != found["claimed_person_id"]).all()
    groups = dict(truth.people.select("person_id", "group").iter_rows())
    assert all(groups[a] == groups[b] for a, b in found.select("actor_id", "victim_id").iter_rows())
    # Entry and exit of one journey go together.
    per_journey = found.group_by("journey_id").agg(pl.col("victim_id").n_unique())
    assert (per_journey["victim_id"] == 1).all()


def test_a_larger_pool_gives_better_look_alikes():
    scores = []
    for pool in (1, 200):
        scenario = Scenario.load("airport").with_(
            {
                "travellers": 4_000, "faces.profile": "visa-border-small", "watchlist.size": 0,
                **{f"subversion.{kind}": 0.0 for kind in KINDS}, "subversion.impostor": 40_000.0,
                "subversion.impostor_relative": 0.0, "subversion.impostor_pool": pool,
            }
        )  # fmt: skip
        observed, truth = make(scenario, 21)
        shown = truth.subversion.join(observed.encounters, on="encounter_id").join(
            observed.documents.select("number", "issuer", photo="template_row"),
            left_on=["document_number", "document_issuer"], right_on=["number", "issuer"],
        ).filter((pl.col("template_row") >= 0) & (pl.col("photo") >= 0))  # fmt: skip
        faces = observed.templates
        scores.append((faces[shown["template_row"]] * faces[shown["photo"]]).sum(axis=1))
        assert len(scores[-1]) > 40
    assert scores[1].mean() > scores[0].mean() + 0.05


def test_sham_exits_hide_who_stays(events, enriched):
    _, _, truth = enriched
    found = of(events, "sham_exit")
    assert (found["direction"] == "exit").all()
    assert (found["person_id"] == found["actor_id"]).all()
    assert (found["claimed_person_id"] == found["victim_id"]).all()
    assert (found["counterpart_id"] == -1).all()
    hidden = found.select("journey_id", "victim_id").join(
        truth.encounters.join(truth.stays, left_on="encounter_id", right_on="entry_id"), on="journey_id"
    )
    assert hidden.height == found.height
    assert (hidden["exit_id"] == -1).all()
    assert hidden["departed_at"].is_null().all()
    assert set(hidden["status"].cast(str)) <= {"in_country_overstay", "not_yet_due"}


def test_ghosts_are_nobody(events, enriched):
    _, _, truth = enriched
    found = of(events, "ghost_exit")
    assert (found["person_id"] == -1).all()
    assert (found["source"] == "manifest").all()
    assert (found["template_row"] == -1).all()
    nobody = truth.encounters.filter(pl.col("person_id") == -1)
    assert set(nobody["encounter_id"]) == set(found["encounter_id"])


def test_shared_documents_have_several_users(events, enriched):
    _, observed, truth = enriched
    found = of(events, "shared_document")
    users = (
        observed.encounters.join(truth.encounters, on="encounter_id")
        .join(
            found.select("document_number", "document_issuer").unique(),
            on=["document_number", "document_issuer"],
        )
        .group_by("document_number")
        .agg(pl.col("person_id").n_unique())
    )
    assert (users["person_id"] >= 2).mean() > 0.95  # an owner's own records may bear a slip
    assert users["person_id"].max() >= 3


def test_second_identities_are_the_persons_own(events, enriched):
    _, observed, truth = enriched
    found = of(events, "second_identity")
    assert (found["person_id"] == found["claimed_person_id"]).all()
    holders = observed.documents.join(truth.documents, on=["number", "issuer"]).filter(
        pl.col("kind") == "passport"
    )
    for person in found["person_id"].unique():
        mine = holders.filter(pl.col("person_id") == person)
        assert mine["holder_name"].n_unique() >= 2
        assert mine["birth_date"].n_unique() >= 2


def test_morphs_look_like_both(events, enriched):
    _, observed, truth = enriched
    found = of(events, "morph")
    morphs = truth.documents.filter(pl.col("contributor_id") >= 0).join(
        observed.documents, on=["number", "issuer"]
    )
    assert morphs.height == found["document_number"].n_unique()
    own = observed.encounters.join(truth.encounters, on="encounter_id").filter(pl.col("template_row") >= 0)
    for name in ("person_id", "contributor_id"):
        pairs = morphs.select("template_row", person_id=name).join(
            own.select("person_id", probe="template_row"), on="person_id"
        )
        faces = observed.templates
        scores = (faces[pairs["template_row"]] * faces[pairs["probe"]]).sum(axis=1)
        assert np.median(scores) > 0.45  # a stranger's is near 0


def test_swapped_exits_come_in_pairs_on_one_departure(events):
    found = of(events, "swapped_exit")
    assert (found["direction"] == "exit").all()
    pairs = found.group_by("movement").agg(pl.col("actor_id").sort(), pl.col("victim_id").sort())
    assert (pairs["actor_id"] == pairs["victim_id"]).all()
    assert (found["counterpart_id"] >= 0).mean() > 0.9


def test_laundered_stays_add_up(events, enriched):
    _, observed, truth = enriched
    found = of(events, "stay_laundering")
    visits = truth.stays.join(observed.encounters, left_on="entry_id", right_on="encounter_id")
    days = visits.with_columns(days=(pl.col("departed_at") - pl.col("time")).dt.total_days())
    total = days.join(found.select(person_id="actor_id").unique(), on="person_id").group_by("person_id")
    summed = total.agg(pl.col("days").sum(), pl.struct("document_number", "document_issuer").n_unique())
    assert (summed["days"] > 90).mean() > 0.9
    assert (summed["document_number"] >= 2).mean() > 0.9


def test_concealers_are_harder_to_match(events, enriched):
    _, observed, _truth = enriched
    found = of(events, "concealer")
    quality = found["quality"].drop_nulls()
    assert quality.mean() < observed.encounters["quality"].drop_nulls().mean() - 15
