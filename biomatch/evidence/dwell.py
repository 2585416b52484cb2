"""How long people stay, by class of admission: density of the dwell time against a uniform one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from biomatch import portable
from biomatch.errors import TableError

EDGES = (0.0, 1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90, 120, 180, 270, 365, 730, 1460, 3650)
"""Edges of the dwell classes, days: narrow where most visits end (assumed; mean visit 17 to 19 nights)."""
_PSEUDO = 20.0  # stays' worth of the pooled distribution that each class starts with (assumed)


@dataclass(frozen=True)
class DwellDensity:
    """Histogram densities of dwell time by class.

    Attributes
    ----------
    densities : mapping of str to tuple of float
        Per class: density in 1/day in each cell of `EDGES`; ``""``: all classes together.
    """

    densities: Mapping[str, tuple[float, ...]]

    @classmethod
    def fit(cls, days: NDArray[np.float64], classes: NDArray[Any]) -> Self:
        """Count dwell times of linked stays.

        Parameters
        ----------
        days : ndarray
            Shape (n,): exit minus entry, in days, at least 0.
        classes : ndarray of str
            Shape (n,): class of admission.

        Notes
        -----
        Every class is shrunk to the pooled histogram by the weight of 20 stays, and that by one stay
        spread evenly over the cells, so no possible dwell time has density 0.
        """
        if len(days) != len(classes):
            raise TableError(f"{len(days)} dwell times and {len(classes)} classes", allowed="equal lengths")
        edges = np.array(EDGES)
        cells = len(edges) - 1
        at = np.clip(np.searchsorted(edges, days, side="right") - 1, 0, cells - 1)
        pooled = np.bincount(at, minlength=cells) + 1.0 / cells
        pooled /= pooled.sum()
        found = {"": pooled}
        for name in np.unique(np.asarray(classes, dtype=str)):
            own = np.bincount(at[classes == name], minlength=cells) + _PSEUDO * pooled
            found[str(name)] = own / own.sum()
        return cls({name: tuple((share / np.diff(edges)).tolist()) for name, share in found.items()})

    def llr(
        self, days: NDArray[np.float64], classes: NDArray[Any], window_days: float
    ) -> NDArray[np.float64]:
        """Give ln(density of the dwell time / 1/window): against an exit at any time of the window.

        Parameters
        ----------
        days : ndarray
            Shape (n,): exit minus entry, in days; negative ones are impossible and give -inf.
        classes : ndarray of str
            Shape (n,): class of admission of the entry.
        window_days : float
            Length of the period that exits were drawn from, days, above 0.
        """
        at = np.clip(np.searchsorted(np.array(EDGES), days, side="right") - 1, 0, len(EDGES) - 2)
        names = sorted(self.densities)
        table = portable.log(np.array([self.densities[name] for name in names]))
        known, inverse = np.unique(np.asarray(classes, dtype=str), return_inverse=True)
        rows = np.array([names.index(name) if name in self.densities else names.index("") for name in known])
        if not len(days):
            return np.empty(0)
        return np.where(days < 0, -np.inf, table[rows[inverse], at] + portable.log(window_days))

    def within(self, days: NDArray[np.float64], classes: NDArray[Any]) -> NDArray[np.float64]:
        """Give the chance of a dwell time of at most so many days: in [0, 1], shape (n,).

        Parameters
        ----------
        days : ndarray
            Shape (n,); negative ones give 0.
        classes : ndarray of str
            Shape (n,): class of admission of the entry; an unknown one counts as all together.
        """
        edges = np.array(EDGES)
        names = np.asarray(classes, dtype=str)
        out = np.zeros(len(days))
        for name in np.unique(names):
            density = np.array(self.densities.get(str(name), self.densities[""]))
            reached = np.concatenate([[0.0], np.cumsum(density * np.diff(edges))])
            at = names == name
            out[at] = np.interp(days[at], edges, reached)
        return np.clip(out, 0.0, 1.0)

    def to_json(self) -> dict[str, Any]:
        """Give the densities as plain data."""
        return {"edges": list(EDGES), "densities": {name: list(d) for name, d in self.densities.items()}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave."""
        if list(data["edges"]) != list(EDGES):
            raise TableError("dwell densities over other cells", allowed=f"{list(EDGES)}", remedy="fit again")
        return cls({name: tuple(values) for name, values in data["densities"].items()})
