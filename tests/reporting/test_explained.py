"""One alert as a waterfall: the steps meet, and end where the fused ratio says."""

import math
from itertools import pairwise

import pytest

from biomatch import charts
from biomatch.errors import ResultsError
from biomatch.fraud.basis import PIECES
from biomatch.reporting.explained import KINDS, NAMES, POSTERIOR, PRIOR, waterfall_rows

PARTS = {"nothing": -2.0, **dict.fromkeys(PIECES, 0.0), "photo": 11.5, "capture": -0.5, "total": 9.0}


def test_every_piece_of_evidence_has_words():
    assert set(NAMES) == set(PIECES)


def test_steps_join_prior_and_posterior():
    rows = waterfall_rows(PARTS, per_million=8)
    prior = math.log(8 / (1e6 - 8))
    assert [rows[0]["label"], rows[-1]["label"]] == [PRIOR, POSTERIOR]
    assert rows[0]["end"] == rows[1]["start"] == pytest.approx(prior)
    for one, other in pairwise(rows[1:-1]):
        assert one["end"] == other["start"]
    assert rows[-2]["end"] == pytest.approx(rows[-1]["end"]) == pytest.approx(prior + PARTS["total"])
    assert [row["adds"] for row in rows[2:-1]] == pytest.approx([11.5, -0.5])  # silent pieces are left out
    assert [row["what"] for row in rows[1:-1]] == [KINDS[2], KINDS[1], KINDS[2]]


def test_the_chart_draws_the_steps():
    spec = charts.waterfall(PARTS).to_dict()
    assert spec["datasets"]["steps"] == waterfall_rows(PARTS)


@pytest.mark.parametrize("per_million", [0, 1e6, -1, math.nan])
def test_a_prevalence_out_of_range_is_refused(per_million):
    with pytest.raises(ResultsError, match="per million"):
        waterfall_rows(PARTS, per_million=per_million)


def test_parts_that_do_not_add_up_are_refused():
    with pytest.raises(ResultsError, match="add up"):
        waterfall_rows({**PARTS, "total": 3.0})
