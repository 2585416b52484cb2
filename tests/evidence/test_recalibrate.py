"""Slope and intercept of log odds are found again, and mend a probability that is too sure."""

from __future__ import annotations

import json

import numpy as np
import pytest

from biomatch.errors import ModelError, SettingsError, TableError
from biomatch.evidence.recalibrate import SHIPPED, Recalibration, shipped
from biomatch.training.posterior import CHECK_SEEDS, TRAIN_SEEDS
from biomatch.worlds import FIRST_RESERVED_SEED, check_seed


def test_finds_the_line_and_mends_what_is_too_sure():
    rng = np.random.default_rng(1)
    logit = rng.normal(0.5, 1.5, 60_000)
    truth = 1 / (1 + np.exp(-(0.3 + 0.6 * logit)))
    y = rng.random(len(logit)) < truth
    p = 1 / (1 + np.exp(-logit))
    found = Recalibration.fit(p, y, lineages=(5,))
    assert found.slope == pytest.approx(0.6, abs=0.02)
    assert found.intercept == pytest.approx(0.3, abs=0.03)
    assert found.apply(p) == pytest.approx(truth, abs=0.02)
    again = Recalibration.fit(found.apply(p), y)
    assert (again.slope, again.intercept) == pytest.approx((1.0, 0.0), abs=1e-6)
    assert Recalibration.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_certainty_and_identity_stay():
    assert Recalibration(0.5, 1.0).apply([0.0, 1.0]).tolist() == [0.0, 1.0]
    assert Recalibration().apply([0.2, 0.7]) == pytest.approx([0.2, 0.7])


def test_equal_probabilities_give_the_base_rate():
    y = np.arange(1000) < 300
    assert Recalibration.fit(np.full(1000, 0.6), y).apply([0.6]) == pytest.approx([0.3], abs=1e-3)


def test_refusals():
    with pytest.raises(ModelError, match="at least 20"):
        Recalibration.fit(np.full(30, 0.5), np.zeros(30, dtype=bool))
    with pytest.raises(TableError, match="values in"):
        Recalibration.fit([1.2], [True])
    with pytest.raises(ModelError, match="family"):
        Recalibration.from_json({"family": "x"})


def test_the_shipped_line_comes_from_reserved_worlds_and_keeps_the_order():
    line = shipped()
    assert line.lineages == TRAIN_SEEDS
    assert min(line.lineages) >= FIRST_RESERVED_SEED
    assert not set(TRAIN_SEEDS) & set(CHECK_SEEDS)
    for seed in TRAIN_SEEDS:
        with pytest.raises(SettingsError, match="seed"):
            check_seed(seed)
    p = np.linspace(0.001, 0.999, 50)
    assert (np.diff(line.apply(p)) > 0).all()
    assert 0.5 < line.slope < 2.0


def test_a_missing_or_foreign_line_is_refused(tmp_path):
    with pytest.raises(ModelError, match="make models"):
        shipped(tmp_path / "nowhere")
    (tmp_path / SHIPPED).write_text("[]", encoding="utf-8")
    with pytest.raises(ModelError, match="no recalibration"):
        shipped(tmp_path)
