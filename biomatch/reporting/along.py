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


@dataclass(frozen=True, slots=True)
class Slider:
    """The thresholds at which a report can stand.

    Attributes
    ----------
    thresholds : tuple of float
        Ascending; the tuned one among them.
    tuned : int
        Position of the tuned threshold.
    """

    thresholds: tuple[float, ...]
    tuned: int

    @classmethod
    def of(cls, result: Result) -> Slider:
        """Take the grid of a result; only the tuned threshold where it has none."""
        tuned = float(result.point.face_threshold)
        found = [float(one) for one in result.grid["threshold"]] if "threshold" in result.grid.columns else []
        ascending = tuple(sorted({*found, tuned}))
        return cls(ascending, ascending.index(tuned))

    def alone(self) -> Self:
        """Give a slider that stands at the tuned threshold and nowhere else."""
        return type(self)((self.thresholds[self.tuned],), 0)


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
