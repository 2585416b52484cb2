"""Rates along the thresholds of a slider, from the judged trials of a result.

The same counts and intervals as `Result.fnir`, `Result.fpir` and `Result.by` give at one threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.evaluation.miss_causes import CAUSES, causes_of_misses
from biomatch.evaluation.result import Result
from biomatch.policy import accept
from biomatch.portable.types import Reals
from biomatch.rates import clustered_rate
from biomatch.reporting.figures import Ratio
from biomatch.reporting.tables import Along

TARGETS = (0.3, 0.1, 0.05, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001, 0.00001)
"""FPIR to which a reader can jump, where the slider has such a stop."""
MOST_STOPS = 40
"""Stops that are put where rates change, besides those of the grid."""


@dataclass(frozen=True, slots=True)
class Slider:
    """The thresholds at which a report can stand.

    Attributes
    ----------
    thresholds : tuple of float
        Ascending; the tuned one among them.
    tuned : int
        Position of the tuned threshold.
    linked : tuple of int
        For each position the nearest one at which all stays were linked again, itself where they were.
    """

    thresholds: tuple[float, ...]
    tuned: int
    linked: tuple[int, ...]

    @classmethod
    def of(cls, result: Result, most: int = MOST_STOPS) -> Slider:
        """Take the grid of a result and stops where its rates change; only the tuned threshold without grid.

        Parameters
        ----------
        result : Result
            What was judged.
        most : int
            Stops besides those of the grid, spread over the logarithms of the counts: each changes a count.
        """
        tuned = float(result.point.face_threshold)
        found = [float(one) for one in result.grid["threshold"]] if "threshold" in result.grid.columns else []
        grid = {*found, tuned}
        ascending = tuple(sorted(grid | (stops_of(result, most) if found and most else set())))
        counted = np.array([at for at, one in enumerate(ascending) if one in grid])
        values = np.array(ascending)
        nearest = np.abs(values[:, None] - values[counted][None, :]).argmin(axis=1)
        return cls(ascending, ascending.index(tuned), tuple(int(one) for one in counted[nearest]))

    def alone(self) -> Self:
        """Give a slider that stands at the tuned threshold and nowhere else."""
        return type(self)((self.thresholds[self.tuned],), 0, (0,))

    @property
    def counted(self) -> tuple[int, ...]:
        """Positions at which all stays were linked again, ascending."""
        return tuple(sorted(set(self.linked)))


def stops_of(result: Result, most: int) -> set[float]:
    """Choose thresholds at each of which a count changes, as the shortest decimals that decide so.

    Counts are spread evenly over their logarithms, down from half of either class (beyond it nobody
    operates); the lowest threshold that keeps FPIR at or below each of `TARGETS` is among them.
    """
    own, designed = result.curve, result.designed_curve
    curve = own if own.non_mated or designed is None else designed
    points = curve.points(rank=result.list_length)
    if not points.thresholds.size:
        return set()
    false, missed = points.false_positives, points.misses
    chosen: dict[tuple[int, int], int] = {}

    def take(at: int) -> None:
        if 0 <= at < false.size:
            chosen.setdefault((int(false[at]), int(missed[at])), at)

    for target in TARGETS if curve.non_mated else ():
        take(int(np.searchsorted(-false, -np.floor(target * curve.non_mated + 1e-9), side="left")))
    for counts, trials in ((false, curve.non_mated), (missed, curve.mated)):
        for level in [0, *_levels(trials // 2, most // 2)]:
            if counts is false:  # the lowest threshold with so few false positives
                take(int(np.searchsorted(-false, -level, side="left")))
            else:  # the highest one with so few misses
                take(int(np.searchsorted(missed, level, side="right")) - 1)
    return {points.decimal(at) for at in chosen.values()}


def where_counted(along: Along, slider: Slider) -> Along:
    """Keep the values of the positions at which all stays were linked again; elsewhere there is none."""
    return Along(tuple(value if slider.linked[at] == at else None for at, value in enumerate(along.values)))


def _levels(top: int, most: int) -> list[int]:
    return [int(one) for one in np.unique(np.geomspace(1, top, most).round())] if top >= 1 else []


def own_non_mated(trials: pl.DataFrame) -> pl.DataFrame:
    """Choose the non-mated trials that `Result.fpir` is over: the policy's own, else the designed ones."""
    other = trials.filter(pl.col("counted") & ~pl.col("mated") & pl.col("acquired"))
    own = other.filter(~pl.col("designed"))
    return own if own.height else other


