"""Scores that another matcher gave: by pair, or in a column; and the published table restated."""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import polars as pl
import pytest

import biomatch as bm
import biomatch.cli
from biomatch.errors import TableError
from biomatch.overstay.linkage.scored import GivenScores
from biomatch.overstay.rules import us_report


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(biomatch.cli, "FAMILIES", ("link", "stays"))
    monkeypatch.chdir(tmp_path)

    def run(*words) -> tuple[int, str, str]:
        code = biomatch.cli.run([str(word) for word in words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture(scope="module")
def small(border):
    return border(31, 300)


def scores_of(world, least=-2.0):
    """Compare every entry with every exit, as a matcher of somebody's own might."""
    entries, exits = world.faces["entries"].astype(np.float64), world.faces["exits"].astype(np.float64)
    score = (entries / np.linalg.norm(entries, axis=1, keepdims=True)) @ (
        exits / np.linalg.norm(exits, axis=1, keepdims=True)
    ).T
    left, right = np.nonzero(score >= least)  # NaN is nothing
    return pl.DataFrame({"entry_row": left + 1, "exit_row": right + 1, "score": score[left, right]})


def test_given_scores_are_looked_up_whatever_their_order():
    given = GivenScores.of(np.array([3, 1]), np.array([2, 4]), np.array([0.5, 0.25], np.float32), 6)
    found = given(np.empty((0, 1), np.float32), np.array([2, 4, 3, 0]), np.array([3, 1, 2, 1]))
    assert found[:3].tolist() == [0.5, 0.25, 0.5]
    assert np.isnan(found[3])


def test_scores_by_pair_do_what_templates_do(small, on, tmp_path):
    pairs = scores_of(small)
    pairs.write_csv(tmp_path / "pairs.csv")
    third = pl.when(pl.int_range(pl.len()) % 3 == 0).then("birth_date").alias("birth_date")
    entries, exits = (frame.drop("name").with_columns(third) for frame in (small.entries, small.exits))
    both = np.concatenate([small.faces["entries"], small.faces["exits"]])
    plain = bm.link(entries, exits, on=on)
    by_template = bm.link(entries, exits, on=on, faces=both)
    by_score = bm.link(entries, exits, on=on, faces=tmp_path / "pairs.csv")
    true = set(small.pairs.rows())

    def right(found):
        made = found.links.filter(pl.col("made") & (pl.col("kind") == "exit"))
        links = set(made.select("from_row", "to_row").rows())
        return len(links & true), len(links - true)

    assert right(by_score)[1] <= 1
    assert right(by_score)[0] > right(plain)[0]
    assert abs(right(by_score)[0] - right(by_template)[0]) <= 2


def test_a_column_of_scores_finds_sham_exits_by_a_law(on):
    """An exit whose score is a stranger's is not that of its document's holder."""
    entries = pl.DataFrame({"document": ["A", "B"], "date": [date(2023, 1, 5)] * 2, "class": ["WT"] * 2})
    exits = pl.DataFrame(
        {"document": ["A", "B"], "date": [date(2023, 2, 5)] * 2, "face_score": [0.95, -0.02]}
    )
    found = bm.link(entries, exits, on=on, profile="visa-border-leader")
    sham = dict(found.stays.select("document", "p_sham_exit").rows())
    without = bm.link(entries, exits, on=on)
    prior = without.stays["p_sham_exit"][0]
    # A spoilt capture of the holder scores like a stranger, which bounds what a score can say.
    assert sham["A"] < prior / 100
    assert sham["B"] > 100 * prior
    assert any("name a --profile" in text for text in without.notes)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("entry_row,score\n1,0.5\n", "no column 'exit_row'"),
        ("entry_row,exit_row,score\n1,9,0.5\n", "exit_row '9'"),
        ("entry_row,exit_row,score\n1,1,high\n", "score 'high'"),
        ("entry_row,exit_row,score\n1,1,nan\n", "score 'nan'"),
        ("entry_row,exit_row,score\n1,,0.5\n", "exit_row None"),
    ],
)
def test_bad_scores_are_refused(content, said, tmp_path, on):
    frame = pl.DataFrame({"document": ["A"], "date": ["2023-01-01"]})
    (tmp_path / "pairs.csv").write_text(content)
    with pytest.raises(TableError, match=said):
        bm.link(frame, frame, on=on, faces=tmp_path / "pairs.csv")


