"""The impostor who picks the best donor: the section says what the result says."""

import csv
import io
from dataclasses import replace

import pytest
from judged_alerts import with_alerts

import biomatch as bm
from biomatch.evaluation.alerts.alert_result import AdversaryResult, DonorCatch, DonorPool
from biomatch.rates import rate
from biomatch.reporting.content import content
from biomatch.reporting.fraud.adversary import (
    HEADING,
    HOW,
    adversary_rows,
    pools_table,
    sentence,
)
from biomatch.reporting.report import pictures


def make_pool(size, own, known, trials, expected):
    counted = (rate(own, trials), rate(known, trials)) if trials else (None, None)
    return DonorPool(size, *counted, expected)


FOUND = AdversaryResult(
    "document_photo_conflict", scoring="evidence", threshold=-0.4, impostors=2_000,
    profile="visa-border-leader",
    pools=(make_pool(1, 2_000, 1_999, 2_000, 0.9999), make_pool(100, 1_990, 1_980, 2_000, 0.9905),
           make_pool(10_000, 0, 0, 0, 0.62)),
    kin=(DonorCatch("twin", rate(1, 50)),), happened=(DonorCatch("stranger", rate(9, 10), 20),),
)  # fmt: skip


def told_in(result, found):
    return with_alerts(result, adversary=found)


def test_tables_chart_and_text_say_the_same(result):
    told = told_in(result, FOUND)
    found = content(told, "a")
    table = found.tables["adversary"]
    assert [row[0] for row in table.rows] == ["1", "100", "10,000"]
    assert [row[2] and row[2].numerator for row in table.rows] == [1_999, 1_980, None]
    assert [row[3] for row in table.rows] == ["99.99%", "99.05%", "62.00%"]
    assert "within the measured interval at 2 of 2 sizes" in table.note
    rows = bm.charts.adversary(told).to_dict()["datasets"]
    assert {(row["size"], row["how"], row["errors"]) for row in rows["pools"]} == {
        (1, HOW["own_photo"], 2_000), (100, HOW["own_photo"], 1_990),
        (1, HOW["score_known"], 1_999), (100, HOW["score_known"], 1_980),
    }  # fmt: skip
    assert [row["caught"] for row in rows["expected"]] == [0.9999, 0.9905, 0.62]
    assert [row[0] for row in found.tables["adversary-others"].rows] == [
        "lent by a twin", "this world's own, lent by the best of 20 strangers",
    ]  # fmt: skip
    assert found.texts["adversary-head"] == HEADING
    said = found.texts["adversary"]
    assert "2,000 travellers" in said
    assert "at most 0.4000" in said
    assert "1,980 of 2,000 when he knows" in said
    assert "62.00% at 10,000 passports" in said
    assert "adversary" in pictures(told)
    assert "adversary" not in {row[0] for row in found.tables["alerts"].rows}
    (head, first, *_) = csv.reader(io.StringIO(table.to_csv()))
    assert head[:4] == [
        "Passports to pick from", "Picks by his own photo, caught",
        "Picks by his own photo, caught numerator", "Picks by his own photo, caught denominator",
    ]  # fmt: skip
    assert first[:4] == ["1", "1.0", "2000", "2000"]


def test_what_the_model_misses_is_said(result):
    first, second, third = FOUND.pools
    off = (first, replace(second, expected=0.5), third)
    assert "at 1 of 2 sizes" in pools_table(told_in(result, replace(FOUND, pools=off)).alerts).note
    bare = tuple(replace(pool, expected=None) for pool in FOUND.pools)
    without = told_in(result, replace(FOUND, profile=None, pools=bare)).alerts
    assert "not carried on" in pools_table(without).note
    assert "face model" not in sentence(without)
    fused = told_in(result, replace(FOUND, scoring="fusion", threshold=11.74, profile=None)).alerts
    assert "at least 11.74 nats" in sentence(fused)
    assert "Only photo and capture" in pools_table(fused).note


def test_untried_results(result):
    old = content(result, "a")
    assert (old.texts["adversary"], old.texts["adversary-head"]) == ("", "")
    assert not {"adversary", "adversary-others"} & set(old.tables)
    assert "adversary" not in pictures(result)
    absent = told_in(result, AdversaryResult("document_photo_conflict", "nobody showed a face"))
    found = content(absent, "a")
    assert found.texts["adversary"] == "Not tried: nobody showed a face."
    assert found.texts["adversary-head"] == HEADING
    assert "adversary" not in found.tables
    assert adversary_rows(absent.alerts) == ([], [])


def test_hostile_names_stay_text(result, tmp_path):
    name = "</script><script>alert(1)</script>" + "x" * 10_000
    told = replace(FOUND, profile=name, kin=(DonorCatch(name, rate(1, 2)),))
    page = bm.report([told_in(result, told)], tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page


@pytest.mark.browser
def test_the_page_draws_the_curve(result, tmp_path, look):
    seen = look(bm.report([told_in(result, FOUND)], tmp_path / "r.html"))
    drawn = seen.page.locator("#chart-adversary svg").text_content()
    assert all(name in drawn for name in HOW.values())
    assert seen.page.locator("[data-csv=adversary]").is_visible()
    assert seen.said == []
    plain = look(bm.report([result], tmp_path / "plain.html"))
    assert plain.page.locator("[data-text=adversary-head]").is_hidden()
    assert plain.page.locator("#chart-adversary").is_hidden()
