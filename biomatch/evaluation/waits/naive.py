"""Naive predictors of an hour's mean wait, which a fitted hall must beat to be believed."""

from __future__ import annotations

import numpy as np
import polars as pl

from biomatch.portable.types import Floats

NAIVE = ("hour_of_day", "hour_by_month", "linear")


def naive_predictions(train: pl.DataFrame, test: pl.DataFrame) -> dict[str, Floats]:
    """Predict the mean wait of test hours from training hours, three ways.

    Parameters
    ----------
    train, test : polars.DataFrame
        Schema ``biomatch.tables.ports.HOURS``, flights and booths filled; `train` with ``mean_wait``.

    Returns
    -------
    dict of str to ndarray of float64
        Minutes, shape (n,) each: ``hour_of_day``: the training mean of that hour of the day;
        ``hour_by_month``: of that hour in that month, where training has it, else the former;
        ``linear``: least squares in passengers, flights, booths and passengers a booth.

    Examples
    --------
    >>> from datetime import date
    >>> rows = {"date": [date(2018, 1, 1)] * 2, "hour": [8, 9], "passengers": [100.0, 200.0],
    ...         "flights": [1.0, 1.0], "booths": [5.0, 5.0], "mean_wait": [10.0, 20.0]}
    >>> naive_predictions(pl.DataFrame(rows), pl.DataFrame(rows))["hour_of_day"].tolist()
    [10.0, 20.0]
    """
    mean = float(train["mean_wait"].mean())  # type: ignore[arg-type]
    month = pl.col("date").dt.month().cast(pl.Int64).alias("month")
    known, asked = train.with_columns(month), test.with_columns(month)
    by_hour = _means(known, asked, ["hour"]).fill_null(mean)
    by_month = _means(known, asked, ["hour", "month"])
    given = _columns(train)
    weights, *_ = np.linalg.lstsq(given, train["mean_wait"].to_numpy(), rcond=None)
    return {
        "hour_of_day": by_hour.to_numpy(),
        "hour_by_month": by_month.fill_null(by_hour).to_numpy(),
        "linear": _columns(test) @ weights,
    }


def _means(known: pl.DataFrame, asked: pl.DataFrame, key: list[str]) -> pl.Series:
    means = known.group_by(key).agg(pl.col("mean_wait").mean().alias("expected"))
    return asked.select(key).join(means, on=key, how="left", maintain_order="left")["expected"]


def _columns(frame: pl.DataFrame) -> Floats:
    people, flights, booths = (
        frame[name].to_numpy().astype(np.float64) for name in ("passengers", "flights", "booths")
    )
    return np.column_stack([np.ones_like(people), people, flights, booths, people / np.maximum(booths, 1.0)])
