"""The impostor who picks the best donor: the section says what the result says."""

import csv
import dataclasses
import io

import pytest

import biomatch as bm
from biomatch.rates import rate
from biomatch.reporting.adversary import (
    HEADING,
    HOW,
    adversary_of,
    adversary_rows,
    others_table,
    pools_table,
    sentence,
)
from biomatch.reporting.content import content
from biomatch.reporting.report import pictures


def make_found(**more):
    def pool(size, own, known, trials, expected):
        return {
            "size": size, "own_photo": rate(own, trials).to_json() if trials else None,
            "score_known": rate(known, trials).to_json() if trials else None, "expected": expected,
        }  # fmt: skip

    return {
        "kind": "document_photo_conflict", "absent": "", "scoring": "evidence", "threshold": -0.4,
        "impostors": 2_000, "profile": "visa-border-leader",
        "pools": [
            pool(1, 2_000, 1_999, 2_000, 0.9999), pool(100, 1_990, 1_980, 2_000, 0.9905),
            pool(10_000, 0, 0, 0, 0.62),
        ],
        "kin": [{"donor": "twin", "caught": rate(1, 50).to_json()}],
        "happened": [{"donor": "stranger", "size": 20, "caught": rate(9, 10).to_json()}], **more,
    }  # fmt: skip


def told_in(result, found):
    return dataclasses.replace(result, alerts=dict(result.alerts) | {"adversary": [found]})


def test_tables_chart_and_text_say_the_same(result):
    told = told_in(result, make_found())
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


def test_what_the_model_misses_is_said():
    pools = make_found()["pools"]
    pools[1]["expected"] = 0.5
    assert "at 1 of 2 sizes" in pools_table({"adversary": [make_found(pools=pools)]}).note
    bare = [{**pool, "expected": None} for pool in pools]
    without = {"adversary": [make_found(profile=None, pools=bare)]}
    assert "not carried on" in pools_table(without).note
    assert "face model" not in sentence(without)
    fused = {"adversary": [make_found(scoring="fusion", threshold=11.74, profile=None)]}
    assert "at least 11.74 nats" in sentence(fused)
    assert "Only photo and capture" in pools_table(fused).note


def test_older_results_and_untried_ones(result):
    old = content(result, "a")
    assert (old.texts["adversary"], old.texts["adversary-head"]) == ("", "")
    assert not {"adversary", "adversary-others"} & set(old.tables)
    assert "adversary" not in pictures(result)
    absent = told_in(result, {"kind": "document_photo_conflict", "absent": "nobody showed a face"})
    found = content(absent, "a")
    assert found.texts["adversary"] == "Not tried: nobody showed a face."
    assert found.texts["adversary-head"] == HEADING
    assert "adversary" not in found.tables
    assert adversary_rows(absent.alerts) == ([], [])


@pytest.mark.parametrize(
    "change",
    [{"pools": 3}, {"pools": [{"size": 1}]}, {"kin": [{"donor": "twin"}]}, {"threshold": "x"},
     {"pools": [{"size": 0, "own_photo": None, "score_known": None, "expected": None}]},
     {"pools": [{"size": 1, "own_photo": None, "score_known": None, "expected": 7.0}]},
     {"impostors": None}],
)  # fmt: skip
def test_an_edited_result_shows_nothing_and_no_traceback(change):
    alerts = {"adversary": [make_found(**change)]}
    assert adversary_of(alerts) is None
    assert pools_table(alerts) is others_table(alerts) is None
    assert sentence(alerts) == ""


def test_hostile_names_stay_text(result, tmp_path):
    name = "</script><script>alert(1)</script>" + "x" * 10_000
    told = make_found(profile=name, kin=[{"donor": name, "caught": rate(1, 2).to_json()}])
    page = bm.report([told_in(result, told)], tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page


@pytest.mark.browser
def test_the_page_draws_the_curve(result, tmp_path, look):
    seen = look(bm.report([told_in(result, make_found())], tmp_path / "r.html"))
    drawn = seen.page.locator("#chart-adversary svg").text_content()
    assert all(name in drawn for name in HOW.values())
    assert seen.page.locator("[data-csv=adversary]").is_visible()
    assert seen.said == []
    plain = look(bm.report([result], tmp_path / "plain.html"))
    assert plain.page.locator("[data-text=adversary-head]").is_hidden()
    assert plain.page.locator("#chart-adversary").is_hidden()
