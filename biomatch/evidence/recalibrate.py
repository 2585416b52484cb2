"""Recalibration of a probability on labelled training worlds: slope and intercept of its log odds.

Platt, "Probabilistic outputs for support vector machines" (1999); Cox, Biometrika 45 (1958), for the
slope and intercept as a test of calibration.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from biomatch import portable
from biomatch.errors import ModelError, TableError
from biomatch.files import read_json
from biomatch.paths import models_dir

FAMILY = "log-odds-line-1"
SHIPPED = "posterior.json"
"""File below ``models/`` of the line that ships with the package."""
FEWEST = 20
"""Cases of either kind from which a line is fitted."""
_EDGE = 1e-6


def _log_odds(probability: ArrayLike) -> NDArray[np.float64]:
    p = np.clip(np.asarray(probability, dtype=np.float64), _EDGE, 1 - _EDGE)
    return np.asarray(portable.log(p / (1 - p)))


@dataclass(frozen=True)
class Recalibration:
    """``logit p' = intercept + slope * logit p``.

    Attributes
    ----------
    slope, intercept : float
        1 and 0: the probability was calibrated. A slope below 1: it was too sure.
    lineages : tuple of int
        Worlds whose truth was used.
    """

    slope: float = 1.0
    intercept: float = 0.0
    lineages: tuple[int, ...] = ()

    @classmethod
    def fit(cls, probability: ArrayLike, happened: ArrayLike, lineages: tuple[int, ...] = ()) -> Self:
        """Fit by maximum likelihood (Newton's method).

        Parameters
        ----------
        probability : array_like
            Shape (n,), in [0, 1].
        happened : array_like of bool
            Shape (n,).
        lineages : tuple of int
            Worlds that the labels came from.

        Raises
        ------
        TableError
            For arrays of unequal length or probabilities outside [0, 1].
        ModelError
            With fewer than 20 cases of either kind.
        """
        p, y = np.asarray(probability, dtype=np.float64), np.asarray(happened, dtype=bool)
        if p.ndim != 1 or p.shape != y.shape or not ((p >= 0) & (p <= 1)).all():
            raise TableError(
                f"{p.shape} probabilities and {y.shape} labels", allowed="equal lengths; values in [0, 1]"
            )
        if min(y.sum(), (~y).sum()) < FEWEST:
            raise ModelError(
                f"{int(y.sum())} of {len(y)} happened",
                allowed=f"at least {FEWEST} of either kind",
                remedy="add worlds",
            )
        x = np.stack([np.ones(len(p)), _log_odds(p)])
        theta = np.array([0.0, 1.0])
        for _ in range(50):
            fitted = 1 / (1 + portable.exp(-np.clip(theta[0] * x[0] + theta[1] * x[1], -500, 500)))
            weight = fitted * (1 - fitted)
            # A pinch of ridge keeps the step finite where all probabilities are equal.
            information = portable.dot(x * weight, x.T) + 1e-6 * np.eye(2)
            step = portable.solve(information, portable.dot(x, y - fitted))
            theta = theta + np.clip(step, -1.0, 1.0)
            if np.abs(step).max() < 1e-10:
                break
        return cls(float(theta[1]), float(theta[0]), lineages)

    def apply(self, probability: ArrayLike) -> NDArray[np.float64]:
        """Give the recalibrated probabilities; 0 and 1 stay what they are."""
        p = np.asarray(probability, dtype=np.float64)
        moved = 1 / (1 + portable.exp(-(self.intercept + self.slope * _log_odds(p))))
        return np.asarray(np.where((p <= 0) | (p >= 1), p, moved))

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "family": FAMILY,
            "slope": self.slope,
            "intercept": self.intercept,
            "lineages": list(self.lineages),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Read what `to_json` gave."""
        if data.get("family") != FAMILY:
            raise ModelError(f"a recalibration of family {data.get('family')!r}", allowed=FAMILY)
        return cls(data["slope"], data["intercept"], tuple(data["lineages"]))


@cache
def shipped(folder: Path | None = None) -> Recalibration:
    """Read the line that ships with the package; it was fitted on worlds of reserved seeds.

    Raises
    ------
    ModelError
        When it is missing or cannot be read.
    """
    place = (folder or models_dir()) / SHIPPED
    try:
        return Recalibration.from_json(read_json(place, error=ModelError))
    except (ModelError, OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        raise ModelError(f"{place} is no recalibration ({fault})", remedy="run `make models`") from None
