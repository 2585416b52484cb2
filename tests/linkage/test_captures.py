"""Exits that are a face and nothing else: joined by face, weighed without a name, ignored on request."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from biomatch.overstay.linkage.documents import link_documents
from biomatch.overstay.linkage.link import link
from biomatch.policy import OperatingPoint
from biomatch.settings.system import System

BARE = ("document_number", "document_issuer", "claimed_name", "birth_date", "sex", "nationality")


def point(method="optimum", **more):
    return OperatingPoint.of(0.35, System.load("default").with_({"linkage.method": method, **more}))


@pytest.fixture(scope="module")
def captured(toy_border):
    """A border where every fourth exit with a face is known by that face alone."""
    border = toy_border(1)
    encounters = border.encounters
    chosen = (
        (pl.col("direction") == "exit") & (pl.col("template_row") >= 0) & (pl.int_range(pl.len()) % 4 == 0)
    )
    kinds = encounters.schema["source"]
    bare = encounters.with_columns(
        pl.when(chosen).then(pl.lit("capture", dtype=kinds)).otherwise("source").alias("source"),
        pl.when(chosen).then(None).otherwise("admission_class").alias("admission_class"),
        *(pl.when(chosen).then(None).otherwise(name).alias(name) for name in BARE),
    )
    return border, replace(border.observed(), encounters=bare).check()


def test_no_document_joins_them(captured):
    border, observed = captured
    links = link_documents(observed.encounters, border.as_of)
    bare = observed.encounters.filter(pl.col("document_number").is_null())["encounter_id"]
    assert bare.len() > 300
    assert set(bare) <= set(links.residual_exits["exit_id"])
    assert not set(bare) & set(links.stays["exit_id"])


def test_faces_join_them(captured):
    border, observed = captured
    linked = link(observed, border.as_of, point())
    bare = set(observed.encounters.filter(pl.col("document_number").is_null())["encounter_id"])
    found = linked.stays.join(border.facts(), on="entry_id").join(
        observed.encounters.select(entry_id="encounter_id", face=pl.col("template_row") >= 0), on="entry_id"
    )
    taken = found.filter(pl.col("exit_id").is_in(bare))
    assert (taken["how_linked"] == "face").all()
    assert (taken["exit_id"] == taken["true_exit"]).mean() > 0.98
    due = found.filter(pl.col("true_exit").is_in(bare) & pl.col("face"))
    assert (due["exit_id"] == due["true_exit"]).mean() > 0.9
    edges = linked.edges.filter(pl.col("kind") == "capture")
    assert edges.select("names", "document").to_numpy().any() == np.False_
    assert edges["score"].null_count() == 0
    assert "linkable_capture" in linked.notes


def test_a_linked_capture_says_that_its_traveller_left(captured):
    border, observed = captured
    counted = link(observed, border.as_of, point()).stays
    ignored = link(observed, border.as_of, point(**{"linkage.use_captures": False})).stays
    bare = set(observed.encounters.filter(pl.col("document_number").is_null())["encounter_id"])
    assert not set(ignored["exit_id"]) & bare
    both = counted.join(ignored, on="entry_id", suffix="_without").filter(pl.col("exit_id").is_in(bare))
    assert (both["p_departed"] > 0.95).mean() > 0.95
    assert both["p_departed"].mean() > both["p_departed_without"].mean() + 0.05
    truth = counted.join(border.facts(), on="entry_id")
    loss = [
        float(((frame["p_departed"] - truth["departed"].cast(pl.Float64)) ** 2).mean())
        for frame in (counted, ignored)
    ]
    assert loss[0] < loss[1]


def test_method_document_leaves_them_unlinked(captured):
    border, observed = captured
    stays = link(observed, border.as_of, point("document")).stays
    assert not set(stays["how_linked"].unique()) & {"face", "name"}


def test_a_document_that_the_gate_read_is_a_record_like_the_ports(make_encounters):
    rows = [
        {"id": 1, "day": 0, "direction": "entry"},
        {"id": 2, "day": 9, "direction": "exit", "source": "capture", "template": 0},
        {"id": 3, "day": 9.1, "direction": "exit", "source": "neighbour"},
    ]
    encounters = make_encounters(rows)
    late = (encounters["time"][0] + timedelta(days=30)).date()
    assert link_documents(encounters, late).stays.select("exit_id", "how_linked").row(0) == (2, "document")
    settings = System.load("default").with_({"linkage.use_captures": False}).linkage
    without = link_documents(encounters, late, settings=settings)
    assert without.stays.select("exit_id", "how_linked").row(0) == (3, "neighbour")
    assert without.unused["other"] == 1
