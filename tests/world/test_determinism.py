"""Same scenario and seed, same bytes: in two processes, with any number of threads; streams stand alone."""

import subprocess
import sys

import polars as pl
import pytest
from biomatch_synthetic import captures, separate
from biomatch_synthetic.itineraries import movements
from biomatch_synthetic.world import begin, make
from polars.testing import assert_frame_equal

from biomatch import streams, truth
from biomatch.settings.scenario import KINDS, Scenario
from biomatch.tables import observed as seen
from biomatch.tables import storage

CODE = """
from biomatch.settings.scenario import Scenario
from biomatch.tables import storage
from biomatch import truth
from biomatch_synthetic.world import make
observed, answers = make(Scenario.load("tiny"), 9)
print(observed.sealed().id, *(storage.table_digest(s, getattr(answers, n)) for n, s in truth.SCHEMAS.items()))
"""


def digests(made):
    observed, answers = made
    tables = (storage.table_digest(schema, getattr(answers, name)) for name, schema in truth.SCHEMAS.items())
    return " ".join([observed.sealed().id, *tables])


def test_two_processes_make_the_same_bytes():
    told = [
        subprocess.run(
            [sys.executable, "-c", CODE], capture_output=True, text=True, check=True
        ).stdout.strip()
        for _ in range(2)
    ]
    assert told[0] == told[1] == digests(make(Scenario.load("tiny"), 9))


def test_threads_change_nothing(monkeypatch):
    monkeypatch.setattr(captures, "CHUNK", 256)
    made = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(captures, "THREADS", threads)
        made.append(digests(make(Scenario.load("tiny"), 9)))
    assert made[0] == made[1] == made[2]


def test_another_seed_is_another_world(tiny):
    other, _ = make(Scenario.load("tiny"), 2)
    assert other.sealed().id != tiny[0].sealed().id
    assert not set(other.documents["number"]) & set(tiny[0].documents["number"])


def _with_a_further_draw(monkeypatch, module, name):
    """Let one stream be drawn from once more than it is, before its own use."""

    def stream(seed, asked, *keys):
        made = streams.stream(seed, asked, *keys)
        if asked == name:
            made.random()
        return made

    monkeypatch.setattr(module, "stream", stream)


@pytest.mark.parametrize(
    ("module", "name", "table", "column"),
    [
        (movements, "movements.carrier", "movements", "carrier"),
        (separate, "manifests.seat", "manifests", "seat"),
        (movements, "records.typed", "encounters", "recorded_at"),
        (movements, "manifests.sent", "manifests", "received_at"),
    ],
)
def test_a_further_draw_shifts_nothing_else(monkeypatch, tiny, module, name, table, column):
    _with_a_further_draw(monkeypatch, module, name)
    observed, answers = make(Scenario.load("tiny"), 1)
    for schema in seen.SCHEMAS:
        ours, theirs = getattr(observed, schema.name), getattr(tiny[0], schema.name)
        if schema.name == table:
            assert not ours[column].equals(theirs[column])
            ours, theirs = ours.drop(column), theirs.drop(column)
        # A late record came by the manifest: its receipt follows.
        if name == "records.typed" and schema.name == "manifests":
            ours, theirs = ours.drop("received_at"), theirs.drop("received_at")
        assert_frame_equal(ours, theirs)
    assert (observed.templates == tiny[0].templates).all()
    for schema_name in truth.SCHEMAS:
        assert_frame_equal(getattr(answers, schema_name), getattr(tiny[1], schema_name))


def test_more_of_one_fraud_leaves_the_others_actors():
    scenario = Scenario.load("airport").with_(
        {
            "travellers": 6_000, "faces.profile": "visa-border-small", "watchlist.size": 0,
            **{f"subversion.{kind}": 0.0 for kind in KINDS}, "subversion.concealer": 5_000.0,
        }
    )  # fmt: skip
    few, many = (
        make(scenario.with_({"subversion.second_identity": rate}), 4)[1].subversion
        for rate in (1000.0, 9000.0)
    )
    few, many = (
        frame.filter(pl.col("kind") == "concealer").select("encounter_id", "actor_id").sort("encounter_id")
        for frame in (few, many)
    )
    assert_frame_equal(few, many)
    assert few.height > 10


def test_worlds_of_one_seed_share_people_whatever_their_size():
    small, large = (
        begin(Scenario.load("airport").with_({"travellers": count}), 6).people for count in (500, 2_000)
    )
    first = slice(0, 490)  # the last party may be cut short
    assert (small.face[first] == large.face[first]).all()
    for name in ("female", "region", "family_name", "given_name"):
        alike = getattr(small, name)[first] == getattr(large, name)[first]
        assert alike.mean() > 0.9, name  # siblings are paired among all, so a few differ
