"""The rates of each of a system's searches: a search has an N, a threshold and denominators of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from biomatch.curves.clustered_rates import by_subject
from biomatch.policy import OperatingPoint
from biomatch.rates import Rate, clustered_rate


@dataclass(frozen=True)
class SearchRates:
    """What one of the searches answered, at the point's threshold for it.

    Attributes
    ----------
    policy : str
        Whose gallery was searched.
    threshold : float
        T; where the point has thresholds by port or mode, that of all others.
    enrolled : tuple of int
        Median, least and greatest N over counted, acquired searches; zeros without any.
    fpir, fnir : Rate
        FPIR(N, T) over acquired non-mated searches and FNIR(N, L, T) over acquired mated ones, in [0, 1],
        the searches of one traveller taken as one cluster; no value where there was none.
    system_miss_rate : Rate
        (misses + mated failures to acquire) / (mated searches + mated failures to acquire).
    """

    policy: str
    threshold: float
    enrolled: tuple[int, int, int]
    fpir: Rate
    fnir: Rate
    system_miss_rate: Rate

    @classmethod
    def of(cls, trials: pl.DataFrame, policy: str, point: OperatingPoint) -> SearchRates:
        """Count the judged trials of one search (see `Result.trials`)."""
        counted = trials.filter("counted")
        mated = counted.filter(pl.col("mated") & ~pl.col("designed"))
        refused = counted.filter(~pl.col("mated") & pl.col("acquired"))
        own = refused.filter(~pl.col("designed"))
        sizes = counted.filter(pl.col("acquired") & ~pl.col("designed"))["enrolled_count"]
        enrolled = (0, 0, 0)
        if len(sizes):
            values = sizes.to_numpy()
            enrolled = (int(sizes.median() or 0), int(values.min()), int(values.max()))  # type: ignore[arg-type]
        return cls(
            policy=policy,
            threshold=point.search_threshold(policy),
            enrolled=enrolled,
            fpir=_clustered(own if own.height else refused, "false_positive"),
            fnir=_clustered(mated.filter("acquired"), "missed"),
            system_miss_rate=_clustered(mated, "missed"),
        )

    def to_json(self) -> dict[str, Any]:
        """Give counts and rates as plain data."""
        middle, least, most = self.enrolled
        return {
            "threshold": self.threshold,
            "enrolled_count": {"median": middle, "least": least, "greatest": most},
            "fpir": self.fpir.to_json(),
            "fnir": self.fnir.to_json(),
            "system_miss_rate": self.system_miss_rate.to_json(),
        }


def _clustered(part: pl.DataFrame, event: str) -> Rate:
    errors, trials = by_subject(part[event].to_numpy(), part["person_id"].to_numpy())
    return clustered_rate(errors, trials)