def mated(trials: pl.DataFrame) -> pl.DataFrame:
    """Choose the mated trials that count, acquired or not."""
    return trials.filter(pl.col("counted") & pl.col("mated") & ~pl.col("designed"))


def hit_scores(part: pl.DataFrame, list_length: int) -> Reals:
    """Give the score by which each mated trial is a hit at rank L: (n,), -inf where nothing makes one."""
    rank = part["mate_rank"].to_numpy()
    listed = part["acquired"].to_numpy() & (rank >= 1) & (rank <= list_length)
    return np.where(listed, part["mate_listed_score"].to_numpy(), np.float32(-np.inf))


@dataclass(frozen=True)
class Tracks:
    """Rates and counts of parts of a result's trials, at each position of a slider.

    At the tuned position each trial meets its own threshold (a point may set one by mode or port); at
    the others all meet the slider's.

    Attributes
    ----------
    result : Result
        What was judged.
    slider : Slider
        Its thresholds.
    """

    result: Result
    slider: Slider

    def fpir(self, part: pl.DataFrame) -> Along:
        """Rate false positives among acquired non-mated trials."""
        return self._rates(part, part["top_score"].to_numpy(), complement=False)

    def fnir(self, part: pl.DataFrame) -> Along:
        """Rate misses among mated trials: FNIR of the acquired ones, the system's miss rate of all."""
        return self._rates(part, hit_scores(part, self.result.list_length), complement=True)

    def causes(self, part: pl.DataFrame) -> dict[str, Along]:
        """Rate each cause of misses among mated trials, every cause named."""
        people = _People.of(part)
        found: dict[str, list[Ratio]] = {cause: [] for cause in CAUSES}
        for position in range(len(self.slider.thresholds)):
            cuts = np.broadcast_to(np.asarray(self._cuts(part, position)), (part.height,))
            causes = causes_of_misses(part, cuts, self.result.list_length)
            for cause in CAUSES:
                found[cause].append(people.rate((causes == cause).fill_null(False).to_numpy()))
        return {cause: Along(tuple(values)) for cause, values in found.items()}

    def _cuts(self, part: pl.DataFrame, position: int) -> float | NDArray[np.float64]:
        if position == self.slider.tuned:
            return part["threshold"].to_numpy()
        return self.slider.thresholds[position]

    def _rates(self, part: pl.DataFrame, scores: Reals, *, complement: bool) -> Along:
        people = _People.of(part)
        found = []
        for position in range(len(self.slider.thresholds)):
            events = accept(scores, self._cuts(part, position))
            found.append(people.rate(~events if complement else events))
        return Along(tuple(found))


@dataclass(frozen=True, slots=True)
class _People:
    """Who made each trial, sorted once: the clusters of every interval of a part."""

    codes: NDArray[np.int64]
    trials: NDArray[np.int64]

    @classmethod
    def of(cls, part: pl.DataFrame) -> Self:
        codes = np.unique(part["person_id"].to_numpy(), return_inverse=True)[1].astype(np.int64)
        return cls(codes, np.bincount(codes).astype(np.int64))

    def rate(self, events: NDArray[np.bool_]) -> Ratio:
        errors = np.bincount(self.codes[events], minlength=self.trials.size)
        return Ratio.of(clustered_rate(errors, self.trials))
