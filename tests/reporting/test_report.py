"""The file: offline, small, whole or absent; its data and its text say the same."""

import base64
import gzip
import json
import re

import pytest

from biomatch.errors import ResultsError, TableError
from biomatch.reporting import assembly
from biomatch.reporting.content import content, labels_of
from biomatch.reporting.report import report, write_charts, write_tables

HOSTILE = (
    "</script><script>document.title='owned'</script>",
    "\"'><img src=x onerror=\"document.title='owned'\">",
    "{{data}}{{file:report-css}}&lt;b&gt;",
    "\u202eright-to-left \u05e9\u05dc\u05d5\u05dd",
    "<!-- " + "long " * 2_000,
)


def data_of(path):
    text = path.read_text(encoding="utf-8")
    kind, data = re.search(r'<script type="([^"]*)" id="data">(.*?)</script>', text, re.S).groups()
    packed = kind == "application/gzip"
    assert packed or kind == "application/json"
    return json.loads(gzip.decompress(base64.b64decode(data)) if packed else data)


def test_the_file_is_small_and_says_its_threshold(result, tmp_path):
    path = report([result], tmp_path / "report.html")
    text = path.read_text(encoding="utf-8")
    assert path.stat().st_size < 3_000_000
    title = re.search(r"<title>(.*?)</title>", text, re.S).group(1)
    assert "0.42" in title
    assert "95% confidence" in title
    headline = re.search(r'<h1 class="headline">(.*?)</h1>', text).group(1)
    assert title.startswith(headline)
    assert "{{" not in text.replace(assembly.bundle(), "")


def test_the_same_results_give_the_same_bytes(result, make, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    first = report([result], tmp_path / "a.html").read_bytes()
    assert report([make()], tmp_path / "b.html").read_bytes() == first
    assert b"14 November 2023" in first


def test_nothing_in_the_page_is_fetched(result, tmp_path):
    text = report([result], tmp_path / "report.html").read_text(encoding="utf-8")
    outside = text.replace(assembly.bundle(), "").replace(
        assembly.embedded(data_of(tmp_path / "report.html")), ""
    )
    assert not re.search(r"<[^>]*\b(?:src|href)=(?!\"#)", outside)
    assert "url(" not in outside
    assert "@import" not in outside
    assert "default-src 'none'" in outside


def test_fifty_results_fit_in_one_file(fifty):
    results, path = fifty
    assert path.stat().st_size < 2_000_000
    data = data_of(path)
    assert len(data["results"]) == 50
    # Compressed or not, the data are the same; a few results come as they are.
    wanted = content(results[49], labels_of(results)[49], several=True).to_json()
    assert data["results"][49] == json.loads(json.dumps(wanted))
    plain = assembly.data_element({"a": "</script>"})
    assert plain == r'<script type="application/json" id="data">{"a":"\u003c/script\u003e"}</script>'


def test_hostile_names_stay_text(make, tmp_path):
    found = make(name=HOSTILE[0] + HOSTILE[4], groups=HOSTILE)
    text = report([found], tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script>document.title" not in text
    assert len(re.findall(r"<script", text.replace(assembly.bundle(), ""))) == 3
    rows = data_of(tmp_path / "report.html")["results"][0]["tables"]["by-group"]["rows"]
    assert {row[0] for row in rows} == {name if len(name) <= 80 else name[:79] + "…" for name in HOSTILE}


def test_the_command_that_makes_it_again_is_there(make, tmp_path):
    found = make(about={"command": "biomatch demo --out demo --seed 1"})
    data = data_of(report([found], tmp_path / "report.html"))
    rows = dict(data["results"][0]["tables"]["provenance"]["rows"])
    assert rows["command"] == "biomatch demo --out demo --seed 1"
    assert rows["lineages of the tuning worlds"] == "1"
    assert rows["world"] == "0123456789abcdef"


def test_the_drawn_data_are_within_the_page(result, tmp_path):
    found = data_of(report([result], tmp_path / "report.html"))
    curve = found["results"][0]["rows"]["curve"]
    for at, threshold in enumerate(curve["threshold"]):
        wrong, missed = result.curve.at(_nearest(result, threshold), rank=20)
        assert (curve["fpir_errors"][at], curve["fnir_errors"][at]) == (int(wrong), int(missed))


def _nearest(result, threshold):
    known = result.curve.points(rank=20).thresholds
    return known[abs(known - threshold).argmin()]


def test_no_result_no_report(tmp_path):
    with pytest.raises(ResultsError, match="no result"):
        report([], tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_leaves_nothing(result, tmp_path):
    (tmp_path / "taken").write_text("x")
    with pytest.raises(TableError, match="could not be written"):
        report([result], tmp_path / "taken" / "report.html")
    assert [one.name for one in tmp_path.iterdir()] == ["taken"]


def test_every_table_is_written_as_csv(result, make, tmp_path):
    files = write_tables([result], tmp_path / "one")
    names = {path.stem for path in files}
    assert {"rates", "misses", "day", "leads", "alerts", "by-group", "thresholds", "provenance"} <= names
    head, *rows = (tmp_path / "one" / "thresholds.csv").read_text().splitlines()
    assert head.startswith("Threshold T,Picked,")
    assert len(rows) == len(content(result, "x").slider.thresholds) > result.grid.height
    both = write_tables([result, make(3)], tmp_path / "two")
    assert tmp_path / "two" / "comparison.csv" in both
    assert (tmp_path / "two" / "result-2" / "rates.csv").exists()


def test_every_chart_is_written_as_a_picture(result, tmp_path):
    drawn = write_charts([result], tmp_path, "svg")
    # This result explains no alert and tries no impostor: what has nothing to show is not written.
    empty = {"explained-caught", "explained-false", "adversary", "reliability", "alerts-front"}
    empty |= {name for name in assembly.BINDINGS if name.startswith("waits-")}  # no port was named
    assert {path.stem for path in drawn} == set(assembly.BINDINGS) - empty
    for path in drawn:
        assert path.read_text().startswith("<svg")
        assert "NaN" not in path.read_text()
    png = write_charts([result], tmp_path / "png", "png")
    assert png[0].read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    with pytest.raises(ResultsError, match="gif"):
        write_charts([result], tmp_path, "gif")
