"""Clerical review: the sample, and what its answers say."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

import biomatch as bm
import biomatch.cli
from biomatch.errors import ResultsError
from biomatch.evaluation.own import review


@pytest.fixture(scope="module")
def linked(border, on):
    world = border(5, people=900, quality="names")
    return world, bm.link(world.entries, world.exits, on=on)


def answered(sample: pl.DataFrame, world, of: str) -> pl.DataFrame:
    if of == "leads":
        true = [bool(world.overstay[row - 1]) for row in sample["entry_row"]]
    else:
        pairs = set(world.pairs.rows())
        true = [(a, b) in pairs for a, b in zip(sample["from_row"], sample["to_row"], strict=True)]
    return sample.with_columns(answer=pl.Series(["yes" if one else "no" for one in true]))


@pytest.mark.parametrize("of", ["links", "leads"])
def test_answers_give_precision_and_recall_that_cover(linked, of):
    world, found = linked
    sample = review.draw(found, 200, of)
    assert len(sample) == 200
    assert sample["number"].is_unique().all()
    assert "probability" not in sample.columns
    said = review.read_back(found, answered(sample, world, of), of)
    if of == "leads":
        rows = found.leads["entry_row"].to_numpy() - 1
        precision = world.overstay[rows].mean()
    else:
        made = found.links.filter("made", pl.col("kind").is_in(review.TO_EXITS))
        pairs = set(world.pairs.rows())
        precision = np.mean([(a, b) in pairs for a, b in made.select("from_row", "to_row").rows()])
        assert said.recall_at_least <= len(pairs & set(made.select("from_row", "to_row").rows())) / len(pairs)
    low, high = said.precision.interval
    assert low <= precision <= high
    assert said.recall.interval[0] <= said.recall.value <= said.recall.interval[1]


def test_a_census_is_exact(linked):
    world, found = linked
    everything = review.draw(found, 100_000, "leads")
    said = review.read_back(found, answered(everything, world, "leads"), "leads")
    rows = found.leads["entry_row"].to_numpy() - 1
    assert said.precision.value == pytest.approx(world.overstay[rows].mean())
    assert said.precision.interval == (said.precision.value, said.precision.value)
    moved = review.recalibrated(found, said)
    assert moved["reviewed_p_overstay"].drop_nulls().is_between(0, 1).all()


def test_the_draw_is_the_same_each_time(linked):
    _, found = linked
    assert review.draw(found, 50).equals(review.draw(found, 50))
    assert not review.draw(found, 50).equals(review.draw(found, 50, seed=1))


def test_wrong_answers_are_refused(linked):
    world, found = linked
    sample = review.draw(found, 20)
    with pytest.raises(ResultsError, match="nothing is answered"):
        review.read_back(found, sample)
    with pytest.raises(ResultsError, match="about no case"):
        review.read_back(found, pl.DataFrame({"number": [10**9], "answer": ["yes"]}))
    with pytest.raises(ResultsError, match="links or leads"):
        review.draw(found, 5, "people")
    few = review.read_back(found, answered(sample, world, "links").head(3))
    with pytest.raises(ResultsError, match="too few"):
        review.recalibrated(found, few)


def test_the_command_goes_both_ways(linked, tmp_path, monkeypatch, capsys):
    world, found = linked
    monkeypatch.setattr(biomatch.cli, "FAMILIES", ("review_sample", "link"))
    monkeypatch.chdir(tmp_path)
    found.write("L")
    assert biomatch.cli.run(["review-sample", "L", "--pairs", "120", "--of", "leads", "--out", "s.csv"]) == 0
    answered(pl.read_csv("s.csv"), world, "leads").write_csv("a.csv")
    capsys.readouterr()
    words = ["review-sample", "L", "--answers", "a.csv", "--of", "leads", "--out", "m.csv", "--json"]
    assert biomatch.cli.run(words) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["answered"] == 120
    assert 0 <= said["precision"]["interval"][0] <= said["precision"]["value"]
    assert biomatch.cli.run(["review-sample", "L", "--out", "x.csv"]) == 2
    assert biomatch.cli.run(["review-sample", "nowhere", "--pairs", "3", "--out", "x.csv"]) == 2
