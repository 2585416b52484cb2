"""What users register is used as what ships, and faults in it are said."""

from importlib.metadata import EntryPoint
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

import biomatch as bm
from biomatch import registry
from biomatch.errors import BiomatchError, SettingsError, TableError
from biomatch.gallery.flat import FlatIndex
from biomatch.tables.produced import ALERTS, STAY_STATUSES, alert_kinds


@pytest.fixture
def clean():
    yield
    for kept in (registry.DETECTORS, registry.INDEXES, registry.READERS, registry.RULES):
        for name in list(kept):
            kept.remove(name)


def poor(facts, kind="poor_image"):
    rows = np.flatnonzero(facts.table["quality"].fill_null(100).to_numpy() < 30)
    return facts.alerts(kind, rows, 100 - facts.table["quality"].fill_null(0).to_numpy()[rows], evidence={})


def own_system(kind="poor_image"):
    return bm.System.load("default").with_({"alerts.kinds": [kind, "watchlist"]})


def test_an_own_detector_goes_the_whole_way(small, clean, tmp_path):
    def causes(false, scene):
        return pl.Series(["dark room"] * len(false))

    bm.register_detector("poor_image", poor, threshold=80.0, event="concealer", causes=causes)
    made = small["world"]
    run = bm.run(made.observed, at=bm.OperatingPoint.of(0.4, own_system()))
    run.write(tmp_path / "run")
    again = type(run).read(tmp_path / "run", made.observed)
    assert again.alerts.equals(run.alerts)
    result = bm.evaluate(again, made.truth, grid=0)
    mine = result.judged_alerts.filter(pl.col("kind").cast(pl.String) == "poor_image")
    assert mine.height
    assert (mine["raised"] == (mine["score"] >= 80.0)).all()
    assert set(mine["cause"].drop_nulls()) <= {"dark room"}
    tuned = bm.tune_fraud(bm.sweep_fraud(run, made.truth), max_alerts_a_day=1e6)
    assert "poor_image" in tuned.alert_thresholds
    assert bm.OperatingPoint.from_mapping(tuned.model_dump(mode="json")) == tuned


def test_what_ships_stays_as_it_is_beside_it(small, clean):
    before = bm.run(small["world"].observed, at=small["point"], lists=small["lists"]).alerts
    bm.register_detector("poor_image", poor, threshold=80.0)
    after = bm.run(small["world"].observed, at=small["point"], lists=small["lists"]).alerts
    assert ALERTS.check(before).equals(after)  # the same rows; only the list of kinds is longer
    registry.DETECTORS.remove("poor_image")
    assert alert_kinds()[-1] == "concealer"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kind": "morph"}, "ships with biomatch"),
        ({"kind": "a b"}, "letters"),
        ({"event": "impostr"}, "did you mean 'impostor'"),
        ({"threshold": float("nan")}, "a finite number"),
        ({"galleries": ["watchlst"]}, "did you mean 'watchlist'"),
    ],
)
def test_a_registration_that_cannot_be_is_refused(clean, given, words):
    asked = {"kind": "mine", "threshold": 1.0} | given
    with pytest.raises(SettingsError, match=words):
        bm.register_detector(asked.pop("kind"), poor, **asked)


def test_a_name_is_not_taken_over_unasked(clean):
    bm.register_index("mine", lambda dimension, **options: FlatIndex())
    with pytest.raises(SettingsError, match="replace=True"):
        bm.register_index("mine", FlatIndex)
    bm.register_index("mine", FlatIndex, replace=True)


@pytest.mark.parametrize(
    ("find", "words"),
    [(lambda facts: 5, "gave a int"), (lambda facts: poor(facts, "morph"), "alerts of kind morph")],
)
def test_a_detector_that_breaks_its_contract_is_named(small, clean, find, words):
    bm.register_detector("poor_image", find, threshold=1.0)
    with pytest.raises(SettingsError, match=words):
        bm.run(small["world"].observed, at=bm.OperatingPoint.of(0.4, own_system()))


def test_an_own_index_gives_the_lists_of_the_one_it_wraps(small, clean):
    bm.register_index("wrapped", lambda dimension, **options: FlatIndex())
    system = bm.System.load("default").with_({"gallery.index": "wrapped"})
    lists = bm.search(small["world"].observed, system)
    assert np.array_equal(lists.reference_id, small["lists"].reference_id)
    assert np.array_equal(lists.score, small["lists"].score)
    with pytest.raises(SettingsError, match="flat, compressed, milvus, auto, wrapped"):
        bm.System.load("default").with_({"gallery.index": "wraped"})


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda stays: stays.select(days_over=0), "last_lawful_day, status, days_over"),
        (
            lambda stays: stays.head(0).select(last_lawful_day="entry", status=pl.lit(""), days_over=0),
            "0 rows",
        ),
        (lambda stays: stays.select(last_lawful_day="entry", status=pl.lit("gone"), days_over=0), "'gone'"),
    ],
)
def test_rules_that_break_their_contract_are_named(small, clean, answer, words):
    bm.register_rules("mine", lambda stays, on: answer(stays))
    at = bm.OperatingPoint.of(0.4, bm.System.load("default").with_({"stays.rules": "mine"}))
    with pytest.raises(TableError, match=words):
        bm.run(small["world"].observed, at=at)


def test_own_rules_judge_the_stays_of_a_run(small, clean):
    def nobody(stays, on):
        return stays.select(last_lawful_day="entry", status=pl.lit("compliant"), days_over=pl.lit(0))

    bm.register_rules("nobody", nobody)
    at = bm.OperatingPoint.of(0.4, bm.System.load("default").with_({"stays.rules": "nobody"}))
    stays = bm.run(small["world"].observed, at=at).stays
    assert set(stays["status"]) == {"compliant"}
    assert stays.schema["status"] == pl.Enum(STAY_STATUSES)


def test_a_package_brings_its_own(clean, monkeypatch):
    called = []

    def register():
        called.append(1)
        bm.register_rules("island", lambda stays, on: stays)

    point = SimpleNamespace(name="mine", value="mine:register", load=lambda: register)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == registry.GROUP else [])
    monkeypatch.setattr(registry, "_loaded", set())
    assert "island" in registry.RULES
    assert "island" in registry.RULES
    assert called == [1]


def test_a_package_that_fails_is_named(clean, monkeypatch):
    broken = EntryPoint("broken", "no_such_module:register", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [broken])
    monkeypatch.setattr(registry, "_loaded", set())
    with pytest.raises(BiomatchError, match="the plugin 'broken'"):
        _ = "island" in registry.RULES
