"""A fitted hall judged on hours that it was not fitted to, beside naive predictors on the same split."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from biomatch.errors import SettingsError, TableError
from biomatch.evaluation.waits.naive import NAIVE, naive_predictions
from biomatch.portable.types import Floats
from biomatch.streams import stream
from biomatch.tables.portfiles import BANDS
from biomatch.tables.ports import PortHours
from biomatch.training.hall import HallFit, Update, complete, fit_hall, no_progress

OVER_30 = BANDS[2:]
CANNOT_SAY = (
    "Booths in these hours follow demand, so the fit cannot say what one booth more would do; "
    "ask that with --roster and the port's own desk times, without --fit."
)


def span(text: str, option: str) -> tuple[date, date]:
    """Read FROM:TO, both included; years and months stand for their first or last day.

    Examples
    --------
    >>> span("2018:2018-02", "--train")
    (datetime.date(2018, 1, 1), datetime.date(2018, 2, 28))
    """
    begins, colon, ends = text.partition(":")
    low = _day(begins.strip(), last=False)
    high = _day((ends if colon else begins).strip(), last=True)
    if low is None or high is None or low > high:
        raise SettingsError(
            f"{option} {text}", allowed="FROM:TO, such as 2018-01-01:2018-12-31, 2018-01:2018-06 or 2018:2018"
        )
    return low, high


def _day(text: str, *, last: bool) -> date | None:
    found = re.fullmatch(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?", text)
    if not found:
        return None
    year, month, day = (None if part is None else int(part) for part in found.groups())
    try:
        month = month or (12 if last else 1)
        return date(year or 0, month, day or (monthrange(year or 0, month)[1] if last else 1))
    except ValueError:
        return None


@dataclass(frozen=True)
class HeldOutHours:
    """How well a fit predicts held-out hours.

    Attributes
    ----------
    fit : HallFit
    train, test : tuple of date
        First and last day of each.
    train_hours, test_hours : int
        Measured hours in each.
    mae_minutes, correlations : mapping of str to float
        By predictor: ``hall``, ``hour_of_day``, ``hour_by_month``, ``linear``. Mean absolute error of an
        hour's mean wait, minutes; correlation with it (None where a predictor is constant).
    interval : tuple of float
        95% bootstrap interval over days of the hall's error less that of hour of day, minutes.
    days_mae_minutes : mapping of str to float
        Of a day's mean wait over travellers.
    over_30_mae : float or None
        Mean absolute error of an hour's share over 30 minutes.
    band_shares : mapping of str to list of float, or None
        ``predicted``, ``measured`` and ``training`` shares of travellers by wait band.
    predictions : polars.DataFrame
        ``row``, ``predicted_wait``, ``expected_wait`` and, where known, ``predicted_over_30``, for every hour
        of the test days, measured or not.
    """

    fit: HallFit
    train: tuple[date, date]
    test: tuple[date, date]
    train_hours: int
    test_hours: int
    mae_minutes: Mapping[str, float]
    correlations: Mapping[str, float | None]
    interval: tuple[float, float]
    days_mae_minutes: Mapping[str, float]
    over_30_mae: float | None
    band_shares: Mapping[str, list[float]] | None
    predictions: pl.DataFrame

    @property
    def wins(self) -> bool:
        """Whether the hall's error is below that of hour of day."""
        return self.mae_minutes["hall"] < self.mae_minutes["hour_of_day"]

    @property
    def bands(self) -> float | None:
        """Total variation between predicted and measured shares by band, in [0, 1]."""
        if self.band_shares is None:
            return None
        gaps = np.subtract(self.band_shares["predicted"], self.band_shares["measured"])
        return float(np.abs(gaps).sum() / 2.0)

    def what_if(self, hours: pl.DataFrame, traffic: float) -> tuple[float, float]:
        """Give the mean wait of hours over travellers, minutes: as they are, and with changed traffic.

        Parameters
        ----------
        hours : polars.DataFrame
            Schema ``biomatch.tables.ports.HOURS``.
        traffic : float
            Passengers and flights, as a multiple of those in the table.
        """
        people = hours["passengers"].to_numpy()
        both = [self.fit.means(self.fit.what_if(hours, traffic=factor)) for factor in (1.0, traffic)]
        return float(np.average(both[0], weights=people)), float(np.average(both[1], weights=people))

    def to_json(self) -> dict[str, Any]:
        """Give the JSON of ``biomatch queue --fit``."""
        return {
            "train": [*self.train],
            "test": [*self.test],
            "train_hours": self.train_hours,
            "test_hours": self.test_hours,
            "mae_minutes": dict(self.mae_minutes),
            "correlation": self.correlations["hall"],
            "correlations": dict(self.correlations),
            "bands": self.bands,
            "band_shares": self.band_shares,
            "against_hour_of_day": {
                "difference_minutes": self.mae_minutes["hall"] - self.mae_minutes["hour_of_day"],
                "interval": list(self.interval),
            },
            "days_mae_minutes": dict(self.days_mae_minutes),
            "over_30_mae": self.over_30_mae,
            "wins": self.wins,
            "cannot_say": CANNOT_SAY,
        }


