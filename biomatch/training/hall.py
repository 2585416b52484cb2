"""Fits the coarse hall to a port's own hours, and what it leaves to what the table says besides.

Two parts add up to a prediction. The fluid (`biomatch.ports.fluid`) carries a change of traffic from hour to
hour: its scales are searched on a lattice, so that no processor's rounding moves them. What is left is learnt
by boosted trees on the hour, the weekday, this hour's traffic and that of its neighbours; a part of it alone
is added (`LEARNT`), so that where traffic changes the hall leads. No wait of the hours that are predicted, or
of those before them, is used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from biomatch.errors import ResultsError, TableError
from biomatch.portable.types import Floats
from biomatch.ports.fluid import Arrivals, Scales, arrivals, queue_minutes, usual_booths
from biomatch.tables.portfiles import BANDS

LEAST_HOURS = 300
"""Training hours below which nothing is fitted: about two weeks of a busy hall."""
MOST_DAYS = 120
"""Days, evenly taken, on which scales are searched; the rest of the fit uses all."""
HALF_LIFE_YEARS = 0.75
"""Older training hours weigh less: halls change (kiosks came in 2014). Chosen on open hours, 2013 to 2019."""
LEARNT = 0.8
"""Share of what the trees learnt that is added to the hall. Chosen on open hours, 2013 to 2019."""
NEIGHBOURS = (-3, -2, -1, 1, 2)
PASSENGERS_A_FLIGHT = 180.0
LEVELS = 12
"""Classes of predicted wait for which the measured waits' distribution is kept."""
START = (3.6, 0.2, 0.4, 0.6)
"""Logarithm of work, powers of booths and of usual booths, logarithm of the speed-up."""
LOWER, UPPER = (1.5, 0.0, 0.0, -2.3), (7.0, 1.2, 1.2, 1.8)
STRIDES = (0.8, 0.4, 0.2, 0.1)
Update = Callable[[str, int, int], None]


def no_progress(stage: str, done: int, total: int) -> None:
    """Report nothing."""


def complete(frame: pl.DataFrame) -> pl.DataFrame:
    """Fill flights and booths that are not given: flights by size, booths by what is usual at that hour."""
    guessed = (pl.col("passengers") / PASSENGERS_A_FLIGHT).ceil()
    filled = frame.with_columns(
        pl.when(pl.col("flights").fill_null(0) >= 1)
        .then(pl.col("flights"))
        .otherwise(guessed)
        .alias("flights"),
        pl.when(pl.col("booths").fill_null(0) >= 1).then(pl.col("booths")).alias("booths"),
    )
    usual = pl.coalesce(
        "booths", pl.col("booths").median().over("hour"), pl.col("booths").median(), pl.lit(1.0)
    )
    return filled.with_columns(usual.alias("booths"))


@dataclass(frozen=True)
class HallFit:
    """A hall fitted to measured hours.

    Attributes
    ----------
    scales : Scales
        Of the fluid; not service times.
    usual : ndarray of float64
        Shape (24,): usual booths by hour of the day.
    weights : tuple of float
        Offset, queue and size of a flight, which make minutes of wait of the fluid's queue.
    trees : object
        What is left, learnt.
    levels : ndarray of float64
        Shape (k,): predicted minutes, increasing, at which the distribution of measured waits is kept.
    level_means : ndarray of float64
        Shape (k,): mean wait measured there, over travellers.
    level_bands : ndarray of float64 or None
        Shape (k, 7): shares of travellers by wait band there.
    trained_hours : int
    """

    scales: Scales
    usual: Floats
    weights: tuple[float, float, float]
    trees: Any
    levels: Floats
    level_means: Floats
    level_bands: Floats | None
    trained_hours: int

    def predict(self, frame: pl.DataFrame, context: pl.DataFrame | None = None) -> Floats:
        """Predict the mean wait of hours, the value that is as often above as below.

        Parameters
        ----------
        frame : polars.DataFrame
            Schema ``biomatch.tables.ports.HOURS``; no wait in it is looked at.
        context : polars.DataFrame, optional
            Hours around them, whose traffic counts as that of neighbours; default: `frame` itself.

        Returns
        -------
        ndarray of float64
            Shape (n,), minutes.
        """
        rows = complete(frame)
        around = complete(frame if context is None else context)
        minutes = self._queue(rows)
        hall = _terms(rows, minutes) @ np.asarray(self.weights)
        left = _from(self.trees, _features(rows, around, minutes))
        return np.asarray(np.maximum(hall + LEARNT * left, 0.0))

    def means(self, predicted: Floats) -> Floats:
        """Give the mean wait to expect where `predict` says so much: waits are skewed, means lie above."""
        return np.asarray(np.interp(predicted, self.levels, self.level_means))

    def bands(self, predicted: Floats) -> Floats | None:
        """Give the expected shares by wait band, shape (n, 7); None where training has no bands."""
        if self.level_bands is None:
            return None
        found = [np.interp(predicted, self.levels, shares) for shares in self.level_bands.T]
        return np.column_stack(found)

    def what_if(self, frame: pl.DataFrame, *, traffic: float = 1.0, booths: float = 1.0) -> Floats:
        """Predict hours with changed traffic; what is learnt besides the hall stays as it is today.

        Raises
        ------
        ResultsError
            Where booths are changed: in these hours booths follow demand, and nothing was tried.
        """
        if booths != 1.0:
            raise ResultsError(
                "a fit asked about another number of booths",
                allowed="a change of traffic; booths in measured hours follow demand, nothing was tried",
                remedy="ask `biomatch queue` with --roster and the desk times of the port, without --fit",
            )
        rows = complete(frame)
        changed = rows.with_columns(pl.col("passengers") * traffic, (pl.col("flights") * traffic).clip(1.0))
        both = [_terms(one, self._queue(one)) @ np.asarray(self.weights) for one in (rows, changed)]
        return np.asarray(np.maximum(self.predict(frame) + both[1] - both[0], 0.0))

    def _queue(self, rows: pl.DataFrame) -> Floats:
        booths = rows["booths"].to_numpy().astype(np.float64)
        return _rounded(queue_minutes(arrivals(rows), booths, self.usual, self.scales))


