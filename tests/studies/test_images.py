"""A gallery that keeps the newest images of a document holds these and no others, at every moment."""

import polars as pl
import pytest

from biomatch.settings.scenario import Scenario
from biomatch.settings.system import System
from biomatch.system.references import DOCUMENT_KEY, references
from biomatch.worlds import world


@pytest.fixture(scope="module")
def observed():
    often = {"travellers": 150, "days": 400, "traffic.further_journeys": 3.0}
    return world(Scenario.load("tiny").with_(often), seed=1).observed


@pytest.mark.parametrize("images", [1, 2])
def test_the_newest_images_are_kept(observed, images):
    kept = references(observed, System.load("all").with_({"gallery.images": images}))
    everything = references(observed, System.load("all"))
    most = everything.group_by(DOCUMENT_KEY).len()["len"].max()
    assert most > images  # or there is nothing to see
    for moment in everything["available_from"].sample(40, seed=1):
        # The twin: what had been received, newest first, cut after so many a document.
        had = everything.filter(pl.col("available_from") <= moment).sort("available_from", "encounter_id")
        newest = had.group_by(DOCUMENT_KEY, maintain_order=True).tail(images)
        there = kept.filter(
            (pl.col("available_from") <= moment)
            & (pl.col("retired_at").is_null() | (pl.col("retired_at") > moment))
        )
        assert sorted(there["encounter_id"]) == sorted(newest["encounter_id"])


def test_none_named_keeps_all_until_retention_ends(observed):
    everything = references(observed, System.load("all"))
    kept_for = everything.select((pl.col("retired_at") - pl.col("enrolled_at")).dt.total_days())
    assert kept_for.to_series().min() >= 27_393  # 75 years