def held_out(
    hours: PortHours, train: tuple[date, date], test: tuple[date, date], *, update: Update = no_progress
) -> HeldOutHours:
    """Fit on some days of a hall, and predict others.

    Parameters
    ----------
    hours : PortHours
        Of one terminal, with ``mean_wait``.
    train, test : tuple of date
        First and last day, both included; they must not overlap.
    update : callable
        Progress.

    Raises
    ------
    SettingsError
        For days that overlap.
    TableError
        Where one of the spans has too few measured hours.
    """
    if train[0] <= test[1] and test[0] <= train[1]:
        raise SettingsError(
            f"training days {train[0]} to {train[1]} and test days {test[0]} to {test[1]} overlap",
            remedy="test on days that were not trained on",
        )
    known, asked = hours.between(*train), hours.between(*test)
    measured = asked.filter(pl.col("mean_wait").is_not_null())
    if measured.is_empty():
        raise TableError(f"no measured hour from {test[0]} to {test[1]}", remedy="give other test days")
    # Traffic of the hours around is no answer; waits are, and of those only training days' are handed on.
    fit = fit_hall(known, hours.frame, update=update)
    all_hours = fit.predict(asked, hours.frame)
    is_measured = asked["mean_wait"].is_not_null().to_numpy()
    hall = all_hours[is_measured]
    training = complete(known.filter(pl.col("mean_wait").is_not_null()))
    predicted = {"hall": hall, **naive_predictions(training, complete(measured))}
    waits = measured["mean_wait"].to_numpy().astype(np.float64)
    errors = {name: np.abs(values - waits) for name, values in predicted.items()}
    shares = _band_shares(fit, training, measured, hall)
    over = fit.bands(all_hours)
    columns = {"row": asked["row"], "predicted_wait": all_hours, "expected_wait": fit.means(all_hours)}
    if over is not None:
        columns["predicted_over_30"] = over[:, 2:].sum(axis=1)
    return HeldOutHours(
        fit=fit,
        train=train,
        test=test,
        train_hours=fit.trained_hours,
        test_hours=len(measured),
        mae_minutes={name: float(values.mean()) for name, values in errors.items()},
        correlations={name: _correlation(values, waits) for name, values in predicted.items()},
        interval=_difference(measured, errors["hall"] - errors["hour_of_day"]),
        days_mae_minutes=_days(
            measured, waits, {"hall": fit.means(hall), **{n: predicted[n] for n in NAIVE}}
        ),
        over_30_mae=_over_30(fit, measured, hall),
        band_shares=shares,
        predictions=pl.DataFrame(columns),
    )


def _correlation(predicted: Floats, waits: Floats) -> float | None:
    if predicted.size < 2 or np.ptp(predicted) < 1e-9 or np.ptp(waits) < 1e-9:
        return None
    return float(np.corrcoef(predicted, waits)[0, 1])


def _difference(measured: pl.DataFrame, gap: Floats, draws: int = 1000) -> tuple[float, float]:
    """Bootstrap days: hours of one day share their weather, staff and late flights."""
    by_day = (
        measured.select("date").with_columns(pl.Series("gap", gap)).group_by("date")
        .agg(pl.col("gap").sum(), pl.len().alias("n")).sort("date")
    )  # fmt: skip
    total, number = by_day["gap"].to_numpy(), by_day["n"].to_numpy().astype(np.float64)
    picks = stream(0, "ports.held_out_days").integers(0, total.size, (draws, total.size))
    means = np.sort(total[picks].sum(axis=1) / number[picks].sum(axis=1))
    return float(means[int(0.025 * draws)]), float(means[int(0.975 * draws) - 1])


def _days(measured: pl.DataFrame, waits: Floats, predicted: Mapping[str, Floats]) -> dict[str, float]:
    """Give the mean absolute error of a day's mean wait over travellers."""
    table = measured.select("date", "passengers").with_columns(
        pl.Series("waits", waits), *(pl.Series(name, values) for name, values in predicted.items())
    )
    people = pl.col("passengers")
    days = table.group_by("date").agg(
        ((pl.col(name) * people).sum() / people.sum()).alias(name) for name in ("waits", *predicted)
    )
    return {name: float((days[name] - days["waits"]).abs().mean()) for name in predicted}  # type: ignore[arg-type]


def _counted(frame: pl.DataFrame) -> tuple[Floats, Any]:
    bands = frame.select(BANDS).to_numpy().astype(np.float64)
    return bands, ~np.isnan(bands).any(axis=1)


def _band_shares(
    fit: HallFit, training: pl.DataFrame, measured: pl.DataFrame, hall: Floats
) -> dict[str, list[float]] | None:
    shares = fit.bands(hall)
    bands, have = _counted(measured)
    before, had = _counted(training)
    if shares is None or not have.any() or not bands[have].sum():
        return None
    people = bands[have].sum(axis=1)
    predicted = (shares[have] * people[:, None]).sum(axis=0)
    found = {"predicted": predicted, "measured": bands[have].sum(axis=0), "training": before[had].sum(axis=0)}
    return {name: [float(one) for one in values / values.sum()] for name, values in found.items()}


def _over_30(fit: HallFit, measured: pl.DataFrame, hall: Floats) -> float | None:
    shares = fit.bands(hall)
    bands, have = _counted(measured)
    have = have & (np.nan_to_num(bands).sum(axis=1) > 0)
    if shares is None or not have.any():
        return None
    actual = bands[have][:, 2:].sum(axis=1) / bands[have].sum(axis=1)
    return float(np.abs(shares[have][:, 2:].sum(axis=1) - actual).mean())
