"""What has become of stays without a record after their last lawful day: gone unseen, or still here.

Of the admissions whose last lawful day has passed (due stays), d days after it,

* ``m a(d)`` left in time and no record ever comes (a: they have not entered again by now),
* ``l k(d) a(d)`` left in time and their record is still under way,
* ``o h(d)`` stayed on and are still here,

with m, l and o rates by mode and class, and curves that all share: k from 1 to 0, h down to 1. Four things
that are seen say how large these are: due stays whose document entered again and whose exit is not on record
(m, l); records received only after the last lawful day, of exits before it, corrected for those that cannot
have come yet (l, k); exits after the last lawful day (h); and the open stays themselves, the sum of all
three. No truth is needed, and nothing is asked of exits that a matcher found but their probability.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl

from biomatch import portable
from biomatch.portable.types import Floats, Ints

Groups = tuple[dict[str, int], dict[str, int], dict[str, int]]

LAST_DAY = 2_000
"""Days over are followed so far; more count as so many."""
PARTY = 3.0
"""How many times more counts vary than a Poisson law's: travellers of a party share one fate. Mean square
over mean of parties' sizes is 2.3 (NTTO 2019 [V7, V8]: 61% alone, 22% couples, 17% families, of 3.7 on
average); counts of unrecorded exits in eight synthetic worlds (land-border, seeds 20 to 27) varied 3.1 times
as much."""
GUESSES = {"missed": 0.005, "late": 0.003, "over": 0.006}
"""Rates before anything is seen: 1.04% reported in-country [S1], 42% of that in error [A10], 58% true."""
_ALL = {"missed": 1.0, "late": 1.0, "over": 1.0}
_MODE = {"missed": 1.0, "late": 1.0, "over": 0.25}
_CLASS = {"missed": 0.3, "late": 0.3, "over": 1.0}
_PAIR = {"missed": 0.4, "late": 0.2, "over": 0.1}
_RECORDS = 0.5
"""Standard deviations of the natural logarithms of rates: of all together (a guess may be wrong by a factor
of 3), of modes (a land exit may go unrecorded five times as often as one by air), of classes (published
in-country rates by class differ by a factor of five [S10]), and of what a class does by one mode more
than by another (a land port that records nobody's exit makes its classes alike); `_RECORDS` is what the
classes' missed and late records have in common (who is hard to record is hard to record in time). Assumed
from there."""

_STEPS = 60


@dataclass(frozen=True, eq=False)
class OverdueStays:
    """Rates and curves of due stays.

    Attributes
    ----------
    groups : tuple of dict of str to int
        Places of the modes, of the classes and of their pairs among the effects of one rate.
    weights : ndarray of float64
        Shape (2,), sums to 1: few stays may be explained either by missed records or by people who stay on;
        these are the posterior weights of the two peaks (which mostly coincide).
    effects : ndarray of float64
        Shape (2, 3 (1 + modes + classes + pairs)): logarithm of each rate, in the order of `GUESSES`: all
        together, then what each mode, each class and each pair of both adds.
    covariance : ndarray of float64
        Shape (2, effects, effects): posterior covariance around each peak (Laplace approximation).
    under_way : ndarray of float64
        Shape (LAST_DAY + 1,): k, at whole days after the last lawful day.
    staying : ndarray of float64
        Shape (LAST_DAY + 1,): h.
    later : ndarray of float64
        Shape (LAST_DAY + 1,): exits on record later than so many days after the last lawful day, as a share
        of due stays.
    """

    groups: Groups
    weights: Floats
    effects: Floats
    covariance: Floats
    under_way: Floats
    staying: Floats
    later: Floats

    @classmethod
    def fit(cls, stays: pl.DataFrame) -> Self:
        """Fit from stays; those that are not due are left out.

        Parameters
        ----------
        stays : polars.DataFrame
            Columns mode, class (str); over (float: days from the end of the last lawful day to the date of
            the list); exit_over, received_over (float: the same to the exit on record and to its receipt;
            null: none); closed (float in [0, 1]: how surely an exit is on record); again (bool: the
            document entered again); away (float in [0, 1]: chance that who left in time has not).
        """
        due = stays.filter(pl.col("over") > 0)
        over = _days(due["over"])
        closed, again = due["closed"].to_numpy(), due["again"].to_numpy()
        exit_over = due["exit_over"].fill_null(np.inf).to_numpy()
        received = np.maximum(due["received_over"].fill_null(np.inf).to_numpy(), 0.0)
        away = due["away"].to_numpy()
        on_record = np.where(np.isfinite(exit_over), closed, 0.0)
        in_time = on_record * (exit_over <= 0)
        late_by = np.where(np.isfinite(received), np.ceil(received), 0.0)
        pending = _still_to_come(late_by, over, in_time)
        under_way = pending / max(float(pending[0]), 1e-12) if pending[0] > 0 else np.zeros(LAST_DAY + 1)
        later = _later_exits(np.where(exit_over > 0, exit_over, 0.0), over, on_record * (exit_over > 0))

        groups = (_places(due["mode"]), _places(due["class"]), _places(_pairs(due["mode"], due["class"])))
        precision = _prior_precision(*(len(names) for names in groups))
        x, g = _design(groups, due["mode"], due["class"])
        k = under_way[over]
        count = len(x)

        def total(value: Floats) -> Floats:
            return np.bincount(g, value, count).astype(np.float64)

        open_ = np.where(again, 0.0, 1.0 - closed)
        unseen = np.where(again, 1.0 - closed, 0.0)
        arrived = in_time * (late_by > 0)
        ones = np.ones(len(due))
        over_rate = GUESSES["over"]
        zero = np.zeros(count)
        for _ in range(4):  # h is told from the share that stays on, and that share with h
            staying = 1.0 + later / over_rate
            exposure = np.array(
                [
                    [total(again * ones), total(again * k), zero],
                    [zero, total(in_time * (1.0 - k)), zero],
                    [total(away), total(away * k), total(staying[over])],
                ]
            )
            seen = np.array([total(unseen), total(arrived), total(open_)])
            weights, effects, covariance = _peaks(x, exposure / PARTY, seen / PARTY, precision)
            stay_on = portable.dot(weights, portable.exp(portable.dot(effects.reshape(2, 3, -1)[:, 2], x.T)))
            mean = float(portable.dot(stay_on, total(ones))) / max(len(due), 1)
            over_rate = max(mean, 0.1 * GUESSES["over"])
        return cls(groups, weights, effects, covariance, under_way, staying, later)

    def rates(self, mode: pl.Series, admission: pl.Series) -> Floats:
        """Give missed, late and over by stay: shape (3, n), shares of the due stays of its mode and class."""
        x, g = _design(self.groups, mode, admission)
        rates = portable.exp(portable.dot(self.effects.reshape(6, -1), x.T)).reshape(2, 3, -1)
        return np.asarray((self.weights[0] * rates[0] + self.weights[1] * rates[1])[:, g])

    def departed(self, mode: pl.Series, admission: pl.Series, over: Floats, away: Floats) -> Floats:
        """Give P(departed) of due stays without a record and without a next entry.

        Parameters
        ----------
        mode, admission : polars.Series
            Mode and class of the entries; unknown ones count as average.
        over : ndarray
            Shape (n,): days since the end of the last lawful day.
        away : ndarray
            Shape (n,): chance that who left in time has not entered again.

        Returns
        -------
        ndarray
            In (0, 1): the expectation over what is not known of the rates.
        """
        found = np.zeros(len(over))
        if not len(over):
            return found
        for weight, peak in zip(self.weights, self._odds(mode, admission, over, away), strict=True):
            odds, _, variance, _ = peak
            found += weight * _expected(odds, variance)
        return found

    def spread(
        self, mode: pl.Series, admission: pl.Series, over: Floats, away: Floats, scale: Floats
    ) -> float:
        """Give the variance of the sum of ``scale * P(departed)``, from what is not known of the rates alone.

        Parameters
        ----------
        mode, admission, over, away
            As `departed` takes them.
        scale : ndarray
            Shape (n,).

        Notes
        -----
        The sum is linear in the logarithms of the rates around each peak (the delta method); that the two
        peaks differ adds their own variance.
        """
        if not len(over):
            return 0.0
        sums, squares = [], []
        for (odds, slope, variance, groups), covariance in zip(
            self._odds(mode, admission, over, away), self.covariance, strict=True
        ):
            x, g = groups
            p = _expected(odds, variance)
            pull = scale * p * (1.0 - p) / np.sqrt(1.0 + np.pi * variance / 8.0)
            by_group = np.stack([np.bincount(g, pull * row, len(x)) for row in slope])
            gradient = np.asarray(portable.dot(by_group, x), dtype=np.float64).reshape(1, -1)
            sums.append(math.fsum(scale * p))
            squares.append(float(portable.dot(portable.dot(gradient, covariance), gradient.T)[0, 0]))
        weights = self.weights.tolist()
        mean = math.fsum(w * value for w, value in zip(weights, sums, strict=True))
        return math.fsum(
            w * (square + (value - mean) ** 2)
            for w, square, value in zip(weights, squares, sums, strict=True)
        )

    def _odds(
        self, mode: pl.Series, admission: pl.Series, over: Floats, away: Floats
    ) -> Iterator[tuple[Floats, Floats, Floats, tuple[Floats, Ints]]]:
        """Give, for each peak, log odds of having left, their gradient in log rates, their variance."""
        x, g = _design(self.groups, mode, admission)
        day = _days(pl.Series(over))
        size = x.shape[1]
        back, here = portable.log(np.maximum(away, 1e-6)), portable.log(np.maximum(self.staying[day], 1e-6))
        for effects, covariance in zip(self.effects, self.covariance, strict=True):
            missed, late, stay = portable.dot(effects.reshape(3, -1), x.T)[:, g]
            gone = portable.logaddexp(missed, late + portable.log(np.maximum(self.under_way[day], 1e-12)))
            odds = gone + back - stay - here
            # Gradient of the log odds in the three log rates, and the variance that it gives.
            share = portable.exp(missed - gone)
            slope = np.stack([share, 1.0 - share, -np.ones(len(day))])
            variance = np.zeros(len(day))
            for a in range(3):
                for b in range(3):
                    part = covariance[a * size : (a + 1) * size, b * size : (b + 1) * size]
                    among = portable.fold(portable.dot(x, part) * x)
                    variance += slope[a] * among[g] * slope[b]
            yield odds, slope, variance, (x, g)

    def left_late(self, over: Floats) -> Floats:
        """Give P(left after the last lawful day | left without a record), so many days after it."""
        day = np.clip(over, 0, LAST_DAY).astype(np.int64)
        return np.where(over > 0, self.later[0] - self.later[day], 0.0)


def _expected(odds: Floats, variance: Floats) -> Floats:
    """Give the expectation of a logistic function of a normal variable (MacKay, Neural Comput. 4, 1992)."""
    return np.asarray(1.0 / (1.0 + portable.exp(-odds / np.sqrt(1.0 + np.pi * variance / 8.0))))


def _days(days: pl.Series) -> Ints:
    return np.asarray(np.clip(days.to_numpy(), 0, LAST_DAY), dtype=np.int64)


def _places(names: pl.Series) -> dict[str, int]:
    return {name: at for at, name in enumerate(sorted(names.unique().to_list()))}


def _pairs(mode: pl.Series, admission: pl.Series) -> pl.Series:
    return pl.select(pl.concat_str(mode, admission, separator=" ")).to_series()


def _design(groups: Groups, mode: pl.Series, admission: pl.Series) -> tuple[Floats, Ints]:
    """Give a row of the design for every group that occurs, and each stay's group."""
    pair = _pairs(mode, admission)
    names = pair.unique().sort()
    group = pair.rank("dense").cast(pl.Int64).to_numpy() - 1
    modes, classes, pairs = groups
    rows = np.zeros((len(names), 1 + len(modes) + len(classes) + len(pairs)))
    rows[:, 0] = 1.0
    for row, name in enumerate(names):
        one, _, two = name.partition(" ")
        begin = 1
        for places, key in ((modes, one), (classes, two), (pairs, name)):
            if key in places:
                rows[row, begin + places[key]] = 1.0
            begin += len(places)
    return rows, group


def _still_to_come(late_by: Floats, over: Ints, weight: Floats) -> Floats:
    """Give the chance, d days after the last lawful day, that a record that comes has not yet come.

    A record that would come after the date of the list is not seen, so delays are truncated on the right;
    the product-limit estimate in reversed time is free of that (Lagakos, Barraj and De Gruttola, Biometrika
    75, 1988): of the records that came within y days, of stays that are over for y days at least, the share
    that came on day y.
    """
    day = np.minimum(late_by, LAST_DAY).astype(np.int64)
    size = LAST_DAY + 1
    on_day = np.bincount(day, weight, size)
    came = np.cumsum(on_day)
    gone = np.cumsum(np.bincount(np.maximum(over, day), weight, size)) if len(day) else np.zeros(size)
    at_risk = came - np.concatenate([[0.0], gone[:-1]])
    share = np.where(on_day > 0, on_day / np.maximum(at_risk + 1.0, 1.0), 0.0)
    by_then = np.cumprod((1.0 - share)[::-1])[::-1]  # P(came within y - 1 days), y from 0
    return np.asarray(1.0 - np.append(by_then[1:], 1.0))


def _later_exits(exit_over: Floats, over: Ints, weight: Floats) -> Floats:
    """Give the exits on record later than d days after the last lawful day, as a share of due stays."""
    size = LAST_DAY + 1
    exits = np.bincount(np.minimum(np.ceil(exit_over), LAST_DAY).astype(np.int64), weight, size)
    at_risk = np.bincount(over, minlength=size)[::-1].cumsum()[::-1]
    rate = exits / (at_risk + 1.0)
    rate[0] = 0.0
    return np.asarray(rate[::-1].cumsum()[::-1] - rate)


def _prior_precision(modes: int, classes: int, pairs: int) -> Floats:
    """Give the inverse covariance of the effects before anything is seen."""
    size = 1 + modes + classes + pairs
    covariance = np.zeros((3, size, 3, size))
    for row, name in enumerate(GUESSES):
        spread = np.repeat([_ALL[name], _MODE[name], _CLASS[name], _PAIR[name]], [1, modes, classes, pairs])
        covariance[row, :, row, :] = np.diag(spread**2)
    at = np.arange(1 + modes, 1 + modes + classes)
    for one, other in ((0, 0), (0, 1), (1, 0), (1, 1)):
        covariance[one, at, other, at] += _RECORDS**2
    return portable.inverse(covariance.reshape(3 * size, 3 * size))


def _peaks(x: Floats, exposure: Floats, seen: Floats, precision: Floats) -> tuple[Floats, Floats, Floats]:
    """Climb from both explanations of what is open; weigh the peaks by height and width."""
    size = x.shape[1]
    found = []
    for row in (0, 2):
        start = np.zeros((3, size))
        start[row, 0] = portable.log(10.0)
        found.append(_posterior(x, exposure, seen, precision, start.ravel()))
    height = np.array([value + 0.5 * portable.log_determinant(covariance) for value, _, covariance in found])
    weights = portable.exp(height - height.max())
    effects, covariance = (np.stack([peak[at] for peak in found]) for at in (1, 2))
    return weights / weights.sum(), effects, covariance


def _posterior(
    x: Floats, exposure: Floats, seen: Floats, precision: Floats, start: Floats
) -> tuple[float, Floats, Floats]:
    """Maximise Poisson counts times log-normal priors; give the height, the peak, the inverse information.

    Parameters
    ----------
    x : ndarray
        Shape (g, p): design of one rate; the three rates share it.
    exposure : ndarray
        Shape (3, 3, g): kind of count, rate, group.
    seen : ndarray
        Shape (3, g): counts.
    precision : ndarray
        Shape (3 p, 3 p): inverse covariance of the prior.
    start : ndarray
        Shape (3 p,): where to begin, from the prior's mean.
    """
    size = x.shape[1]
    mean = np.zeros((3, size))
    for row, name in enumerate(GUESSES):
        mean[row, 0] = portable.log(GUESSES[name])

    def state(effects: Floats) -> tuple[float, Floats, Floats]:
        parts = exposure * portable.exp(portable.dot(effects.reshape(3, -1), x.T))  # (kind, rate, group)
        expected = parts.sum(axis=1) + 1e-12
        away = effects - mean.ravel()
        drawn = portable.dot(precision, away)
        value = float((seen * portable.log(expected) - expected).sum() - 0.5 * portable.dot(away, drawn))
        residual = seen / expected - 1.0
        pulled = (parts * residual[:, None, :]).sum(axis=0)
        gradient = portable.dot(pulled, x).ravel() - drawn
        pull = parts / np.sqrt(expected)[:, None, :]
        slopes = (pull.transpose(0, 2, 1)[..., None] * x[:, None, :]).reshape(-1, 3 * size)
        return value, gradient, portable.dot(slopes.T, slopes) + precision

    effects = mean.ravel() + start
    value, gradient, information = state(effects)
    damping = 1e-3
    for _ in range(_STEPS):
        step = portable.solve(information + damping * np.diag(np.diag(information)), gradient)
        trial = effects + step
        found = state(trial)
        if found[0] >= value:
            effects, (value, gradient, information), damping = trial, found, damping / 10
            if np.abs(step).max() < 1e-9:
                break
        else:
            damping *= 10
    return value, effects, portable.inverse(information)