def fit_hall(
    train: pl.DataFrame, context: pl.DataFrame | None = None, *, update: Update = no_progress
) -> HallFit:
    """Fit the hall to measured hours.

    Parameters
    ----------
    train : polars.DataFrame
        Schema ``biomatch.tables.ports.HOURS``; rows without ``mean_wait`` are left out.
    context : polars.DataFrame, optional
        Hours around them (traffic of neighbours); default: `train` itself.
    update : callable
        Called with stage, done and total.

    Returns
    -------
    HallFit

    Raises
    ------
    TableError
        With fewer measured hours than `LEAST_HOURS`.
    """
    around = complete(train if context is None else context)
    rows = complete(train).filter(pl.col("mean_wait").is_not_null())
    if len(rows) < LEAST_HOURS:
        raise TableError(
            f"{len(rows):,} training hours with a mean wait",
            allowed=f"at least {LEAST_HOURS}",
            remedy="train on more days, or give the column mean_wait",
        )
    waits = rows["mean_wait"].to_numpy().astype(np.float64)
    booths = rows["booths"].to_numpy().astype(np.float64)
    usual = usual_booths(rows["hour"].to_numpy(), booths)
    scales = _search(_some_days(rows), usual, update)
    minutes = _rounded(queue_minutes(arrivals(rows), booths, usual, scales))
    days = rows["date"].cast(pl.Int32).to_numpy().astype(np.int64)
    age = (days.max() - days) / 365.25
    recent = 0.5 ** (age / HALF_LIFE_YEARS)
    terms = _terms(rows, minutes)
    weights = _least_absolute(terms, waits, recent)
    hall = terms @ weights
    left, features = _rounded(waits - hall), _features(rows, around, minutes)
    # Week by week one half predicts the other: what the trees learnt by heart is no distribution of waits.
    week = days // 7 % 2
    apart = np.zeros_like(hall)
    for half in (0, 1):
        inside = week == half
        if inside.all() or not inside.any():
            apart[:] = hall
            break
        update("fit", 8 + half, 11)
        known = _trees(features[~inside], left[~inside], recent[~inside])
        apart[inside] = hall[inside] + LEARNT * _from(known, features[inside])
    trees = _trees(features, left, recent)
    predicted = np.maximum(apart, 0.0)
    levels, means, bands = _by_level(rows, waits, predicted, recent)
    update("fit", 11, 11)
    offset, slope, size = (float(one) for one in weights)
    return HallFit(scales, usual, (offset, slope, size), trees, levels, means, bands, len(rows))


