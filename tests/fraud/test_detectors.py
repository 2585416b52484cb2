"""Each kind on a border drawn by hand: the fraud scores above all honest look-alikes."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from biomatch.errors import SettingsError
from biomatch.fraud.detect import DETECTORS, detect
from biomatch.fraud.facts import CONFLICT_FLOOR, Facts
from biomatch.fraud.shared_document import weakest_edge
from biomatch.fraud.stay_laundering import used_days
from biomatch.gallery.scoring import exact_scores
from biomatch.settings.system import System
from biomatch.system.replay import search
from biomatch.tables.produced import ALERT_KINDS, ALERTS


def best(alerts, kind):
    found = alerts.filter(pl.col("kind") == kind).sort("score", descending=True)
    return found.row(0, named=True) if len(found) else None


def test_every_kind_has_a_detector():
    assert set(DETECTORS) == set(ALERT_KINDS)


def test_impostor_on_a_genuine_document(border):
    border.honest(range(10, 30))
    stolen = border.document("D", 1)
    bad = border.meet(2, stolen, "entry", 5)
    alerts, *_ = border.alerts("document_photo_conflict")
    top = best(alerts, "document_photo_conflict")
    assert top["encounter_id"] == top["subject_id"] == bad
    assert top["score"] > -0.4
    assert json.loads(top["evidence"])["photo_similarity"] == pytest.approx(-top["score"], abs=1e-6)
    assert alerts.filter(pl.col("encounter_id") != bad)["score"].max() is None or (
        alerts.filter(pl.col("encounter_id") != bad)["score"].max() < top["score"]
    )


def test_sham_exit_names_whose_stay_the_leaver_has(border):
    border.honest(range(10, 30))
    paper, own = border.document("A", 1), border.document("B", 2)
    entry = border.meet(1, paper, "entry", 2)
    accomplice = border.meet(2, own, "entry", 3)
    leaves = border.meet(2, paper, "exit", 20)
    alerts, *_ = border.alerts("sham_exit", policy="today")
    top = best(alerts, "sham_exit")
    assert (top["subject_type"], top["subject_id"], top["encounter_id"]) == ("stay", entry, leaves)
    told = json.loads(top["evidence"])
    assert told["other_encounter_id"] == accomplice
    assert told["other_similarity"] > 0.7 > 0.4 > told["entry_similarity"]


def test_residents_have_no_stay_to_break(border):
    paper = border.document("A", 1)
    border.meet(1, paper, "entry", 2, resident=True)
    border.meet(2, paper, "exit", 20, resident=True)
    alerts, *_ = border.alerts("sham_exit")
    assert alerts.is_empty()


def test_an_exit_without_face_is_no_conflict(border):
    paper = border.document("A", 1)
    border.meet(1, paper, "entry", 2)
    border.meet(2, paper, "exit", 20, face=False)
    alerts, *_ = border.alerts("sham_exit", "document_photo_conflict")
    assert alerts.is_empty()


def test_second_identity_but_no_renewal_twin_or_changed_name(border):
    border.honest(range(10, 30))
    for number, name, born in (
        ("A", "ONE", date(1980, 1, 1)),
        ("B", "OTHER", date(1985, 5, 5)),  # the second identity
        ("R", "ONE", date(1980, 1, 1)),  # a renewal
        ("C", "MARRIED", date(1980, 1, 1)),  # a changed name
    ):
        border.document(number, 1, name=name, born=born)
    border.document("L", 2, name="TWO", born=date(1980, 1, 1))
    border.document("K", 2, name="TWO", born=date(1981, 1, 1))  # a birth date keyed wrongly
    border.meet(2, "L", "entry", 2)
    border.meet(1, "A", "entry", 2)
    renewed = border.meet(1, "R", "entry", 50)
    changed = border.meet(1, "C", "entry", 60)
    keyed = border.meet(2, "K", "entry", 65)
    other = border.meet(1, "B", "entry", 70)
    alerts, *_ = border.alerts("second_identity")
    strong = alerts.filter(pl.col("score") > 0.5)
    assert strong["encounter_id"].to_list() == [other]
    assert not {renewed, changed, keyed} & set(strong["encounter_id"])


@pytest.mark.parametrize("policy", ["today", "watchlist"])
def test_watchlist_by_list_or_by_comparison(border, policy):
    border.honest(range(10, 30))
    border.watched[4] = datetime(2025, 2, 1)
    border.document("W", 4)
    border.meet(4, "W", "entry", 5)  # before the listing
    late = border.meet(4, "W", "exit", 45)
    alerts, *_ = border.alerts("watchlist", policy=policy)
    assert alerts.filter(pl.col("score") > 0.5)["encounter_id"].to_list() == [late]


def test_watchlist_scores_agree_between_list_and_comparison(border):
    border.honest(range(10, 40))
    border.watched |= {12: datetime(2024, 1, 1), 77: datetime(2024, 1, 1)}
    border.code(77)
    observed, _ = border.world()
    found = []
    for name in ("today", "watchlist"):
        system = System.load(name).with_({"alerts.kinds": ["watchlist"]})
        lists = search(observed, system)
        found.append(detect(observed, lists, links_of(observed), system))
    assert found[0].drop("evidence").equals(found[1].drop("evidence"))
    assert len(found[0])


def links_of(observed):
    from biomatch.overstay.linkage.documents import link_documents

    return link_documents(observed.encounters, date(2025, 12, 31)).stays


def test_shared_document_weighs_more_than_one_bad_image(border):
    border.honest(range(10, 30))
    border.document("S", 1)
    for day, person in enumerate([1, 1, 2, 2, 1]):
        border.meet(person, "S", "entry" if day % 2 == 0 else "exit", 2 + day)
    border.document("Q", 3)
    for day in range(5):
        border.meet(3, "Q", "entry" if day % 2 == 0 else "exit", 2 + day, noise=1.3 if day == 2 else 0.3)
    alerts, *_ = border.alerts("shared_document")
    first = alerts.sort("score", descending=True).row(0, named=True)
    shared = [row["encounter_id"] for row in border.rows if row["document_number"] == "S"]
    assert first["subject_id"] == shared[0]
    assert first["encounter_id"] == shared[3]  # the latest encounter of the smaller cluster
    assert json.loads(first["evidence"])["smaller_cluster"] == 2


def test_morph_fits_two_people_who_do_not_fit(border):
    border.honest(range(10, 30))
    border.document("M", 1, photo=border.face(1, mixed_with=2))
    border.meet(1, "M", "entry", 2)
    second = border.meet(2, "M", "exit", 9)
    border.document("I", 3)  # an impostor: fits nothing
    border.meet(3, "I", "entry", 2)
    border.meet(4, "I", "exit", 9)
    alerts, *_ = border.alerts("morph")
    top = best(alerts, "morph")
    assert top["encounter_id"] == second
    assert alerts.filter(pl.col("encounter_id") != second)["score"].fill_null(0).max() in (None,) or (
        alerts.filter(pl.col("encounter_id") != second)["score"].max() < top["score"] - 0.1
    )


@pytest.mark.parametrize("movement", [7, -1])
def test_swapped_exit_pairs_both(border, movement):
    border.honest(range(10, 30))
    border.movement(7, 20, "A", "B")
    for person, number in ((1, "A"), (2, "B")):
        border.document(number, person)
        border.meet(person, number, "entry", 2)
    swapped = {border.meet(2, "A", "exit", 20, movement=movement)}
    swapped.add(border.meet(1, "B", "exit", 20.01, movement=movement))
    alerts, *_ = border.alerts("swapped_exit")
    assert set(alerts["encounter_id"]) == swapped
    assert alerts["score"].min() > 0.4


def test_concealer_needs_poor_capture_and_several_tries(border):
    border.honest(range(10, 30))
    border.document("A", 1)
    poor = border.meet(1, "A", "entry", 2, quality=1.0, attempts=3)
    shy = border.meet(1, "A", "exit", 9, face=False, failure="opt_out", attempts=3)
    none = border.meet(1, "A", "entry", 12, face=False, attempts=3)
    alerts, *_ = border.alerts("concealer")
    assert set(alerts["encounter_id"]) == {poor, none}
    assert shy not in set(alerts["encounter_id"])


def test_stay_laundering_over_two_documents(border):
    border.honest(range(10, 30))
    for number in ("A", "B"):
        border.document(number, 1, name="SAME", born=date(1980, 1, 1))
    border.meet(1, "A", "entry", 1)
    border.meet(1, "A", "exit", 80)
    second = border.meet(1, "B", "entry", 85)
    border.meet(1, "B", "exit", 140)
    for number in ("C", "D"):  # a benign renewal within the limit
        border.document(number, 2, name="HONEST", born=date(1981, 1, 1))
    border.meet(2, "C", "entry", 1)
    border.meet(2, "C", "exit", 30)
    border.meet(2, "D", "entry", 60)
    border.meet(2, "D", "exit", 90)
    alerts, *_ = border.alerts("stay_laundering")
    assert alerts["encounter_id"].to_list() == [second]
    told = json.loads(alerts["evidence"][0])
    assert (told["days_of_union"], told["days_on_document"]) == (80 + 56, 56)
    assert alerts["score"][0] == pytest.approx(46.0)


def test_used_days_against_sets():
    random = np.random.default_rng(2)
    for _ in range(60):
        count = int(random.integers(1, 12))
        group = random.integers(0, 3, count)
        first = random.integers(0, 300, count)
        last = first + random.integers(0, 120, count)
        got = used_days(group, first, last)
        for i in range(count):
            days = {
                d
                for j in range(count)
                if group[j] == group[i]
                for d in range(first[j], last[j] + 1)
                if last[i] - 179 <= d <= last[i]
            }
            assert got[i] == len(days)


def test_weakest_edge_against_all_cuts():
    random = np.random.default_rng(3)
    for n in (2, 3, 5, 6):
        faces = random.standard_normal((20, n, 8)).astype(np.float32)
        faces /= np.linalg.norm(faces, axis=2, keepdims=True)
        graphs = np.einsum("mid,mjd->mij", faces, faces)
        value, smaller = weakest_edge(graphs)
        for graph, got, side in zip(graphs, value, smaller, strict=True):
            # The tree's weakest edge is the least, over all cuts, of the strongest edge across the cut.
            cuts = [[bool(mask >> i & 1) for i in range(n)] for mask in range(1, 2 ** (n - 1))]
            across = [graph[np.ix_(np.array(cut), ~np.array(cut))].max() for cut in cuts]
            assert got == min(across)
            assert graph[np.ix_(side, ~side)].max() == got
            assert 1 <= side.sum() <= n // 2


def test_pairs_against_a_ledger(border):
    random = np.random.default_rng(4)
    for number in "ABC":
        border.document(number, ord(number))
    for _ in range(40):
        number = "ABC"[random.integers(3)]
        border.meet(ord(number), number, ("entry", "exit")[random.integers(2)], float(random.integers(1, 12)),
                    face=bool(random.random() < 0.8))  # fmt: skip
    observed, _ = border.world()
    facts = Facts(observed, search(observed, System.load("all")), links_of(observed), None)
    rows = facts.table.to_dicts()
    faces = observed.templates
    for i, row in enumerate(rows):
        before = [j for j in range(i) if rows[j]["document_number"] == row["document_number"]]
        entries = [j for j in before if rows[j]["direction"] == "entry"]
        expected = entries[-1] if entries and row["direction"] == "exit" else -1
        assert facts.entry_of[i] == expected
        shown = [j for j in before if rows[j]["template_row"] >= 0]
        assert facts.previous_face[i] == (shown[-1] if shown else -1)
        assert facts.first_face[i] == (shown[0] if shown else -1)
        if expected >= 0 and row["template_row"] >= 0 and rows[expected]["template_row"] >= 0:
            one = np.array([row["template_row"]])
            two = np.array([rows[expected]["template_row"]])
            assert facts.entry_similarity[i] == exact_scores(faces, one, faces, two)[0]
        else:
            assert np.isnan(facts.entry_similarity[i])


def test_nothing_is_known_before_it_is_received(border):
    border.honest(range(10, 30))
    paper = border.document("A", 1)
    border.meet(1, paper, "entry", 2)
    border.meet(2, paper, "exit", 20)
    alerts, *_ = border.alerts(*DETECTORS, as_of=date(2025, 1, 10))
    assert alerts.is_empty() or alerts["raised_at"].max() < datetime(2025, 1, 11)
    later, *_ = border.alerts(*DETECTORS)
    early = later.filter(
        (pl.col("raised_at") < datetime(2025, 1, 11)) & (pl.col("subject_type") == "encounter")
    )
    assert early.equals(alerts.filter(pl.col("subject_type") == "encounter"))
    assert best(later, "sham_exit")["raised_at"] == datetime(2025, 1, 21)


def test_all_kinds_run_on_an_empty_border(border):
    border.document("A", 1)
    border.meet(1, "A", "entry", 2, face=False)
    observed, _ = border.world()
    empty = type(observed)(**{**vars(observed), "encounters": observed.encounters.clear()}).sealed()
    for world in (observed, empty):
        system = System.load("all").with_({"alerts.kinds": list(DETECTORS), "alerts.scoring": "evidence"})
        alerts = detect(world, search(world, system), links_of(world), system)
        assert alerts.schema == pl.Schema(ALERTS.columns)


def test_an_unknown_kind_is_refused_and_the_nearest_named(border):
    border.honest([10])
    with pytest.raises(SettingsError, match="sham_exit"):
        border.alerts("sham_exits")


def test_alerts_do_not_depend_on_the_order_of_rows(border):
    border.honest(range(10, 30))
    paper = border.document("A", 1)
    border.meet(1, paper, "entry", 2)
    border.meet(2, paper, "exit", 20)
    observed, _ = border.world()
    again = type(observed)(**{**vars(observed), "encounters": observed.encounters.reverse()})
    system = System.load("all").with_({"alerts.kinds": list(DETECTORS), "alerts.scoring": "evidence"})
    lists = search(observed, system)
    one = detect(observed, lists, links_of(observed), system)
    two = detect(again, lists, links_of(again), system)
    assert one.equals(two)
    assert -one.filter(pl.col("kind") == "sham_exit")["score"].min() < CONFLICT_FLOOR


def test_as_of_a_moment_reads_whole_days(border):
    border.honest([10], days=(1, 3))
    observed, _ = border.world()
    lists = search(observed, System.load("all"))
    table = Facts(observed, lists, links_of(observed), date(2025, 1, 2)).table
    assert table["time"].max() < datetime(2025, 1, 2) + timedelta(days=1)


def test_morph_betrayed_by_another_document_of_the_accomplice(border):
    border.honest(range(10, 30))
    for number, photo in (("M", border.face(1, mixed_with=2)), ("OWN", None)):
        border.document(number, 1, name="ACCOMPLICE", born=date(1980, 1, 1), photo=photo)
    used = border.meet(2, "M", "entry", 4)  # only the user ever shows it
    for number in ("R", "S"):  # a renewal: both photos are the holder's
        border.document(number, 3, name="RENEWED", born=date(1981, 1, 1))
    border.meet(3, "R", "entry", 4)
    alerts, *_ = border.alerts("morph")
    assert alerts["encounter_id"].to_list() == [used]
    assert alerts["score"][0] > 0.3


def test_a_placeholder_name_is_nobody(border):
    """Documents that all bear one name must neither explode into pairs nor accuse each other."""
    for person in range(40):
        border.document(f"P{person}", person, name="UNKNOWN", born=date(1900, 1, 1))
        border.meet(person, f"P{person}", "entry", 3)
    observed, _ = border.world()
    facts = Facts(observed, search(observed, System.load("all")), links_of(observed), None)
    assert np.isnan(facts.other_photo_similarity).all()