RESTATED = """document,date,direction,class,permitted until,received,country,mode
A,2023-01-05,entry,WT,2023-04-04,,XAA,air
B,2023-01-05,entry,WT,2023-04-04,,XBB,air
B,2023-02-05,exit,,,2023-10-20,XBB,air
C,2023-01-05,entry,WT,2023-04-04,,,air
C,2023-11-05,exit,,,,,air
"""


def test_a_restatement_counts_what_was_known_by_each_day(call, tmp_path):
    """A: never left; B: left in time, said late; C: left late, on a day after the first count."""
    (tmp_path / "r.csv").write_text(RESTATED)
    options = ["--by", "country", "--restate", "2023-12-31", "--restate", "2023-09-30"]
    code, out, _ = call("link", tmp_path / "r.csv", "--on", "2023-09-30", *options, "--out", tmp_path / "o")
    assert code == 0
    assert "as_of" in out
    code, out, _ = call(
        "link", tmp_path / "r.csv", "--on", "2023-09-30", *options, "--out", tmp_path / "o", "--json"
    )
    rows = {(row["as_of"], row["country"]): row for row in json.loads(out)["annual"]}
    counted = {key: (row["out_of_country"], row["suspected_in_country"]) for key, row in rows.items()}
    assert counted == {
        ("2023-09-30", "XAA"): (0, 1),
        ("2023-09-30", "XBB"): (0, 1),
        ("2023-09-30", "unknown"): (0, 1),
        ("2023-12-31", "XAA"): (0, 1),
        ("2023-12-31", "XBB"): (0, 0),
        ("2023-12-31", "unknown"): (1, 0),
    }
    written = pl.read_parquet(tmp_path / "o" / "annual.parquet")
    assert set(us_report.RATE_COLUMNS) <= set(written.columns)
    # The count as of a later day is that of a run on the later day.
    later = bm.link(tmp_path / "r.csv", on="2023-12-31", by=["country"])
    first = bm.link(tmp_path / "r.csv", on="2023-09-30", by=["country"], restate=["2023-12-31"])
    assert later.annual.equals(first.annual.filter(pl.col("as_of") == date(2023, 12, 31)))


def test_counted_by_what_there_is(tmp_path, call):
    (tmp_path / "r.csv").write_text(RESTATED)
    for words, said in ((["--by", "colour"], "counted by 'colour'"), (["--by", "mode,mode"], "twice"),
                        (["--restate", "soon"], "--restate 'soon'")):  # fmt: skip
        code, _, err = call("link", tmp_path / "r.csv", "--on", "2023-09-30", *words, "--out", tmp_path / "o")
        assert code == 2
        assert said in err


def test_the_published_table_is_a_file(call, tmp_path):
    stays = "traveller,class,entry,exit,admitted_until,country\na,WT,2023-01-05,,2023-04-04,XAA\n"
    (tmp_path / "s.csv").write_text(stays + "b,B2,2023-01-05,2023-02-01,2023-07-04,XBB\n")
    place = tmp_path / "annual.csv"
    code, out, _ = call(
        "stays", "us", tmp_path / "s.csv", "--on", "2023-12-31", "--by", "class,country",
        "--restate", "2024-06-30", "--annual", place,
    )  # fmt: skip
    assert code == 0
    assert str(place) in out
    table = pl.read_csv(place)
    assert table.height == 4
    assert table["overstays"].sum() == 2
    waiver = table.filter(pl.col("class") == "WT")
    assert waiver["total_rate_of_due"].to_list() == [1.0, 1.0]
    assert waiver["total_rate_of_due_low"][0] == pytest.approx(0.025, abs=1e-3)  # Clopper-Pearson of 1 in 1
    code, _, err = call(
        "stays", "us", tmp_path / "s.csv", "--on", "2023-12-31", "--annual", tmp_path / "annual.txt"
    )
    assert code == 2
    assert "--annual" in err
