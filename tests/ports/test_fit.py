"""The fitted hall on the hours that ship with the package: held out, beside naive predictors."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from biomatch.errors import ResultsError, SettingsError, TableError
from biomatch.evaluation.waits.naive import naive_predictions
from biomatch.ports.fluid import Scales, arrivals, queue_minutes
from biomatch.tables.ports import PortHours, sample_hours
from biomatch.training.hall import complete, fit_hall
from biomatch.training.heldout import held_out, span

TRAIN, TEST = (date(2018, 5, 1), date(2018, 8, 31)), (date(2018, 9, 1), date(2018, 10, 15))


@pytest.fixture(scope="module")
def hours():
    return sample_hours()["ohare"]


@pytest.fixture(scope="module")
def found(hours):
    return held_out(hours, TRAIN, TEST)


def test_the_fit_beats_the_naive_predictors(found):
    errors = found.mae_minutes
    assert errors["hall"] < 0.95 * min(errors[name] for name in ("hour_of_day", "hour_by_month", "linear"))
    assert found.wins
    assert found.interval[1] < 0
    assert 0.3 < found.correlations["hall"] < 0.8, "above 0.8 an answer leaked"
    assert found.bands < 0.1
    assert found.test_hours == len(found.predictions)


def test_no_answer_of_the_test_days_is_used(hours, found):
    hidden = pl.when(pl.col("date") > TRAIN[1]).then(None)
    names = ["us_mean_wait", "us_max_wait", "other_mean_wait", "other_max_wait", "max_wait"]
    scrambled = (
        pl.when(pl.col("date") > TRAIN[1]).then(pl.col("mean_wait").reverse()).otherwise(pl.col("mean_wait"))
    )
    frame = hours.frame.with_columns(
        scrambled.alias("mean_wait"), *(hidden.otherwise(pl.col(name)).alias(name) for name in names)
    )
    again = held_out(PortHours(frame, hours.source), TRAIN, TEST)
    assert again.predictions.equals(found.predictions)
    assert again.mae_minutes["hall"] != found.mae_minutes["hall"]


def test_more_traffic_waits_longer_and_booths_are_not_asked(hours, found):
    rows = hours.between(*TEST)
    today = found.fit.predict(rows)
    assert found.fit.what_if(rows, traffic=1.0) == pytest.approx(today)
    assert found.fit.what_if(rows, traffic=1.3).mean() > today.mean()
    assert found.fit.what_if(rows, traffic=0.5).mean() < today.mean()
    with pytest.raises(ResultsError, match="booths in measured hours follow demand"):
        found.fit.what_if(rows, booths=1.1)


def test_gaps_and_nulls_do_not_stop_it(hours):
    draws = np.random.default_rng(0)
    frame = hours.between(date(2018, 5, 1), date(2018, 7, 31))
    frame = frame.filter(pl.Series(draws.random(len(frame)) > 0.2))
    lost = pl.Series(draws.random(len(frame)) < 0.1)
    frame = frame.with_columns(
        pl.when(~lost).then(pl.col(name)).alias(name) for name in ("booths", "flights", "mean_wait", "n_0_15")
    ).with_columns(airport=pl.lit(None, dtype=pl.String), max_wait=pl.lit(None, dtype=pl.Float64))
    bare = held_out(
        PortHours(frame, frame), (date(2018, 5, 1), date(2018, 6, 30)), (date(2018, 7, 1), date(2018, 7, 31))
    )
    assert np.isfinite(list(bare.mae_minutes.values())).all()
    assert np.isfinite(bare.predictions["predicted_wait"].to_numpy()).all()
    assert len(bare.predictions) > bare.test_hours


def test_overlaps_and_too_few_hours_are_refused(hours):
    with pytest.raises(SettingsError, match="overlap"):
        held_out(hours, TRAIN, (date(2018, 8, 31), date(2018, 9, 30)))
    with pytest.raises(TableError, match="no measured hour"):
        held_out(hours, TRAIN, (date(2017, 1, 1), date(2017, 2, 1)))
    with pytest.raises(TableError, match="training hours with a mean wait"):
        fit_hall(hours.between(date(2018, 1, 1), date(2018, 1, 3)))


@pytest.mark.parametrize("text", ["2018-02-30:2018-03-01", "2019:2018", "x:y", "", "2018-01-01:"])
def test_spans_that_cannot_be_are_refused(text):
    with pytest.raises(SettingsError, match="--train"):
        span(text, "--train")


def test_naive_predictors_are_what_they_say():
    rows = {"date": [date(2018, 1, 1), date(2018, 2, 1), date(2018, 1, 2)], "hour": [8, 8, 9],
            "passengers": [100.0, 200.0, 300.0], "flights": [1.0, 2.0, 2.0], "booths": [5.0, 5.0, 9.0],
            "mean_wait": [10.0, 20.0, 30.0]}  # fmt: skip
    train = pl.DataFrame(rows)
    asked = train.with_columns(hour=pl.Series([8, 8, 23]), mean_wait=pl.lit(None, dtype=pl.Float64))
    said = naive_predictions(train, asked)
    assert said["hour_of_day"].tolist() == [15.0, 15.0, 20.0]
    assert said["hour_by_month"].tolist() == [10.0, 20.0, 20.0]
    assert said["linear"] == pytest.approx([10.0, 20.0, 30.0])


def test_the_fluid_keeps_its_queue():
    """One flight of 600 leaves in 40 minutes, 15 a minute; ten booths of 60 s serve 10 a minute.

    The backlog grows by 5 a minute to 200, so that a passenger meets 100, ten minutes, on average.
    """
    frame = complete(
        pl.DataFrame(
            {
                "date": [date(2018, 1, 1)],
                "hour": [8],
                "passengers": [600.0],
                "flights": [1.0],
                "booths": [10.0],
            }
        )
    )
    of = arrivals(frame)
    assert of.profile.sum(axis=2) == pytest.approx(np.full((2, 1), 600.0))
    usual = np.full(24, 10.0)
    alone = queue_minutes(of, np.array([10.0]), usual, Scales(60.0, 1.0, 0.0, 0.0))
    assert alone[0] == pytest.approx(10.0, abs=0.5)
    faster = queue_minutes(of, np.array([10.0]), usual, Scales(60.0, 1.0, 0.0, 2.0))
    assert faster[0] < alone[0] / 1.5