def _trees(features: Floats, left: Floats, recent: Floats) -> Any:
    """Learn what the hall leaves; one thread, so that the order of sums is the same everywhere."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    trees = HistGradientBoostingRegressor(
        loss="absolute_error",
        max_iter=150,
        learning_rate=0.05,
        max_leaf_nodes=15,
        min_samples_leaf=min(60, max(len(left) // 40, 5)),
        l2_regularization=1.0,
        early_stopping=False,
        random_state=0,
    )
    with threadpool_limits(1, user_api="openmp"):
        return trees.fit(features, left, sample_weight=recent)


def _from(trees: Any, features: Floats) -> Floats:
    with threadpool_limits(1, user_api="openmp"):
        return np.asarray(trees.predict(features), dtype=np.float64)


def _rounded(values: Floats) -> Floats:
    """Round to a thousandth of a minute: the last bits, which differ between processors, decide nothing."""
    return np.round(values, 3)


def _some_days(rows: pl.DataFrame) -> pl.DataFrame:
    days = rows["date"].unique().sort()
    if len(days) <= MOST_DAYS:
        return rows
    at = np.round(np.linspace(0, len(days) - 1, MOST_DAYS)).astype(np.int64)
    return rows.filter(pl.col("date").is_in(days.gather(at).implode()))


def _terms(rows: pl.DataFrame, minutes: Floats) -> Floats:
    each = rows["passengers"].to_numpy() / rows["flights"].to_numpy() / 15.0
    return np.column_stack([np.ones_like(minutes), minutes, each])


def _search(rows: pl.DataFrame, usual: Floats, update: Update) -> Scales:
    """Search the scales on a lattice that gets finer; the objective is rounded, so that ties stay ties."""
    of = arrivals(rows)
    waits = rows["mean_wait"].to_numpy().astype(np.float64)
    booths = rows["booths"].to_numpy().astype(np.float64)
    tried: dict[tuple[float, ...], float] = {}

    def error(at: tuple[float, ...]) -> float:
        if at not in tried:
            tried[at] = _error(of, booths, usual, rows, waits, at)
        return tried[at]

    best: tuple[float, ...] = START
    for number, stride in enumerate(STRIDES):
        update("fit", 2 * number, 11)
        for _ in range(12):
            near = [_stepped(best, axis, sign * stride) for axis in range(4) for sign in (1, -1)]
            chosen = min([best, *near], key=lambda at: (error(at), at != best, at))
            if chosen == best:
                break
            best = chosen
    return _scales(best)


def _stepped(at: tuple[float, ...], axis: int, stride: float) -> tuple[float, ...]:
    """Move one coordinate on the lattice, inside its limits; powers go by half strides."""
    moved = list(at)
    step = stride if axis in (0, 3) else stride / 2.0
    moved[axis] = round(min(max(at[axis] + step, LOWER[axis]), UPPER[axis]), 4)
    return tuple(moved)


def _scales(at: tuple[float, ...]) -> Scales:
    return Scales(float(np.exp(at[0])), at[1], at[2], float(np.exp(at[3])))


def _error(
    of: Arrivals, booths: Floats, usual: Floats, rows: pl.DataFrame, waits: Floats, at: tuple[float, ...]
) -> float:
    terms = _terms(rows, queue_minutes(of, booths, usual, _scales(at)))
    weights = _least_absolute(terms, waits, np.ones_like(waits), rounds=4)
    # More queue must not mean a shorter wait: such a fit would answer a change of traffic backwards.
    return round(float(np.abs(waits - terms @ weights).mean()), 5) + (10.0 if weights[1] <= 0 else 0.0)


def _least_absolute(terms: Floats, waits: Floats, recent: Floats, *, rounds: int = 25) -> Floats:
    """Fit weights with the least absolute error, by least squares that are weighted again and again."""
    weights: Floats = np.zeros(terms.shape[1])
    scale: Floats = np.sqrt(recent)
    for _ in range(rounds):
        weights = np.asarray(np.linalg.lstsq(terms * scale[:, None], waits * scale, rcond=None)[0])
        scale = np.asarray(np.sqrt(recent / np.maximum(np.abs(waits - terms @ weights), 0.05)))
    return np.round(weights, 4)


def _features(rows: pl.DataFrame, around: pl.DataFrame, minutes: Floats) -> Floats:
    """Give what the trees see: hour, weekday, the queue, traffic and booths of it and its neighbours."""
    names = ["passengers", "flights", "booths"]
    stamp = pl.col("date").cast(pl.Int32).cast(pl.Int64) * 24 + pl.col("hour")
    table = around.select(stamp.alias("stamp"), *names)
    seen = rows.select(stamp.alias("stamp"), "hour", pl.col("date").dt.weekday().alias("weekday"), *names)
    for k in NEIGHBOURS:
        moved = table.select(
            (pl.col("stamp") - k).alias("stamp"), *(pl.col(name).alias(f"{name}{k}") for name in names)
        )
        seen = seen.join(moved, on="stamp", how="left", maintain_order="left")
    seen = seen.fill_null(0.0).with_columns(
        (pl.col("passengers") / pl.col("booths")).round(3).alias("a booth"),
        (pl.col("passengers") / pl.col("flights")).round(3).alias("a flight"),
        ((pl.col("passengers") + pl.col("passengers-1")) / pl.col("booths")).round(3).alias("two hours"),
    )
    found = seen.drop("stamp").to_numpy().astype(np.float64)
    return np.column_stack([found, minutes])


def _by_level(
    rows: pl.DataFrame, waits: Floats, predicted: Floats, recent: Floats
) -> tuple[Floats, Floats, Floats | None]:
    """Give, by class of predicted wait, the mean and the bands of measured waits over travellers."""
    order = np.argsort(predicted, kind="stable")
    parts = np.array_split(order, LEVELS)
    people = rows["passengers"].to_numpy() * recent
    levels = np.array([np.average(predicted[part], weights=people[part]) for part in parts])
    means = np.array([np.average(waits[part], weights=people[part]) for part in parts])
    bands = rows.select(BANDS).to_numpy().astype(np.float64)
    have = ~np.isnan(bands).any(axis=1)
    if not all(have[part].any() for part in parts):
        return levels, means, None
    shares = []
    for part in parts:
        some = part[have[part]]
        counted = (bands[some] * recent[some][:, None]).sum(axis=0)
        shares.append(counted / max(counted.sum(), 1e-9))
    return levels, means, np.array(shares)
