"""The face check: which pairs it breaks, and what becomes of both sides."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from biomatch.errors import TableError
from biomatch.overstay.linkage.documents import link_documents
from biomatch.overstay.linkage.faces import check_faces, score_rows

LATER = date(2030, 1, 1)


def unit(rows):
    rows = np.asarray(rows, dtype=np.float64)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def border(make_encounters):
    """A leaves as A; B leaves on C's document (a sham exit); D has no template at the exit."""
    encounters = make_encounters(
        [
            {"id": 10, "day": 0, "direction": "entry", "document": "A", "template": 0},
            {"id": 11, "day": 5, "direction": "exit", "document": "A", "template": 1},
            {"id": 20, "day": 0, "direction": "entry", "document": "C", "template": 2},
            {"id": 21, "day": 6, "direction": "exit", "document": "C", "template": 3},
            {"id": 30, "day": 0, "direction": "entry", "document": "D", "template": 4},
            {"id": 31, "day": 7, "direction": "exit", "document": "D"},
            {"id": 40, "day": 90, "direction": "entry", "document": "C", "template": 5},
        ]
    )
    templates = unit(
        [[1, 0, 0], [0.9, 0.1, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 0.1]],
    )
    return encounters, templates


def test_a_contradicted_pair_is_broken_and_both_sides_stay(border):
    encounters, templates = border
    links = check_faces(link_documents(encounters, LATER), encounters, templates, 0.5)
    how = dict(links.stays.select("entry_id", "how_linked").iter_rows())
    assert how == {10: "document", 20: "implied", 30: "document", 40: "none"}
    assert links.contradicted.select("entry_id", "exit_id", "score").rows() == [(20, 21, 0.0)]
    assert links.residual_exits.select("exit_id", "contradicted").rows() == [(21, True)]
    assert links.stays["exit_time"].null_count() == 2


def test_equality_is_accepted_and_thresholds_may_differ_by_encounter(border):
    encounters, templates = border
    links = link_documents(encounters, LATER)
    own = float(score_rows(templates, np.array([0]), np.array([1]))[0])
    assert len(check_faces(links, encounters, templates, own).contradicted) == 1
    limits = np.zeros(len(encounters))
    assert check_faces(links, encounters, templates, limits).contradicted.is_empty()
    limits[1] = np.nextafter(own, 2)
    broken = check_faces(links, encounters, templates, limits).contradicted
    assert broken["exit_id"].to_list() == [11]
    with pytest.raises(TableError, match="thresholds of shape"):
        check_faces(links, encounters, templates, np.zeros(3))


def test_a_score_does_not_depend_on_its_batch():
    rng = np.random.default_rng(3)
    templates = unit(rng.normal(size=(50, 64)))
    left, right = rng.integers(50, size=40_000), rng.integers(50, size=40_000)
    whole = score_rows(templates, left, right)
    some = rng.integers(40_000, size=20)
    alone = [score_rows(templates, left[i : i + 1], right[i : i + 1])[0] for i in some]
    assert np.array_equal(whole[some], np.array(alone))
    exact = (templates[left[some]].astype(np.float64) * templates[right[some]]).sum(axis=1)
    assert np.allclose(whole[some], exact, atol=1e-7)
